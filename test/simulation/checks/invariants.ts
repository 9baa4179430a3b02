import type { AgentTask } from '../../../core/api/agent-task.ts'
import type { Agent } from '../../../core/api/agent.ts'
import type { DevRequest } from '../../../core/api/devrequest.ts'
import type { Pod } from '../../../core/kube/built-in-kinds.ts'

/** A promise that did not hold; docs/reliability.md lists them. */
export interface Violation {
  readonly invariant: `I${number}`
  readonly atMs: number
  readonly message: string
}

/** One committed revision, as the API server reports it. */
interface Commit {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly plural: string
  readonly object: unknown
  readonly previous: unknown
}

/** Reasons of the summary that are transitions of their own; `Assigned` shows in the holder. */
const audited: ReadonlySet<string> = new Set([
  'Integrating',
  'Succeeded',
  'Retrying',
  'DeadLettered',
  'Skipped',
])

/**
 * The summary that a simulated agent writes into its report, so that a result shows whose it is.
 */
export function signature(podUid: string, attempt: number): string {
  return `work of ${podUid} attempt ${attempt}`
}

function ownerOf({ metadata }: AgentTask): string {
  return metadata.ownerReferences?.[0]?.uid ?? ''
}

/** Checks the promises that hold at every revision (I2 to I7, I12, I13), one commit at a time. */
export class Invariants {
  readonly violations: Violation[] = []
  readonly #maxAgents: number
  readonly #elapsed: () => number
  readonly #tasks = new Map<string, { readonly task: AgentTask; readonly facts: TaskFacts }>()
  readonly #holders = new Map<string, string>()
  /** The request that each Pod worked for first, by the Pod's uid; also of Pods that are gone. */
  readonly #served = new Map<string, { readonly request: string; readonly task: string }>()
  readonly #agents = new Map<string, Agent>()
  readonly #pods = new Map<string, Pod>()
  readonly #requests = new Map<string, DevRequest>()
  readonly #succeeded = new Map<string, number>()
  /** Tasks that those behind them need not wait for any more, by request uid and name. */
  readonly #passed = new Set<string>()
  /** Commits of results that were accepted. */
  readonly accepted = new Set<string>()
  /** How often each task went through each transition that has to be audited, by `uid action`. */
  readonly transitions = new Map<
    string,
    { want: number; readonly name: string; readonly action: string }
  >()

  constructor(options: { readonly maxAgents: number; readonly elapsed: () => number }) {
    this.#maxAgents = options.maxAgents
    this.#elapsed = options.elapsed
  }

