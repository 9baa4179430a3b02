// The invariants I1 to I7, I11 and I13 of a history: pure functions over every version of every
// object, in order.
import type { AgentTask } from '../../core/api/agent-task.ts'
import type { Agent } from '../../core/api/agent.ts'
import { isTrue } from '../../core/api/condition-list.ts'
import type { DevRequest } from '../../core/api/devrequest.ts'
import { hopelessReasons, uncountedReasons } from '../../core/api/failures.ts'
import { hasSucceeded, heldBy, isComplete, isFinished } from '../../core/api/task-state.ts'
import { type AuditEntry, emptyChain, verify } from '../../operator/audit/chain.ts'
import type { ApiObject } from './api.ts'

export type RecordedKind = 'DevRequest' | 'AgentTask' | 'Agent' | 'Pod' | 'ConfigMap'

/** One version of one object. */
export interface Entry {
  readonly kind: RecordedKind
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  /** Versions of one API server are in one order over all kinds. */
  readonly version: bigint
  /** When the watcher saw it, in milliseconds since 1970. */
  readonly at: number
  readonly object: ApiObject & { readonly data?: Readonly<Record<string, string>> }
  /** Versions before it may have been missed. */
  readonly afterGap: boolean
}

export interface RuleOptions {
  readonly maxAgents: number
  /**
   * Everything should have ended by now: nothing unfinished, nothing without an owner. Yes unless
   * told.
   */
  readonly quiet?: boolean
  /** `agents.reuse` of the settings; `request` by default. */
  readonly reuse?: 'request' | 'any'
}

/** The state of a walk through the history. */
interface Walk {
  readonly options: RuleOptions
  /** The last version of every object that is there, by uid. */
  readonly there: Map<string, Entry>
  /** Tasks whose work stood at some time, by `request/name`. */
  readonly complete: Set<string>
  /** Which task each Pod holds. */
  readonly holds: Map<string, string>
  /** The request that each Pod worked for first, and the task; also of Pods that are gone. */
  readonly served: Map<string, { readonly request: string; readonly task: string }>
  readonly say: (invariant: string, entry: Entry, sentence: string) => void
}

/** Every invariant that was broken, as sentences. `entries` are in the order of their versions. */
export function violations(entries: readonly Entry[], options: RuleOptions): readonly string[] {
  const found: string[] = []
  const walk: Walk = {
    options,
    there: new Map(),
    complete: new Set(),
    holds: new Map(),
    served: new Map(),
    say: (invariant, { kind, object, version }, sentence) =>
      found.push(`${invariant} ${kind} ${object.metadata.name} at ${version}: ${sentence}`),
  }
  for (const entry of entries) {
    const { uid } = entry.object.metadata
    const before = walk.there.get(uid)
    if (entry.kind === 'AgentTask') judgeTask(walk, entry, before)
    if (entry.kind === 'DevRequest') judgeRequest(walk, entry, before)
    judgeSecrets(walk, entry)
    if (entry.type === 'DELETED') walk.there.delete(uid)
    else walk.there.set(uid, entry)
    if (entry.kind === 'Agent' && entry.type === 'ADDED') judgeTeam(walk, entry)
  }
  if (options.quiet ?? true) for (const entry of walk.there.values()) judgeEnd(walk, entry)
  return found
}

const taskIn = (entry: Entry): AgentTask => entry.object as unknown as AgentTask

function judgeTask(walk: Walk, entry: Entry, previous: Entry | undefined): void {
  const task = taskIn(entry)
  const before = previous === undefined ? undefined : taskIn(previous)
  const say = (invariant: string, sentence: string): void => walk.say(invariant, entry, sentence)
  const holder = heldBy(task)
  const held = before === undefined ? undefined : heldBy(before)

  if (held !== undefined && walk.holds.get(held.podUid) === task.metadata.uid)
    walk.holds.delete(held.podUid)
  if (entry.type === 'DELETED') return
  if (holder !== undefined) {
    const other = walk.holds.get(holder.podUid)
    if (other !== undefined) say('I3', `${holder.agent} holds it and ${nameOf(walk, other)}, too`)
    walk.holds.set(holder.podUid, task.metadata.uid)
    const same = held?.podUid === holder.podUid && held.attempt === holder.attempt
    if (held !== undefined && !same && !entry.afterGap)
      say('I3', `taken from ${held.agent} for ${holder.agent} without being let go`)
    if (!same) judgeClaim(walk, entry, task, before)
    judgeReuse(walk, entry, task, holder.podUid)
  }
  judgeResult(task, before, entry.afterGap, say)
  judgeAttempts(task, before, say)
  if (before !== undefined) judgeOrder(task, before, say)
  if (isComplete(task)) walk.complete.add(taskKey(task, task.metadata.name))
}

