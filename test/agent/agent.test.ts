import { readdirSync } from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Assignment, ModelEvent } from '../../core/api/agent-protocol.ts'
import { assignmentFor } from '../support/agent/assignment.ts'
import { startPod, type TestPod } from '../support/agent/processes.ts'
import { startForge, type TestForge } from '../support/agent/repository.ts'
import { type ScriptedHub, startHub } from '../support/agent/scripted-hub.ts'

const token = 'sesame'
const right = 'src/slug.js\n```js\nexport const slugify = (text) => text\n```\n'
let pod: TestPod
let forge: TestForge
let hub: ScriptedHub
let agent: ReturnType<TestPod['startAgent']>

beforeEach(async () => {
  pod = await startPod(token)
  forge = await startForge({ 'package.json': '{"type":"module"}' }, token)
  hub = await startHub(token)
  agent = pod.startAgent({
    GUILDHALL_HUB_URL: hub.url,
    GUILDHALL_AGENT: 'otto',
    GUILDHALL_AGENT_TYPE: 'coding',
  })
}, 30_000)
afterEach(async () => {
  await pod.close()
  hub.close()
  forge.close()
})

const assignment = (overrides: Partial<Assignment> = {}): Assignment =>
  assignmentFor(forge, 'code', overrides)
const until = async (what: () => boolean): Promise<void> => {
  for (let waited = 0; !what(); waited += 50) {
    if (waited > 20_000) throw new Error(`waited in vain: ${agent.output()}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
const busy: readonly ModelEvent[] = [
  { kind: 'error', code: 'ModelUnavailable', message: 'the model is loading', retryable: true },
]

test('reports although the stream is cut and the hub is away for a while', async () => {
  hub.refuseReports = 503
  const done = hub.assign(assignment(), () => {
    hub.cut()
    return right
  })
  await until(() => hub.heartbeats.some((beat) => beat.activity === 'pushing'))
  await new Promise((resolve) => setTimeout(resolve, 1000))
  hub.refuseReports = 0
  expect(await done).toMatchObject({ verdict: 'Unchecked' })
  // Assigned again by a hub that lost its memory: the same report is sent again, nothing is done
  // twice.
  const calls = hub.calls.length
  expect(await hub.assign(assignment(), () => right)).toMatchObject({
    verdict: 'Unchecked',
    tries: 1,
  })
  expect(hub.calls.length).toBe(0)
  expect(calls).toBe(1)
  hub.say({ kind: 'drain' })
  expect(await agent.exited).toBe(0)
}, 60_000)

test('drops a cancelled attempt without a report, and takes the next', async () => {
  let reported = false
  // Earlier tests said the same.
  const from = hub.heartbeats.length
  const beats = () => hub.heartbeats.slice(from)
  void hub.assign(assignment(), () => busy).then(() => (reported = true))
  await until(() => beats().some((beat) => beat.activity?.includes('loading') === true))
  hub.say({ kind: 'cancel', task: 'req-code-slug', uid: 'uid-req-code-slug', attempt: 1 })
  // The git directory goes last; the work tree's folder is made again for each run and is away for
  // a moment each time.
  await until(() => readdirSync(pod.gitRoot).length === 0)
  const report = await hub.assign(
    assignment({ attempt: 2, taskBranch: 'guild-task/req-code-slug/2' }),
    () => right,
  )
  expect(report).toMatchObject({ attempt: 2, verdict: 'Unchecked' })
  expect(reported).toBe(false)
}, 60_000)

test('blames the model, not the work, when the time is over while it waits for it', async () => {
  const deadline = new Date(Date.now() + 14_000).toISOString()
  const report = await hub.assign(assignment({ deadline }), () => busy)
  expect(report).toMatchObject({ failure: { reason: 'ModelUnavailable' }, tries: 0 })
}, 60_000)

test('refuses an action of another type, and lives on', async () => {
  const report = await hub.assign(assignmentFor(forge, 'verify'), () => right)
  expect(report).toMatchObject({ verdict: 'ChecksFailed', failure: { reason: 'InternalError' } })
  expect(await hub.assign(assignment(), () => right)).toMatchObject({ verdict: 'Unchecked' })
}, 60_000)

test('gives up at once when it is asked to end', async () => {
  void hub.assign(assignment(), () => busy)
  await until(() => hub.heartbeats.some((beat) => beat.activity?.includes('loading') === true))
  agent.stop()
  expect(await agent.exited).toBe(0)
  expect(readdirSync(pod.gitRoot)).toEqual([])
}, 60_000)

test('sends its log lines to the hub', async () => {
  await hub.assign(assignment(), () => right)
  await until(() => hub.logLines.includes('reported'))
  expect(hub.logLines).toContain('attempt begins')
}, 60_000)
