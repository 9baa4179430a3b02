import type { RunningBackend } from './backend.ts'
import { KubeClient } from '../../core/kube/client.ts'
import type { KubeConfig } from '../../core/kube/config.ts'
import { namespaces } from '../../core/kube/built-in-kinds.ts'
import type { KubeObject, Resource } from '../../core/kube/resource.ts'
import { systemClock as clock, systemRandom as random } from '../../core/base/clock.ts'

/** The surroundings of each part of the suite: a client and a namespace of its own. */
export interface World {
  readonly config: KubeConfig
  readonly client: KubeClient
  readonly namespace: string
  /** See `RunningBackend`; only where the backend says that it works. */
  readonly restart: RunningBackend['restart']
}

/** Parts get a function, since the world exists only once the hooks have run. */
export type WorldOf = () => World

export async function createWorld(running: RunningBackend, part: string): Promise<World> {
  const { config, restart } = running
  const client = new KubeClient({ config, clock, random, userAgent: 'guildhall-conformance' })
  const namespace = `conformance-${part}-${random.uuid().slice(0, 8)}`
  await client.create(namespaces, { metadata: { name: namespace } })
  return { config, client, namespace, restart }
}

export async function destroyWorld({ client, namespace }: World): Promise<void> {
  await client.delete(namespaces, { name: namespace })
  await client.close()
}

/** A kind with a status, made for this suite: it resembles ours without being one. */
export interface Widget extends KubeObject {
  readonly spec?: {
    readonly size?: number
    readonly color?: string
    readonly parts?: readonly { readonly name: string; readonly count?: number }[]
  }
  readonly status?: {
    readonly phase?: string
    readonly ready?: number
    readonly conditions?: readonly { readonly type: string; readonly status: string }[]
  }
}

export const widgets: Resource<Widget> = {
  group: 'conformance.guildhall.dev',
  version: 'v1',
  kind: 'Widget',
  plural: 'widgets',
  namespaced: true,
}

const list = (key: string, properties: object) => ({
  type: 'array',
  maxItems: 16,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': [key],
  items: { type: 'object', required: [key], properties },
})
const text = { type: 'string', maxLength: 64 }

/** The definition of `Widget`: defaults, bounds, a rule with a sentence, lists keyed by name. */
export const widgetDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.conformance.guildhall.dev' },
  spec: {
    group: widgets.group,
    scope: 'Namespaced',
    names: { kind: 'Widget', plural: 'widgets', singular: 'widget', listKind: 'WidgetList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: {
          status: {},
          scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.ready' },
        },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {
                type: 'object',
                'x-kubernetes-validations': [
                  { rule: 'self.color == oldSelf.color', message: 'spec.color cannot change' },
                ],
                properties: {
                  size: { type: 'integer', format: 'int32', minimum: 1, maximum: 100 },
                  color: { ...text, default: 'grey' },
                  parts: list('name', { name: text, count: { type: 'integer', format: 'int32' } }),
                },
              },
              status: {
                type: 'object',
                properties: {
                  phase: text,
                  ready: { type: 'integer', format: 'int32' },
                  conditions: list('type', { type: text, status: text }),
                },
              },
            },
          },
        },
      },
    ],
  },
}