const requestOf = (task: AgentTask): string => task.metadata.ownerReferences?.[0]?.uid ?? ''
const taskKey = (task: AgentTask, name: string): string => `${requestOf(task)}/${name}`

/** Files that one request's code left behind in a Pod must not meet the work of another request. */
function judgeReuse(walk: Walk, entry: Entry, task: AgentTask, podUid: string): void {
  const request = requestOf(task)
  const first = walk.served.get(podUid)
  if (first === undefined) walk.served.set(podUid, { request, task: task.metadata.name })
  else if (first.request !== request && walk.options.reuse !== 'any')
    walk.say('I13', entry, `its Pod worked on ${first.task} of another request before`)
}

/**
 * A claim is new: its dependencies are there, its agent is not on its way out, its number is the
 * next one.
 */
function judgeClaim(
  walk: Walk,
  entry: Entry,
  task: AgentTask,
  before: AgentTask | undefined,
): void {
  const all = [...walk.there.values()]
  for (const name of task.spec.after) {
    if (walk.complete.has(taskKey(task, name))) continue
    const dependency = all
      .filter(({ kind }) => kind === 'AgentTask')
      .map(taskIn)
      .find((other) => taskKey(other, other.metadata.name) === taskKey(task, name))
    const spared =
      dependency !== undefined &&
      isFinished(dependency) &&
      dependency.spec.onFailure === 'Continue' &&
      dependency.status?.failure?.reason !== 'DependencyFailed'
    if (!spared) walk.say('I4', entry, `given away before ${name} succeeded`)
  }
  const agent = all
    .filter(({ kind }) => kind === 'Agent')
    .map(({ object }) => object as unknown as Agent)
    .find(({ metadata }) => metadata.name === task.status?.assignment?.agent)
  if (agent?.status?.state === 'draining')
    walk.say('I3', entry, `given to ${agent.metadata.name}, which was on its way out`)
  const { attempt = 0 } = task.status?.assignment ?? {}
  const last = before?.status?.assignment?.attempt ?? 0
  if (attempt !== last + 1 && !entry.afterGap)
    walk.say('I6', entry, `attempt ${attempt} follows attempt ${last}`)
}

/**
 * A result comes only from the Pod and attempt that held the task, and what ended well keeps it.
 */
function judgeResult(
  task: AgentTask,
  before: AgentTask | undefined,
  afterGap: boolean,
  say: (invariant: string, sentence: string) => void,
): void {
  const result = task.status?.result
  const old = before?.status?.result
  if (result !== undefined && old === undefined && !afterGap) {
    const held = before === undefined ? undefined : heldBy(before)
    const by = task.status?.assignment
    if (held === undefined) say('I2', 'a result was accepted although nobody held the task')
    else if (held.podUid !== by?.podUid || held.attempt !== by.attempt)
      say('I2', `a result was accepted from attempt ${by?.attempt}, held was ${held.attempt}`)
  }
  if (result !== undefined && old !== undefined) {
    const { merged: _merged, ...rest } = result
    const { merged: _before, ...first } = old
    if (JSON.stringify(rest) !== JSON.stringify(first)) say('I2', 'a second result was accepted')
  }
}

function judgeAttempts(
  task: AgentTask,
  before: AgentTask | undefined,
  say: (invariant: string, sentence: string) => void,
): void {
  const { attempts = 0, history = [], failure } = task.status ?? {}
  if (attempts < (before?.status?.attempts ?? 0)) say('I6', 'attempts went down')
  const waited = history.filter((one) => uncountedReasons.has(one.failure?.reason ?? 'AgentLost'))
  const used = attempts - waited.length
  const most = task.spec.maxAttempts
  if (used > most) say('I6', `${used} attempts, at most ${most} are allowed`)
  if (!isTrue(task, 'DeadLettered')) return
  const hopeless = failure !== undefined && hopelessReasons.has(failure.reason)
  if (used < most && attempts < 10 && !hopeless)
    say('I6', `dead-lettered after ${used} of ${most} attempts: ${failure?.reason}`)
}

function judgeOrder(
  task: AgentTask,
  before: AgentTask,
  say: (invariant: string, sentence: string) => void,
): void {
  if ((task.status?.observedGeneration ?? 0) < (before.status?.observedGeneration ?? 0))
    say('I7', 'observedGeneration went back')
  if (!isFinished(before)) return
  if (!isFinished(task)) return say('I7', 'it was finished and is not any more')
  const end = ({ status }: AgentTask): string =>
    JSON.stringify([status?.completionTime, status?.result, status?.failure, status?.attempts])
  if (hasSucceeded(task) !== hasSucceeded(before) || end(task) !== end(before))
    say('I7', 'it changed after its end')
}

