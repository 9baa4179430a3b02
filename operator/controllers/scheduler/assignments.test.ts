import { expect, test } from 'vitest'
import { Cache, calmAudit } from '../../../test/cache.ts'
import { task } from '../../../test/objects.ts'
import { VirtualClock } from '../../../test/virtual-clock.ts'
import type { AgentTask } from '../../api/agent-task.ts'
import { agentTasks } from '../../api/kinds.ts'
import { KubeError } from '../../kube/errors.ts'
import type { SchedulableAgent } from '../../scheduler/schedule.ts'
import { Latest } from '../latest.ts'
import { taskIndexes, type World } from '../world.ts'
import { Assignments } from './assignments.ts'

const noAnswer = new KubeError({ status: 0, reason: 'Network', message: 'reset' })
const refused = (status: number, reason: string) =>
  new KubeError({ status, reason, message: reason })

/** Assignments over one cached task; each write ends as the next of `answers`, and succeeds without one. */
function setUp(...answers: readonly KubeError[]) {
  const left = [...answers]
  const tasks = new Cache(agentTasks, taskIndexes)
  const cached = task('a')
  tasks.put(cached)
  const sent: string[] = []
  const dispatched: AgentTask[] = []
  const client = {
    updateStatus: async (_resource: unknown, object: AgentTask) => {
      sent.push(object.status?.assignment?.podUid ?? '')
      const error = left.shift()
      if (error !== undefined) throw error
      return object
    },
  }
  const clock = new VirtualClock()
  const world = { tasks, client, clock, latest: new Latest(), audit: calmAudit }
  const assignments = new Assignments(world as unknown as World, (one) => dispatched.push(one))
  const { signal } = new AbortController()
  return {
    tasks,
    cached,
    sent,
    dispatched,
    assignments,
    give: async () => assignments.give({ task: cached, agent }, signal),
  }
}

const agent: SchedulableAgent = {
  name: 'coding-1',
  type: 'coding',
  podUid: 'pod-1',
  connected: true,
  leaving: false,
  completed: 0,
  maxTasks: 50,
  idleSince: undefined,
}

test('one that got no answer holds its task and its agent, and is written again for the same agent', async () => {
  const { assignments, give, sent, dispatched } = setUp(noAnswer)
  await expect(give()).rejects.toThrow('reset')
  expect(assignments.underWay()).toMatchObject([{ agent: { podUid: 'pod-1' } }])
  for (const again of assignments.of([]))
    await assignments.give(again, new AbortController().signal)
  expect(sent).toEqual(['pod-1', 'pod-1'])
  expect(dispatched).toHaveLength(1)
  expect(assignments.underWay()).toEqual([])
})

test('a conflict with what may be its own first write tells nothing until the cache shows a newer version', async () => {
  const { assignments, give, tasks, cached } = setUp(noAnswer, refused(409, 'Conflict'))
  await expect(give()).rejects.toThrow('reset')
  await expect(give()).rejects.toThrow('Conflict')
  expect(assignments.underWay()).toHaveLength(1)
  tasks.put({ ...cached, metadata: { ...cached.metadata, resourceVersion: '2' } })
  expect(assignments.underWay()).toEqual([])
})

test.each([
  ['moved by somebody else', 409, 'Conflict'],
  ['refused', 422, 'Invalid'],
  ['gone', 404, 'NotFound'],
])('what was %s is let go at once', async (_, status, reason) => {
  const { assignments, give } = setUp(refused(status, reason))
  await expect(give()).rejects.toThrow(reason)
  expect(assignments.underWay()).toEqual([])
})
