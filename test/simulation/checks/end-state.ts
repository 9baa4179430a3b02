import { createHash } from 'node:crypto'
import type { AgentTask } from '../../../core/api/agent-task.ts'
import { isTrue } from '../../../core/api/condition-list.ts'
import { configMaps, events } from '../../../core/kube/built-in-kinds.ts'
import type { SimulatedApiServer } from '../../../simulated-kubernetes/server.ts'
import type { Story, TaskPlan } from '../story.ts'
import { lie } from '../world/node.ts'
import type { SimulatedForge } from '../world/forge.ts'
import type { CallName } from '../world/network.ts'
import { prompt } from '../world/people.ts'
import type { SimulatedProcess } from '../world/process.ts'
import type { Timeline } from '../world/timeline.ts'
import { type Invariants, isOver, taskFacts } from './invariants.ts'

/** Reasons after which a task is not tried again. */
const hopeless: ReadonlySet<string> = new Set(['DependencyFailed', 'ModelRefused', 'Unsupported'])
/**
 * Ends of an attempt that the surroundings caused; the story's own failures are `ChecksFailed` and
 * `Conflict`.
 */
const surroundings: ReadonlySet<string> = new Set([
  'AgentLost',
  'AgentWithdrawn',
  'TimedOut',
  'PushRejected',
  'PodFailed',
])
/**
 * Faults that may cost an attempt: they reach an agent, or keep the operator away from it for long.
 */
const costly: ReadonlySet<string> = new Set(['agent', 'pods', 'delete', 'pause', 'kill', 'forge'])

/** Checks what holds once everything is over (I1, I2, I5, I6, I8 to I11). */
export function checkEnd(seen: {
  readonly story: Story
  readonly tasks: ReadonlyMap<string, TaskPlan>
  readonly invariants: Invariants
  readonly server: SimulatedApiServer
  readonly forge: SimulatedForge
  readonly calls: CallCounter
  readonly writesBefore: number
}): void {
  const { story, tasks, invariants, server, forge, calls, writesBefore } = seen
  const broken: Invariants['broken'] = (invariant, message) => invariants.broken(invariant, message)

  for (const request of invariants.requests)
    if (!isOver(request)) broken('I1', `${request.metadata.name} never finished`)
  for (const task of invariants.tasks)
    if (!taskFacts(task).finished)
      broken('I1', `${task.metadata.name} is still ${taskFacts(task).reason || 'new'}`)
  for (const agent of invariants.agents) broken('I5', `agent ${agent.metadata.name} never left`)
  for (const pod of invariants.pods) broken('I5', `Pod ${pod.metadata.name} has no Agent`)

  if (story.faults.length === 0)
    for (const { name, plan: way } of story.requests) {
      const request = invariants.requests.find(({ metadata }) => metadata.name === name)
      if (request === undefined || (way !== 'revised' && way !== 'edited')) continue
      const { revision, source } = request.status?.plan ?? {}
      const isAnew = revision === 2 && (source === 'person') === (way === 'edited')
      if (!isAnew || !isTrue(request, 'Succeeded'))
        broken('I9', `${name} was not planned again, or not to its success`)
    }

  for (const task of invariants.tasks) checkOutcome(task, invariants, tasks, story)
  for (const { commit, from } of forge.merges)
    if (!invariants.accepted.has(commit)) broken('I2', `${from} was merged and never accepted`)

  const extra = calls.written.slice(writesBefore)
  if (extra.length > 0) broken('I9', `${extra.length} writes after the end, first ${extra[0]}`)
  for (const [key, count] of calls.hot) broken('I10', `${count} times in 10 s: ${key}`)

  const records = checkChain(server, invariants)
  const forgets = story.faults.some(({ kind }) => kind === 'compact' || kind === 'hide')
  checkRecords(records, invariants, forgets)
  for (const resource of [configMaps, events])
    for (const object of server.objects(resource)) {
      const text = JSON.stringify(object)
      if (text.includes(prompt))
        broken('I11', `${resource.kind} ${object.metadata.name} has a prompt`)
      if (text.includes('token:'))
        broken('I11', `${resource.kind} ${object.metadata.name} has a token`)
    }
}

