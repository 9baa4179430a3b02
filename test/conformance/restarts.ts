import { describe, expect, it, vi } from 'vitest'
import { KubeClient } from '../../core/kube/client.ts'
import { type ConfigMap, configMaps } from '../../core/kube/core.ts'
import { isGone, isTransient } from '../../core/kube/errors.ts'
import { Informer, type InformerObserver } from '../../core/kube/informer.ts'
import { watch } from '../../core/kube/watch.ts'
import { systemClock as clock, systemRandom as random } from '../../core/base/clock.ts'
import { silentLogger } from '../support/silent-logger.ts'
import type { Backend } from './backend.ts'
import type { WorldOf } from './world.ts'

/** An API server that dies and comes back with an empty watch history. Runs last: it disturbs everybody. */
export function restartSuite(world: WorldOf, backend: Backend): void {
  const at = (name: string) => ({ namespace: world().namespace, name })

  if (!backend.restartable)
    console.warn(`skipped: restarts: ${backend.name} is not ours to restart`)
  describe.skipIf(!backend.restartable)('after a restart of the API server', () => {
    it('an informer ends up equal to it, and a version from before is gone', async () => {
      const { config, client, namespace, restart } = world()
      const before = await client.create(configMaps, { metadata: at('before') })
      for (let count = 0; count < 5; count += 1) {
        await client.create(configMaps, { metadata: at(`later-${count}`) })
      }
      let relists = 0
      const observer: InformerObserver = {
        onEvents: () => undefined,
        onRelist: () => {
          relists += 1
        },
        onMade: () => undefined,
        onStall: () => undefined,
        onInvalid: () => undefined,
      }
      const own = new KubeClient({ config, clock, random })
      const informer = new Informer<ConfigMap>({
        client: own,
        resource: configMaps,
        namespace,
        log: silentLogger,
        clock,
        random,
        observer,
      })
      const life = new AbortController()
      const running = informer.run({ signal: life.signal })
      await informer.synced({ signal: AbortSignal.timeout(10_000) })

      await restart(async () => {
        const lost = client.create(configMaps, { metadata: at('lost') })
        await expect(lost).rejects.toSatisfy(isTransient)
        expect(informer.get(namespace, 'before')).toBeDefined()
      })
      await vi.waitFor(
        async () => client.create(configMaps, { metadata: at('after'), data: { n: '1' } }),
        { timeout: 30_000, interval: 200 },
      )
      await vi.waitFor(() => expect(informer.get(namespace, 'after')).toBeDefined(), {
        timeout: 40_000,
        interval: 50,
      })
      const { items } = await client.list(configMaps, { namespace })
      const names = (objects: readonly ConfigMap[]) =>
        objects.map((object) => object.metadata.name).toSorted()
      expect(names(informer.list())).toEqual(names(items))
      life.abort(new Error('test is over'))
      await running
      await own.close()

      const old = async () => {
        const batches = watch(configMaps, {
          client,
          clock,
          namespace,
          resourceVersion: before.metadata.resourceVersion ?? '',
          timeoutSeconds: 5,
          signal: AbortSignal.timeout(10_000),
        })
        for await (const _ of batches) break
      }
      await expect(old()).rejects.toSatisfy(isGone)
      expect(relists).toBeLessThanOrEqual(2)
    })
  })
}
