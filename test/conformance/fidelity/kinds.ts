import type { Fields } from '../../../simulated-kubernetes/json.ts'

/** A kind that sequences work with. */
export interface FidelityKind {
  readonly apiVersion: string
  readonly kind: string
  readonly plural: string
  readonly hasStatus: boolean
  readonly hasScale: boolean
  /** Specs and their like that come up in sequences: good ones and bad ones. */
  readonly contents: readonly Fields[]
  readonly statuses: readonly Fields[]
  /** Parts of an object that are merged or applied. */
  readonly parts: readonly Fields[]
  /** Places that JSON patches touch, each with values for it. */
  readonly places: readonly (readonly [string, readonly unknown[]])[]
}

const part = (name: string, count?: number) => (count === undefined ? { name } : { name, count })
const condition = (type: string, status: string) => ({ type, status })

const widget: FidelityKind = {
  apiVersion: 'conformance.guildhall.dev/v1',
  kind: 'Widget',
  plural: 'widgets',
  hasStatus: true,
  hasScale: true,
  contents: [
    {},
    { spec: {} },
    { spec: { size: 1 } },
    { spec: { size: 2 } },
    { spec: { size: 100, color: 'grey' } },
    { spec: { size: 3, color: 'red' } },
    { spec: { size: 101 } },
    { spec: { size: 0 } },
    { spec: { size: 'x' } },
    { spec: { size: 1.5 } },
    { spec: { size: null, color: null } },
    { spec: 'text' },
    { spec: { size: 1, odd: true }, odd: { deep: 1 } },
    { spec: { color: 'x'.repeat(65) } },
    { spec: { parts: [] } },
    { spec: { parts: [part('a')] } },
    { spec: { parts: [part('a', 1), part('b', 2)] } },
    { spec: { parts: [part('b', 2), part('c'), part('a', 1)] } },
    { spec: { parts: [part('a'), part('a', 2)] } },
    { spec: { parts: [{ count: 1 }] } },
    { spec: { parts: [{ name: 'a', count: 'x' }, { name: 1 }] } },
    { spec: { parts: Array.from({ length: 17 }, (_, index) => part(`p${index}`)) } },
    { spec: { size: 1 }, status: { phase: 'Done' } },
  ],
  statuses: [
    { status: {} },
    { status: null },
    { status: { phase: 'Ready' } },
    { status: { phase: 'Lost', ready: 2 } },
    { status: { ready: 'x' } },
    { status: { phase: 'x'.repeat(65) } },
    { status: { conditions: [condition('Ready', 'True')] } },
    { status: { conditions: [condition('Ready', 'False'), condition('Old', 'True')] } },
    { status: { conditions: [condition('Ready', 'True'), condition('Ready', 'False')] } },
    { status: { phase: 'Ready', odd: 1 }, spec: { size: 9 } },
    {},
  ],
  parts: [
    {},
    { spec: {} },
    { spec: { size: 1 } },
    { spec: { size: 2 } },
    { spec: { size: 101 } },
    { spec: { color: 'grey' } },
    { spec: { color: 'red' } },
    { spec: { parts: [part('a', 1)] } },
    { spec: { parts: [part('a', 2)] } },
    { spec: { parts: [part('c', 1), part('a', 1)] } },
    { spec: { parts: [part('b'), part('d', 4)] } },
    { spec: { size: 4, parts: [part('b', 5), part('a')] } },
    { status: { phase: 'Ready' } },
    { status: { phase: 'Lost', ready: 1 } },
    { status: { conditions: [condition('Ready', 'True')] } },
    { status: { conditions: [condition('Ready', 'False'), condition('New', 'True')] } },
    { spec: { size: 5 }, status: { ready: 3 } },
  ],
  places: [
    ['/spec/size', [1, 7, 101, 'x']],
    ['/spec/color', ['grey', 'red']],
    ['/spec/parts', [[], [part('a')]]],
    ['/spec/parts/0', [part('z'), part('a', 3)]],
    ['/spec/parts/-', [part('y')]],
    ['/spec/parts/0/count', [5, null]],
    ['/spec/absent/deep', [1]],
    ['/status/phase', ['Ready', 'Lost']],
    ['/status', [{ phase: 'Whole' }]],
    ['/spec', [{ size: 6 }]],
  ],
}