function judgeRequest(walk: Walk, entry: Entry, previous: Entry | undefined): void {
  if (previous === undefined || entry.type === 'DELETED') return
  const request = entry.object as unknown as DevRequest
  const before = previous.object as unknown as DevRequest
  const say = (sentence: string): void => walk.say('I7', entry, sentence)
  if (isTrue(before, 'Finished')) {
    if (!isTrue(request, 'Finished')) say('it was finished and is not any more')
    if (isTrue(request, 'Succeeded') !== isTrue(before, 'Succeeded')) say('its end changed')
  }
  const plan = before.status?.plan?.hash
  if (plan !== undefined && request.status?.plan?.hash !== plan) say('its plan changed')
}

/** More agents than allowed, at any version; those that leave count as long as they are there. */
function judgeTeam(walk: Walk, entry: Entry): void {
  const count = [...walk.there.values()].filter(({ kind }) => kind === 'Agent').length
  if (count > walk.options.maxAgents)
    walk.say('I5', entry, `${count} agents, at most ${walk.options.maxAgents} are allowed`)
}

const token = /eyJ[\w-]{20,}\.[\w-]{20,}/

function judgeSecrets(walk: Walk, entry: Entry): void {
  if (token.test(JSON.stringify(entry.object))) walk.say('I11', entry, 'it holds a token')
}

function judgeEnd(walk: Walk, entry: Entry): void {
  const { kind, object } = entry
  const owner = object.metadata.ownerReferences?.find(({ controller }) => controller === true)
  if (owner !== undefined && !walk.there.has(owner.uid))
    walk.say('I5', entry, `its owner ${owner.kind} ${owner.name} is gone`)
  if (kind === 'AgentTask' && !isFinished(taskIn(entry))) walk.say('I1', entry, 'it never ended')
  if (kind === 'DevRequest' && !isTrue(object as unknown as DevRequest, 'Finished'))
    walk.say('I1', entry, 'it never ended')
  const { currentTask } = (object as unknown as Agent).status ?? {}
  if (kind === 'Agent' && currentTask !== undefined)
    walk.say('I5', entry, `it still says that it works on ${currentTask}`)
}

function nameOf(walk: Walk, uid: string): string {
  return walk.there.get(uid)?.object.metadata.name ?? uid
}

// Invariant I8 of a history: the audit is one unbroken chain, nothing in it changes, and it tells
// of every transition.

const ends = new Set(['Succeeded', 'DeadLettered', 'Skipped'])

/** Breaches in the audit that a history holds, as sentences. */
export function auditViolations(entries: readonly Entry[]): readonly string[] {
  const found: string[] = []
  const segments = new Map<string, readonly string[]>()
  for (const { kind, object, type } of entries) {
    if (kind !== 'ConfigMap') continue
    const { name } = object.metadata
    if (type === 'DELETED') found.push(`I8 audit segment ${name} was deleted`)
    const lines = linesOf(object.data)
    const before = segments.get(name) ?? []
    if (before.some((line, index) => lines[index] !== line))
      found.push(`I8 audit segment ${name} was rewritten`)
    segments.set(name, lines)
  }
  const lines = [...segments.keys()].toSorted().flatMap((name) => segments.get(name) ?? [])
  const verified = verify(lines, emptyChain)
  if (verified.kind === 'broken')
    return [...found, `I8 the audit's chain breaks at ${verified.seq}: ${verified.why}`]

  const records = lines.map((line) => JSON.parse(line) as AuditEntry)
  for (const task of lastVersions(entries)) {
    const { uid, name } = task.metadata
    const mine = records.filter((record) => record.uid === uid)
    const ended = mine.filter(({ action }) => ends.has(action)).length
    const given = mine.filter(({ action }) => action === 'Assigned').length
    const wantEnded = isFinished(task) ? 1 : 0
    const wantGiven = task.status?.attempts ?? 0
    if (ended !== wantEnded || given !== wantGiven)
      found.push(
        `I8 AgentTask ${name}: ${ended} records of its end instead of ${wantEnded}, ${given} of its ${wantGiven} assignments`,
      )
  }
  return found
}

function linesOf(data: Readonly<Record<string, string>> | undefined): readonly string[] {
  return Object.values(data ?? {})
    .join('\n')
    .split('\n')
    .filter((line) => line !== '')
}

/** The last version of every task there ever was. */
function lastVersions(entries: readonly Entry[]): readonly AgentTask[] {
  const last = new Map<string, AgentTask>()
  for (const { kind, object } of entries)
    if (kind === 'AgentTask') last.set(object.metadata.uid, object as unknown as AgentTask)
  return [...last.values()]
}
