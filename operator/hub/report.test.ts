import { expect, test } from 'vitest'
import { Cache, calmAudit, newer } from '../../test/support/cache.ts'
import { heldStatus, queuedStatus, task } from '../../test/support/objects.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import type { Report } from '../../core/api/agent-protocol.ts'
import type { AgentTask } from '../../core/api/agent-task.ts'
import { agentTasks, agents, devRequests } from '../../core/api/kinds.ts'
import { AgentStreams } from '../presence/agent-streams.ts'
import { KubeError } from '../../core/kube/errors.ts'
import { Outcomes } from '../controllers/agent/outcomes.ts'
import { type World, taskIndexes } from '../controllers/world.ts'
import { takeReport } from './report.ts'

const said: Report = {
  task: 'a',
  uid: 'uid-a',
  attempt: 1,
  verdict: 'Done',
  summary: 'wrote it',
  commit: 'a'.repeat(40),
  files: [],
  evidence: [],
  tries: 1,
  durationSeconds: 3,
  notes: [],
}

/** A hub over a cache that shows `cached` and a server that holds `stored`. */
function hub(cached: AgentTask | undefined, stored: AgentTask) {
  const server = { task: stored, reads: 0, writes: 0, refuse: false }
  const cache = new Cache(agentTasks, taskIndexes)
  if (cached !== undefined) cache.put(cached)
  const clock = new VirtualClock()
  const world = {
    namespace: 'guildhall',
    clock,
    tasks: cache,
    requests: new Cache(devRequests),
    audit: calmAudit,
    events: { record: () => undefined },
    client: {
      get: async () => {
        server.reads += 1
        return server.task
      },
      updateStatus: async (_kind: unknown, object: AgentTask) => {
        if (
          server.refuse ||
          object.metadata.resourceVersion !== server.task.metadata.resourceVersion
        )
          throw new KubeError({ status: 409, reason: 'Conflict', message: 'conflict' })
        server.writes += 1
        server.task = newer(object)
        cache.behind = true
        return server.task
      },
    },
  } as unknown as World
  const parts = { streams: new AgentStreams(clock), outcomes: new Outcomes(new Cache(agents)) }
  const { signal } = new AbortController()
  const report = async (podUid: string, what: Report = said) =>
    takeReport(world, parts, { agent: 'c', podUid, tokens: 1, model: 'm' }, what, { signal })
  return { server, report }
}

const held = task('a', {}, heldStatus('p1'))

test('a report from the holder costs one write and no read', async () => {
  const { server, report } = hub(held, held)
  expect(await report('p1')).toMatchObject({ outcome: 'accepted' })
  expect(server).toMatchObject({ reads: 0, writes: 1 })
})

test('the same report again is accepted without a second write', async () => {
  const { server, report } = hub(held, held)
  await report('p1')
  expect(await report('p1')).toEqual({
    outcome: 'accepted',
    message: 'it was accepted before',
  })
  expect(server.writes).toBe(1)
})

test('a cache that is too old to know the assignment fences nobody', async () => {
  for (const cached of [task('a', {}, queuedStatus), undefined]) {
    const { server, report } = hub(cached, newer(held))
    expect(await report('p1')).toMatchObject({ outcome: 'accepted' })
    expect(server).toMatchObject({ reads: 1, writes: 1 })
  }
})

test('a cache that does not know that the task was taken away accepts nothing', async () => {
  const { server, report } = hub(held, newer(task('a', {}, heldStatus('p2', 2))))
  expect(await report('p1')).toMatchObject({ outcome: 'fenced' })
  expect(server.writes).toBe(0)
})

test('of two reports at once one is accepted', async () => {
  const { server, report } = hub(held, held)
  const receipts = await Promise.all([report('p1'), report('p1')])
  expect(receipts.map(({ message }) => message)).toContain('it was accepted before')
  expect(server.writes).toBe(1)
})

test('a report that meets nothing but conflicts is sent back after a few tries', async () => {
  const { server, report } = hub(held, held)
  server.refuse = true
  await expect(report('p1')).rejects.toThrow('report again')
  expect(server.reads).toBeLessThan(5)
})
