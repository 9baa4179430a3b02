import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Cache } from '../../test/support/cache.ts'
import { endedStatus, heldStatus, queuedStatus, task } from '../../test/support/objects.ts'
import type { AgentTask, AgentTaskStatus } from '../../core/api/agent-task.ts'
import { agentTasks } from '../../core/api/kinds.ts'
import { isOpen } from '../../core/api/task-state.ts'
import { readinessOf } from '../../core/tasks/transitions.ts'
import { byAge } from './schedule.ts'
import { taskIndexes } from '../controllers/world.ts'
import { Backlog } from './backlog.ts'

function backlog(...tasks: readonly AgentTask[]) {
  const cache = new Cache(agentTasks, taskIndexes)
  cache.put(...tasks)
  const of = new Backlog(cache.informer)
  const names = () =>
    [...of.queues()].map(({ request, type, tasks: inQueue }) =>
      [request, type, ...inQueue.map(({ metadata }) => metadata.name)].join(' '),
    )
  return { cache, names, queues: () => [...of.queues()] }
}

const at = (version: number, one: AgentTask): AgentTask => ({
  ...one,
  metadata: { ...one.metadata, resourceVersion: String(version) },
})

test('what is ready stands in queues by request and type, the oldest first', () => {
  const { names } = backlog(
    task('b', {}, {}, '2026-11-23T11:00:00Z'),
    task('a', {}, {}, '2026-11-23T11:30:00Z'),
    task('t', { type: 'testing' }, queuedStatus),
    task('o', { requestRef: { name: 'other' } }, queuedStatus),
    task('held', {}, heldStatus('p1')),
    task('late', { after: ['held'] }, {}),
  )
  expect(names().toSorted()).toEqual(['hello coding b a', 'hello testing t', 'other coding o'])
})

test('a task enters its queue when the last one it waits for succeeded, and leaves it when it is given out', () => {
  const { cache, names } = backlog(
    task('a', {}, heldStatus('p1')),
    task('b', {}, heldStatus('p2')),
    task('c', { after: ['a', 'b'] }, {}),
  )
  cache.put(at(2, task('a', {}, endedStatus(true))))
  expect(names()).toEqual([])
  cache.put(at(3, task('b', {}, endedStatus(true))))
  expect(names()).toEqual(['hello coding c'])
  cache.put(at(4, task('c', { after: ['a', 'b'] }, heldStatus('p1'))))
  expect(names()).toEqual([])
})

test('a task of another request is not what one waits for, whatever its name', () => {
  const { names } = backlog(
    task('a', { requestRef: { name: 'other' } }, endedStatus(true)),
    task('b', { after: ['a'] }, {}),
  )
  expect(names()).toEqual([])
})

test('after any history the queues are what filtering all tasks would give', () => {
  const statuses: readonly AgentTaskStatus[] = [
    {},
    queuedStatus,
    heldStatus('p1'),
    endedStatus(true),
    endedStatus(false),
  ]
  const step = fc.record({
    name: fc.nat(5),
    status: fc.nat(statuses.length),
    after: fc.uniqueArray(fc.nat(5), { maxLength: 3 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { cache, queues } = backlog()
      steps.forEach(({ name, status, after }, index) => {
        const known = cache.get('guildhall', `t${name}`)
        // The spec of a task cannot change.
        const spec = { after: known?.spec.after ?? after.map((other) => `t${other}`) }
        const next = at(index + 1, task(`t${name}`, spec, statuses[status]))
        if (status < statuses.length) cache.put(next)
        else if (known !== undefined) cache.remove(at(index + 1, known))
      })
      const want = cache
        .list()
        .filter(isOpen)
        .filter(
          (one) => readinessOf(one, (other) => cache.get('guildhall', other)).state === 'ready',
        )
        .toSorted(byAge)
      expect(queues().flatMap((queue) => queue.tasks)).toEqual(want)
    }),
  )
})
