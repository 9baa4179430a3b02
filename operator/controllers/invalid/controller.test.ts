import { expect, test } from 'vitest'
import { Cache, newer } from '../../../test/support/cache.ts'
import { agent, endedStatus, heldStatus, request, task } from '../../../test/support/objects.ts'
import { VirtualClock } from '../../../test/support/virtual-clock.ts'
import type { AgentTask } from '../../../core/api/agent-task.ts'
import { agentTasks, kindNames, kinds } from '../../../core/api/kinds.ts'
import { KubeError } from '../../../core/kube/errors.ts'
import type { KubeObject } from '../../../core/kube/resource.ts'
import { silentLogger } from '../../../test/support/silent-logger.ts'
import { type World, taskIndexes } from '../world.ts'
import { checkOf, invalidReconciler, watchInvalid } from './controller.ts'

function world() {
  const applied: { readonly conditions: readonly object[] }[] = []
  const keys: string[] = []
  const events: string[] = []
  const tasks = new Cache(agentTasks, taskIndexes, checkOf(agentTasks))
  const state = { refusal: undefined as Error | undefined }
  const seen = {
    clock: new VirtualClock(),
    ...Object.fromEntries(
      kindNames.map((name) => [name, new Cache<KubeObject>(kinds[name])] as const),
    ),
    tasks,
    events: { record: (_object: unknown, { reason }: { reason: string }) => events.push(reason) },
    client: {
      get: async () => ({ ...invalid, status: applied.at(-1) }),
      apply: async (_kind: unknown, { status }: { status: { conditions: object[] } }) => {
        if (state.refusal !== undefined) throw state.refusal
        applied.push(status)
      },
    },
  } as unknown as World
  watchInvalid(seen, (key) => keys.push(key))
  let reconcile = invalidReconciler(seen)
  const { signal } = new AbortController()
  /** The next leader does not know of the writes of this one. */
  const takeOver = (): void => {
    reconcile = invalidReconciler(seen)
  }
  const run = async () => {
    for (const key of keys.splice(0)) await reconcile(key, { signal, log: silentLogger })
  }
  return { tasks, applied, keys, events, state, run, takeOver }
}

const { after: _after, ...bare } = task('a').spec
const invalid = { ...task('a'), spec: bare } as AgentTask

test('an object that cannot be worked on says so once, and everything else goes on', async () => {
  const { tasks, applied, events, run } = world()
  tasks.put(invalid, task('b'))
  await run()
  tasks.put(newer(invalid))
  await run()
  expect(applied).toMatchObject([
    { conditions: [{ type: 'Stalled', status: 'True', reason: 'InvalidObject' }] },
  ])
  expect(JSON.stringify(applied)).toContain('spec.after')
  expect(events).toEqual(['InvalidObject'])
  expect(tasks.list().map(({ metadata }) => metadata.name)).toEqual(['b'])
})

test('the next leader does not say it again', async () => {
  const { tasks, applied, events, run, takeOver } = world()
  tasks.put(invalid)
  await run()
  takeOver()
  tasks.put(newer(invalid))
  await run()
  expect(applied).toHaveLength(1)
  expect(events).toHaveLength(1)
})

test('once it is mended it is taken back', async () => {
  const { tasks, applied, run } = world()
  tasks.put(invalid)
  await run()
  const [said] = applied
  const status = { ...task('a').status, conditions: said?.conditions } as AgentTask['status']
  tasks.put(newer({ ...task('a'), ...(status === undefined ? {} : { status }) }))
  await run()
  expect(applied.at(-1)).toEqual({ conditions: [] })
})

test.each([503, 500])('what fails with %i is tried again', async (status) => {
  const { tasks, applied, keys, state, run } = world()
  state.refusal = new KubeError({ status, reason: 'InternalError', message: 'refused' })
  tasks.put(invalid)
  const [key] = keys
  await expect(run()).rejects.toThrow('refused')
  state.refusal = undefined
  keys.push(key ?? '')
  await run()
  expect(applied).toHaveLength(1)
})

test('an object that can take no condition is told by an Event alone, once', async () => {
  const { tasks, events, keys, state, run } = world()
  state.refusal = new KubeError({
    status: 500,
    reason: 'InternalError',
    message: 'failed to create typed live object',
  })
  tasks.put(invalid)
  const [key] = keys
  await run()
  keys.push(key ?? '')
  await run()
  expect(events).toEqual(['InvalidObject'])
})

const checkTask = checkOf(kinds.tasks)
const checkAgent = checkOf(kinds.agents)
const checkRequest = checkOf(kinds.requests)

test('what the operator itself makes is fit for work', () => {
  for (const one of [task('a'), task('a', {}, {}), task('a', {}, heldStatus('p1'))])
    expect(checkTask(one)).toBeUndefined()
  expect(checkTask(task('a', {}, endedStatus(true)))).toBeUndefined()
  expect(checkAgent(agent('c', { state: 'idle' }))).toBeUndefined()
  expect(checkRequest(request('hello'))).toBeUndefined()
})

const spoiled: readonly [string, Record<string, unknown>, string][] = [
  ['no list of what it waits for', { spec: { ...task('a').spec, after: undefined } }, 'spec.after'],
  ['a type of a later version', { spec: { ...task('a').spec, type: 'sales' } }, 'spec.type'],
  ['no spec at all', { spec: undefined }, 'spec'],
  ['conditions that are not a list', { status: { conditions: 'Ready' } }, 'status.conditions'],
  [
    'times that are not times',
    {
      status: { assignment: { agent: 'c', podUid: 'p', attempt: 1, at: 'soon', deadline: 'late' } },
    },
    'status.assignment.at: is not a time',
  ],
]
test.each(spoiled)('a task with %s is named with the place', (_what, change, want) => {
  expect(checkTask({ ...task('a'), ...change })).toContain(want)
})

test('what an unknown version added does not disturb', () => {
  const later = { ...task('a'), spec: { ...task('a').spec, budget: 7 }, extra: { a: 1 } }
  expect(checkTask(later as never)).toBeUndefined()
})