const configMap: FidelityKind = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  hasStatus: false,
  hasScale: false,
  contents: [
    {},
    { data: {} },
    { data: { a: '1' } },
    { data: { a: '2', b: '1' } },
    { data: { 'not a key': '1' } },
    { data: { a: 1 } },
    { data: ['a'] },
    { data: { a: '1' }, binaryData: { b: 'YWJj' } },
    { data: { a: '1' }, binaryData: { a: 'YWJj' } },
    { binaryData: { b: 'no base64!' } },
    { data: { a: '1' }, immutable: true },
    { data: { a: '3' }, immutable: false },
    { data: { a: '1' }, odd: 1 },
  ],
  statuses: [],
  parts: [
    {},
    { data: { a: '1' } },
    { data: { a: '2' } },
    { data: { b: '1' } },
    { data: { a: '1', b: '2', c: '3' } },
    { immutable: true },
    { binaryData: { x: 'YWJj' } },
  ],
  places: [
    ['/data', [{}, { z: '1' }]],
    ['/data/a', ['1', '9', 1]],
    ['/data/b~1c', ['1']],
    ['/immutable', [true, false]],
  ],
}

const lease: FidelityKind = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  plural: 'leases',
  hasStatus: false,
  hasScale: false,
  contents: [
    {},
    { spec: {} },
    { spec: { holderIdentity: 'one', leaseDurationSeconds: 15 } },
    {
      spec: {
        holderIdentity: 'two',
        leaseDurationSeconds: 15,
        leaseTransitions: 1,
        acquireTime: '2026-01-01T00:00:00.000000Z',
        renewTime: '2026-01-01T00:00:01.500000Z',
      },
    },
    { spec: { holderIdentity: 'two', leaseDurationSeconds: 0 } },
    { spec: { leaseTransitions: -1 } },
    { spec: { leaseDurationSeconds: 'x' } },
    { spec: { renewTime: 'yesterday' } },
  ],
  statuses: [],
  parts: [
    {},
    { spec: { holderIdentity: 'one' } },
    { spec: { holderIdentity: 'two', leaseDurationSeconds: 10 } },
    { spec: { leaseTransitions: 3 } },
    { spec: { leaseDurationSeconds: -1 } },
  ],
  places: [
    ['/spec/holderIdentity', ['one', 'two']],
    ['/spec/leaseTransitions', [1, -1]],
    ['/spec', [{}, { leaseDurationSeconds: 5 }]],
  ],
}

const taskSpec = {
  requestRef: { name: 'shop' },
  type: 'coding',
  action: 'code',
  title: 'Add a cart',
  goal: 'A cart that adds up',
  repository: 'shop',
  branch: 'guild/shop',
}
const taskCondition = (type: string, status: string) => ({
  type,
  status,
  reason: 'Because',
  message: '',
  lastTransitionTime: '2026-01-01T00:00:00Z',
})

const task: FidelityKind = {
  apiVersion: 'guildhall.dev/v1alpha1',
  kind: 'AgentTask',
  plural: 'agenttasks',
  hasStatus: true,
  hasScale: false,
  contents: [
    { spec: taskSpec },
    { spec: { ...taskSpec, type: 'testing', after: ['other'] } },
    { spec: { ...taskSpec, type: 'nobody' } },
    { spec: { ...taskSpec, requestRef: {} } },
    { spec: { ...taskSpec, requestRef: { name: 'Not A Name' } } },
    { spec: { ...taskSpec, files: ['../escape', 'good.ts'] } },
    { spec: { ...taskSpec, title: '' } },
    { spec: { ...taskSpec, timeoutSeconds: 1, maxAttempts: 99 } },
    { spec: {} },
    {},
  ],
  statuses: [
    { status: { attempts: 1 } },
    { status: { attempts: -1 } },
    { status: { attempts: 1, conditions: [taskCondition('Ready', 'True')] } },
    {
      status: {
        conditions: [taskCondition('Ready', 'False'), taskCondition('Finished', 'Unknown')],
      },
    },
    { status: { conditions: [taskCondition('Ready', 'Maybe')] } },
    { status: { conditions: [{ type: 'Ready', status: 'True' }] } },
    {
      status: {
        conditions: [{ ...taskCondition('Ready', 'True'), lastTransitionTime: 'today' }],
      },
    },
  ],
  parts: [
    { spec: taskSpec },
    { spec: { ...taskSpec, title: 'Another title' } },
    { spec: { title: 'Only a title' } },
    { status: { attempts: 2 } },
    { status: { conditions: [taskCondition('Ready', 'True')] } },
    {},
  ],
  places: [
    ['/spec/title', ['Add a cart', 'Another title']],
    ['/status/attempts', [1, 2]],
    ['/status/conditions', [[taskCondition('Assigned', 'True')]]],
    ['/status/conditions/-', [taskCondition('Ready', 'True')]],
  ],
}

/** Widgets come up most: their schema was made to hold every trap. */
export const kinds = { widget, configMap, lease, task } as const

export type KindName = keyof typeof kinds