  get tasks(): readonly AgentTask[] {
    return [...this.#tasks.values()].map(({ task }) => task)
  }

  get agents(): readonly Agent[] {
    return [...this.#agents.values()]
  }

  get pods(): readonly Pod[] {
    return [...this.#pods.values()]
  }

  get requests(): readonly DevRequest[] {
    return [...this.#requests.values()]
  }

  broken(invariant: Violation['invariant'], message: string): void {
    this.violations.push({ invariant, atMs: this.#elapsed(), message })
  }

  onCommit({ type, plural, object }: Commit): void {
    const gone = type === 'DELETED'
    switch (plural) {
      case 'agenttasks':
        this.#onTask(object as AgentTask, gone)
        return
      case 'agents':
        this.#onAgent(object as Agent, gone)
        return
      case 'devrequests':
        this.#onRequest(object as DevRequest, gone)
        return
      case 'pods': {
        const pod = object as Pod
        if (gone) this.#pods.delete(pod.metadata.uid ?? '')
        else this.#pods.set(pod.metadata.uid ?? '', pod)
        return
      }
    }
  }

  #onTask(task: AgentTask, gone: boolean): void {
    const { uid, name } = task.metadata
    const before = this.#tasks.get(uid)
    if (before?.facts.holder !== undefined && this.#holders.get(before.facts.holder.podUid) === uid)
      this.#holders.delete(before.facts.holder.podUid)
    if (gone) {
      this.#tasks.delete(uid)
      return
    }
    const facts = taskFacts(task)
    this.#tasks.set(uid, { task, facts })
    if (facts.succeeded === 'True' || (facts.finished && task.spec.onFailure === 'Continue'))
      this.#passed.add(`${ownerOf(task)} ${name}`)
    if (before === undefined) this.#onNewTask(task)
    this.#checkHolder(task, facts, before?.facts)
    this.#checkResult(task, facts, before)
    this.#checkNoReturn(name, before?.facts, facts)
    this.#countTransition(task, facts, before?.facts)
    if (facts.used > task.spec.maxAttempts)
      this.broken('I6', `${name} is in attempt ${facts.used} of ${task.spec.maxAttempts}`)
  }

  #onNewTask(task: AgentTask): void {
    const request = this.#requests.get(task.spec.requestRef.name)
    if (request === undefined) return
    if (!isAuthorized(request))
      this.broken('I12', `${task.metadata.name} was made before its plan was authorized`)
    if (request.spec.plan !== undefined && request.status?.plan?.source !== 'person')
      this.broken('I12', `${task.metadata.name} was made for a plan that a person had replaced`)
  }

  #checkHolder(task: AgentTask, facts: TaskFacts, before: TaskFacts | undefined): void {
    const { holder } = facts
    if (holder === undefined) return
    const { name, uid } = task.metadata
    const kept =
      before?.holder?.podUid === holder.podUid && before.holder.attempt === holder.attempt
    const other = this.#holders.get(holder.podUid)
    if (other !== undefined && other !== uid)
      this.broken(
        'I3',
        `${holder.podUid} holds ${name} and ${this.#tasks.get(other)?.task.metadata.name ?? other}`,
      )
    this.#holders.set(holder.podUid, uid)
    if (kept) return
    if (before?.holder !== undefined)
      this.broken(
        'I3',
        `${name} went from attempt ${before.holder.attempt} to ${holder.attempt} while it was held`,
      )
    const request = ownerOf(task)
    const served = this.#served.get(holder.podUid)
    if (served === undefined) this.#served.set(holder.podUid, { request, task: name })
    else if (served.request !== request)
      this.broken(
        'I13',
        `${holder.podUid} was given ${name} after ${served.task} of another request`,
      )
    // Whether it is still there does not matter: a person may have deleted it since.
    for (const dependency of task.spec.after)
      if (!this.#passed.has(`${ownerOf(task)} ${dependency}`))
        this.broken('I4', `${name} was started before ${dependency} succeeded`)
  }

  #checkResult(
    task: AgentTask,
    facts: TaskFacts,
    before: { readonly task: AgentTask; readonly facts: TaskFacts } | undefined,
  ): void {
    const { name, uid } = task.metadata
    const result = task.status?.result
    const earlier = before?.task.status?.result
    if (result !== undefined && result.summary !== earlier?.summary) {
      const holder = before?.facts.holder
      const want = holder === undefined ? 'nobody' : signature(holder.podUid, holder.attempt)
      if (result.summary !== want)
        this.broken('I2', `${name} accepted "${result.summary}" and was held by "${want}"`)
      if (earlier !== undefined)
        this.broken('I2', `${name} accepted a second result while it had one`)
      if (result.commit !== undefined) this.accepted.add(result.commit)
    }
    if (facts.succeeded === 'True' && before?.facts.succeeded !== 'True') {
      const times = (this.#succeeded.get(uid) ?? 0) + 1
      this.#succeeded.set(uid, times)
      if (times > 1) this.broken('I2', `${name} succeeded ${times} times`)
      if (result === undefined) this.broken('I2', `${name} succeeded without a result`)
      else if (result.commit !== undefined && result.merged === undefined)
        this.broken('I2', `${name} succeeded and its commit was not merged`)
    }
  }

  #checkNoReturn(name: string, before: TaskFacts | undefined, now: TaskFacts): void {
    if (before === undefined) return
    if (before.finished && (!now.finished || before.succeeded !== now.succeeded))
      this.broken('I7', `${name} was ${before.reason} and is ${now.reason}`)
    if (now.attempts < before.attempts)
      this.broken('I7', `${name} went from attempt ${before.attempts} back to ${now.attempts}`)
  }

  #countTransition(task: AgentTask, now: TaskFacts, before: TaskFacts | undefined): void {
    const { uid, name } = task.metadata
    const action =
      now.holder !== undefined && now.holder.attempt !== before?.holder?.attempt
        ? 'Assigned'
        : now.reason !== before?.reason && audited.has(now.reason)
          ? now.reason
          : undefined
    if (action === undefined) return
    const key = `${uid} ${action}`
    const entry = this.transitions.get(key) ?? { want: 0, name, action }
    entry.want += 1
    this.transitions.set(key, entry)
  }

  #onAgent(agent: Agent, gone: boolean): void {
    const { uid } = agent.metadata
    if (gone) {
      this.#agents.delete(uid)
      return
    }
    this.#agents.set(uid, agent)
    if (this.#agents.size > this.#maxAgents)
      this.broken('I5', `there are ${this.#agents.size} agents of ${this.#maxAgents} allowed`)
  }

  #onRequest(request: DevRequest, gone: boolean): void {
    const { name } = request.metadata
    const before = this.#requests.get(name)
    if (gone) {
      this.#requests.delete(name)
      return
    }
    this.#requests.set(name, request)
    if (isOver(request) && !(before !== undefined && isOver(before)))
      for (const { task, facts } of this.#tasks.values())
        if (ownerOf(task) === request.metadata.uid && !facts.finished)
          this.broken('I1', `${name} was over before ${task.metadata.name}`)
    if (before === undefined || before.metadata.uid !== request.metadata.uid) return
    const [plan, now] = [before.status?.plan, request.status?.plan]
    const isRevised = now !== undefined && now.revision === 2 && plan?.revision === 1
    const isEdited = now !== undefined && now.source === 'person' && !isAuthorized(before)
    if (plan !== undefined && plan.hash !== now?.hash && !isRevised && !isEdited)
      this.broken('I7', `${name} changed its plan`)
    if (isOver(before) && !isOver(request)) this.broken('I7', `${name} was over and is not`)
    if ((request.status?.observedGeneration ?? 0) < (before.status?.observedGeneration ?? 0))
      this.broken('I7', `${name} forgot the generation it had seen`)
  }
}

// Reading our objects without the product's own readers: a slip in those must not blind the checks.

/** The summary of a task at one revision, in the words of the promises in docs/reliability.md. */
interface TaskFacts {
  readonly finished: boolean
  readonly succeeded: 'True' | 'False' | 'Unknown'
  readonly reason: string
  /** The holder: undefined once a result was accepted. */
  readonly holder: { readonly podUid: string; readonly attempt: number } | undefined
  readonly attempts: number
  /** Attempts that count against the limit. */
  readonly used: number
}

/** Ends of attempts that are the surroundings' fault alone. */
const free: ReadonlySet<string> = new Set(['ModelUnavailable', 'AgentWithdrawn'])

export function taskFacts(task: AgentTask): TaskFacts {
  const { status } = task
  const of = (type: string) => status?.conditions?.find((condition) => condition.type === type)
  const finished = of('Finished')?.status === 'True'
  const assignment = status?.assignment
  const held =
    !finished &&
    status?.result === undefined &&
    of('Assigned')?.status === 'True' &&
    assignment !== undefined
  const spared = (status?.history ?? []).filter(({ failure }) => free.has(failure?.reason ?? ''))
  const attempts = assignment?.attempt ?? 0
  return {
    finished,
    succeeded: of('Succeeded')?.status ?? 'Unknown',
    reason: of('Succeeded')?.reason ?? '',
    holder: held ? { podUid: assignment.podUid, attempt: assignment.attempt } : undefined,
    attempts,
    used: attempts - spared.length,
  }
}

export function isOver(request: DevRequest): boolean {
  return has(request, 'Finished')
}

function isAuthorized(request: DevRequest): boolean {
  return has(request, 'Authorized')
}

function has({ status }: DevRequest, wanted: string): boolean {
  return (
    status?.conditions?.some(({ type, status: is }) => type === wanted && is === 'True') === true
  )
}
