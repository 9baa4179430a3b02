import { expect, test } from 'vitest'
import { agent, at, now } from '../../../test/support/objects.ts'
import type { Pod } from '../../../core/kube/built-in-kinds.ts'
import { podView } from './pod-view.ts'
import { decideAgent } from './decide.ts'

type Status = NonNullable<Pod['status']>

const pod = (status: Status): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'coding-1-abcde', namespace: 'guildhall', uid: 'p1' },
  status,
})

type Containers = NonNullable<Status['containerStatuses']>

const container = (state: Containers[number]['state']): Containers => [
  { name: 'agent', image: '', imageID: '', ready: false, restartCount: 0, ...(state && { state }) },
]
const terminated = (exitCode: number, reason: string): Containers =>
  container({ terminated: { exitCode, reason } })
const waiting = (reason: string, message: string): Containers =>
  container({ waiting: { reason, message } })

test.each<[string, Status, object]>([
  [
    'killed for its memory',
    { phase: 'Failed', containerStatuses: terminated(137, 'OOMKilled') },
    { state: 'ended', failed: true, message: 'OOMKilled 137' },
  ],
  [
    'killed for its memory, with the sandbox still there',
    { phase: 'Running', containerStatuses: terminated(137, 'OOMKilled') },
    { state: 'ended', failed: true, message: 'OOMKilled 137' },
  ],
  [
    'evicted',
    { phase: 'Failed', message: 'The node was low on resource: memory.' },
    { state: 'ended', failed: true, message: 'The node was low on resource: memory.' },
  ],
  [
    'without its image',
    { phase: 'Pending', containerStatuses: waiting('ImagePullBackOff', 'Back-off pulling agent') },
    {
      state: 'pending',
      trouble: 'ImagePullBackOff: Back-off pulling agent',
      unschedulable: false,
    },
  ],
  [
    'without a node',
    {
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', status: 'False', message: '0/1 nodes are available' }],
    },
    { state: 'pending', trouble: '0/1 nodes are available', unschedulable: true },
  ],
  [
    'that is only starting',
    { phase: 'Pending', containerStatuses: waiting('ContainerCreating', '') },
    { state: 'pending', trouble: undefined, unschedulable: false },
  ],
  [
    'that left with its work done',
    { phase: 'Succeeded', containerStatuses: terminated(0, 'Completed') },
    { state: 'ended', failed: false, message: '' },
  ],
])('a Pod %s is seen as such', (_what, status, want) => {
  expect(podView(pod(status))).toEqual(want)
})

test.each(['Pending', 'Running'])(
  'an agent whose Pod failed goes, though its Pod shows %s again',
  (phase) => {
    const observation = {
      stream: { state: 'closed', forMs: 0 },
      held: undefined,
      outcomes: [],
      inStateMs: 0,
      idleMs: 0,
      recorded: true,
      now,
    } as const
    const before = agent('coding-1', { state: 'idle', podUid: 'p1', heartbeatTime: at(-1) })
    const { change } = decideAgent({
      ...observation,
      agent: before,
      pod: podView(pod({ phase: 'Failed', containerStatuses: terminated(1, 'Error') })),
    })
    if (change?.status.state !== 'terminated')
      throw new Error(`decided ${change?.status.state ?? 'nothing'}`)
    const again = { ...before, status: change.status }
    expect(decideAgent({ ...observation, agent: again, pod: podView(pod({ phase })) })).toEqual({
      step: { kind: 'remove' },
    })
  },
)
