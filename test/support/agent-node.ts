import { labels } from '../../core/api/names.ts'

/** An agent Pod as far as a node reads it. */
interface AgentPod {
  readonly metadata: {
    readonly name: string
    readonly namespace?: string | undefined
    readonly uid?: string | undefined
    readonly deletionTimestamp?: string | undefined
    readonly labels?: Readonly<Record<string, string>> | undefined
  }
}

/** A started agent. */
export interface NodeAgent {
  /** Asks it to end, as a kubelet does: there is a grace period to leave in. */
  terminate(): void
  /** Ends it at once. */
  kill(): void
}

/** The cluster as the node reaches it. */
interface NodePorts<P extends AgentPod, Agent extends NodeAgent> {
  readonly after: (ms: number, run: () => void) => void
  /** Milliseconds since 1970, for the times in a Pod's status. */
  readonly now: () => number
  /** How the start of a Pod goes wrong: its containers fail, or it waits for a while. */
  readonly trouble?: () => 'fail' | 'wait' | undefined
  /**
   * Starts the agent of a Pod. `ended` takes its exit code; a simulated agent that is killed
   * reports nothing.
   */
  readonly start: (pod: P, ended: (exitCode: number) => void) => Agent | Promise<Agent>
  /** Merges this status into the Pod's, again until it is written or the Pod is gone. */
  readonly tell: (pod: P, status: PodStatus) => void
  /**
   * Removes the Pod's object once its agent ended; the simulated API server does that by itself.
   */
  readonly remove?: (pod: P) => void
  /** A Pod's agent could not be started. */
  readonly onError: (pod: P, error: unknown) => void
}

/** How long things take on a node, in milliseconds. */
interface NodeTimes {
  /** From the Pod's creation until its status says that it runs. */
  readonly bindMs: number
  /** From then until its agent has started. */
  readonly startMs: number
  /** How long the agent of a deleted Pod may go on. */
  readonly graceMs: number
}

/** How long a Pod waits whose start went wrong with `wait`. */
const waitMs = 2_000

/**
 * Scheduler and kubelet for agent Pods: starts the agent of each, writes the Pod's status, ends the
 * agent with its Pod.
 */
export class AgentNode<P extends AgentPod, Agent extends NodeAgent> {
  readonly #ports: NodePorts<P, Agent>
  readonly #times: NodeTimes
  readonly #agents = new Map<string, Agent>()
  readonly #seen = new Set<string>()
  readonly #leaving = new Set<string>()
  readonly #gone = new Set<string>()
  readonly #over = new Set<string>()

  constructor(ports: NodePorts<P, Agent>, times: NodeTimes) {
    this.#ports = ports
    this.#times = times
  }

  /** Agents that have not ended, the longest first. */
  get agents(): readonly Agent[] {
    return [...this.#agents.values()]
  }

  /** Takes a change of a Pod. Pods of other components are ignored. */
  see(type: 'ADDED' | 'MODIFIED' | 'DELETED', pod: P): void {
    const { uid = '', deletionTimestamp, labels: marks } = pod.metadata
    if (marks?.[labels.component] !== 'agent') return
    if (type === 'DELETED') {
      this.#gone.add(uid)
      this.#agents.get(uid)?.kill()
    } else if (deletionTimestamp !== undefined) {
      if (!this.#leaving.has(uid)) this.#letGo(pod, uid)
    } else if (!this.#seen.has(uid)) {
      this.#seen.add(uid)
      this.#ports.after(this.#times.bindMs, () => this.#begin(pod))
    }
  }

  #begin(pod: P): void {
    const { after, trouble, tell, now } = this.#ports
    const wrong = trouble?.()
    if (wrong === 'wait') {
      after(waitMs, () => this.#begin(pod))
    } else if (wrong === 'fail') {
      tell(pod, endedStatus(1, now()))
    } else {
      tell(pod, runningStatus(now()))
      after(this.#times.startMs, () => this.#run(pod))
    }
  }

  #run(pod: P): void {
    const { uid = '' } = pod.metadata
    if (this.#gone.has(uid)) return
    const started = this.#ports.start(pod, (exitCode) => this.#ended(pod, exitCode))
    if (!(started instanceof Promise)) {
      this.#agents.set(uid, started)
      return
    }
    void this.#await(pod, uid, started)
  }

  async #await(pod: P, uid: string, started: Promise<Agent>): Promise<void> {
    try {
      const agent = await started
      if (!this.#over.has(uid)) this.#agents.set(uid, agent)
      // Deleted while it started.
      if (this.#gone.has(uid)) agent.kill()
    } catch (error) {
      this.#ports.onError(pod, error)
    }
  }

  #ended(pod: P, exitCode: number): void {
    const { uid = '' } = pod.metadata
    const { tell, remove, now } = this.#ports
    this.#agents.delete(uid)
    this.#over.add(uid)
    tell(pod, endedStatus(exitCode, now()))
    if (this.#leaving.has(uid)) remove?.(pod)
  }

  #letGo(pod: P, uid: string): void {
    this.#leaving.add(uid)
    const agent = this.#agents.get(uid)
    if (agent === undefined) this.#ports.remove?.(pod)
    agent?.terminate()
    this.#ports.after(this.#times.graceMs, () => this.#agents.get(uid)?.kill())
  }
}

/** The status that a kubelet writes for a Pod. */
export interface PodStatus {
  readonly phase: 'Running' | 'Succeeded' | 'Failed'
  readonly startTime?: string
  readonly conditions?: readonly { readonly type: string; readonly status: 'True' }[]
  readonly containerStatuses?: readonly object[]
}

function runningStatus(now: number): PodStatus {
  const conditions = ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready']
  return {
    phase: 'Running',
    startTime: timeOf(now),
    conditions: conditions.map((type) => ({ type, status: 'True' })),
  }
}

function endedStatus(exitCode: number, now: number): PodStatus {
  const reason = exitCode === 0 ? 'Completed' : 'Error'
  const container = { name: 'agent', image: 'agent', imageID: '', ready: false, restartCount: 0 }
  const state = { terminated: { exitCode, reason, finishedAt: timeOf(now) } }
  return {
    phase: exitCode === 0 ? 'Succeeded' : 'Failed',
    containerStatuses: [{ ...container, state }],
  }
}

/** A time as Kubernetes writes it: whole seconds. */
function timeOf(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+/, '')
}
