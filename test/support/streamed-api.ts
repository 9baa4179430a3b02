import { PassThrough } from 'node:stream'
import { expect } from 'vitest'
import type { InformerOptions } from '../../core/kube/informer.ts'
import type { KubeObject, Resource } from '../../core/kube/resource.ts'

/** An API server with one watch for each kind, by which a test says what happens. Everything comes as a stream. */
export function streamedApi(objects: Readonly<Record<string, readonly KubeObject[]>>) {
  const watches = new Map<string, PassThrough>()
  const line = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`
  const initialEnd = {
    metadata: { resourceVersion: '10', annotations: { 'k8s.io/initial-events-end': 'true' } },
  }
  const client: InformerOptions<KubeObject>['client'] = {
    list: () => Promise.reject(new Error('everything comes as a stream here')),
    openWatch: async (resource, { sendInitialEvents }, options) => {
      const stream = new PassThrough()
      options.signal.addEventListener('abort', () => stream.destroy(new Error('aborted')))
      watches.set(resource.plural, stream)
      if (sendInitialEvents) {
        for (const object of objects[resource.plural] ?? []) stream.write(line('ADDED', object))
        stream.write(line('BOOKMARK', initialEnd))
      }
      return stream
    },
  }
  const say = async (resource: Resource, type: string, object: KubeObject) => {
    await expect.poll(() => watches.has(resource.plural)).toBe(true)
    watches.get(resource.plural)?.write(line(type, object))
  }
  const hangUp = (resource: Resource) => {
    watches.get(resource.plural)?.end()
    watches.delete(resource.plural)
  }
  return { client, say, hangUp }
}