function checkOutcome(
  task: AgentTask,
  invariants: Invariants,
  plans: ReadonlyMap<string, TaskPlan>,
  story: Story,
): void {
  const { name } = task.metadata
  const { succeeded, reason, used } = taskFacts(task)
  const failure = task.status?.failure?.reason ?? ''
  const history = task.status?.history ?? []
  const plan = plans.get(name)
  if (reason === 'DeadLettered' && !hopeless.has(failure) && used < task.spec.maxAttempts)
    invariants.broken('I6', `${name} was given up after ${used} attempts: ${failure}`)
  const isBelieved = task.status?.result?.notes.includes(lie) === true
  if (succeeded === 'True' && !isBelieved && (plan?.failures ?? 0) >= task.spec.maxAttempts)
    invariants.broken('I2', `${name} succeeded although no attempt of it ever did`)
  if (reason === 'Skipped' && failure !== 'DependencyFailed')
    invariants.broken('I6', `${name} was skipped for ${failure}`)
  // An operator that does not learn of a drain may assign a task; that costs no attempt.
  const unsure = story.faults.some(({ kind }) => kind === 'lose')
  // The time of an attempt runs on while its agent cannot be reached, as that of a Job does.
  const keptAway = awayMs(story) > (task.spec.timeoutSeconds * 1000) / 2
  const lost = history.filter(
    ({ failure: { reason: why = '' } = {} }) =>
      surroundings.has(why) &&
      !(unsure && why === 'AgentWithdrawn') &&
      !(keptAway && why === 'TimedOut'),
  )
  if (lost.length > 0 && !story.faults.some(({ kind }) => costly.has(kind)))
    invariants.broken(
      'I9',
      `${name} lost attempts to ${lost[0]?.failure?.reason ?? ''} although no agent was in trouble`,
    )
}

/** For how long the operator had no API server, or no answers from it. */
function awayMs({ faults }: Story): number {
  let sum = 0
  for (const fault of faults) if (fault.kind === 'down' || fault.kind === 'lose') sum += fault.forMs
  return sum
}

interface AuditRecord {
  readonly action: string
  readonly kind: string
  readonly name: string
  readonly uid: string
}

/** Follows the chain through all segments, by the rule that docs and `guild audit verify` state. */
function checkChain(server: SimulatedApiServer, invariants: Invariants): readonly AuditRecord[] {
  const segments = server
    .objects(configMaps)
    .filter(({ metadata }) => metadata.name.startsWith('guildhall-audit-'))
    .toSorted((a, b) => a.metadata.name.localeCompare(b.metadata.name))
  const records: AuditRecord[] = []
  let prev = '0'.repeat(64)
  let seq = 0
  for (const segment of segments) {
    const { data } = segment as { readonly data?: Readonly<Record<string, string>> }
    for (const line of (data?.['records.jsonl'] ?? '').split('\n').filter((text) => text !== '')) {
      const record = JSON.parse(line) as AuditRecord & {
        readonly seq: number
        readonly prev: string
        readonly hash: string
      }
      const open = line.slice(0, line.lastIndexOf(',"hash":"'))
      const hash = createHash('sha256').update(open).digest('hex')
      seq += 1
      if (record.seq !== seq || record.prev !== prev || record.hash !== hash)
        invariants.broken('I8', `the audit chain breaks at record ${seq}`)
      prev = record.hash
      records.push(record)
    }
  }
  return records
}

/**
 * One record for each transition of each task. `forgets`: the API server lost part of its history.
 */
function checkRecords(
  records: readonly AuditRecord[],
  invariants: Invariants,
  forgets: boolean,
): void {
  const counted = new Map<string, number>()
  for (const { kind, uid, action } of records)
    if (kind === 'AgentTask') {
      const key = `${uid} ${action}`
      counted.set(key, (counted.get(key) ?? 0) + 1)
    }
  for (const [key, { want, name, action }] of invariants.transitions) {
    const found = counted.get(key) ?? 0
    // A deletion that no watch saw is in the watches' history only; see `AuditLog`.
    const [uid = ''] = key.split(' ')
    const isGone = !invariants.tasks.some(({ metadata }) => metadata.uid === uid)
    if (found < want && isGone && forgets) continue
    if (found !== want)
      invariants.broken('I8', `${name}: ${want} transitions ${action}, ${found} records`)
  }
}

const windowMs = 10_000
/** I10: under 5 requests/s for one object. */
const mostPerWindow = 50

/**
 * Counts the operators' calls of the API server: all writes, and the calls for one object in ten
 * seconds.
 */
export class CallCounter {
  readonly #timeline: Timeline
  readonly #recent = new Map<string, number[]>()
  /** Calls that write anything but leases, by method and path. */
  readonly written: string[] = []
  /** Objects that were asked about too often, with the most calls in ten seconds. */
  readonly hot = new Map<string, number>()

  constructor(timeline: Timeline) {
    this.#timeline = timeline
  }

  get writes(): number {
    return this.written.length
  }

  count(process: SimulatedProcess, { method, target, path }: CallName): void {
    if (target === 'leases') return
    // A review is a question, although it is posted.
    if (method !== 'GET' && target !== 'tokenreviews') this.written.push(`${method} ${path}`)
    // A collection is shared by many objects, and identities are asked for by all agents.
    if (target === 'events' || target === 'tokenreviews' || path.endsWith(`/${target}`)) return
    const key = `${process.name} ${method} ${path}`
    const times = this.#recent.get(key) ?? []
    times.push(this.#timeline.elapsed)
    while ((times[0] ?? 0) < this.#timeline.elapsed - windowMs) times.shift()
    this.#recent.set(key, times)
    if (times.length > Math.max(mostPerWindow, this.hot.get(key) ?? 0))
      this.hot.set(key, times.length)
  }
}
