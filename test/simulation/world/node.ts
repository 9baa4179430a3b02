import { labels } from '../../../core/api/names.ts'
import type { Assignment, Report } from '../../../core/api/agent-protocol.ts'
import type { KubeClient } from '../../../core/kube/client.ts'
import { type Pod, pods } from '../../../core/kube/core.ts'
import { isConflict, isNotFound } from '../../../core/kube/errors.ts'
import { type Attempt, type HubAt, SimulatedAgent } from './agent.ts'
import { SimulatedProcess } from './process.ts'
import type { Timeline } from './timeline.ts'

export interface NodeOptions {
  readonly client: KubeClient
  readonly timeline: Timeline
  readonly startedAt: number
  readonly seed: number
  readonly latencyMs: () => number
  readonly hub: () => HubAt | undefined
  readonly podTrouble: () => 'fail' | 'wait' | undefined
  readonly tokenFor: (pod: Pod) => string
  readonly attempt: (
    agent: () => RunningAgent | undefined,
    pod: Pod,
    assignment: Assignment,
  ) => Attempt
  readonly onReceipt: (pod: Pod, report: Report, outcome: 'accepted' | 'fenced') => void
}

/** An agent that was started, and what is wrong with it. */
export interface RunningAgent {
  readonly pod: Pod
  readonly process: SimulatedProcess
  readonly agent: SimulatedAgent
  /** No message gets through before this moment. */
  partedUntil: number
  /** How it goes wrong with the attempt it holds, or the next one. */
  mood: 'hang' | 'lie' | 'twice' | undefined
}

const never = new AbortController().signal

/** The node: starts the agent of each agent Pod, says how it is, and ends it with its Pod. */
export class SimulatedNode {
  readonly #options: NodeOptions
  readonly #running = new Map<string, RunningAgent>()
  readonly #gone = new Set<string>()
  #started = 0

  constructor(options: NodeOptions) {
    this.#options = options
  }

  /** Told of each change of a Pod. */
  onPod(type: 'ADDED' | 'MODIFIED' | 'DELETED', pod: Pod): void {
    if (pod.metadata.labels?.[labels.component] !== 'agent') return
    const { timeline } = this.#options
    if (type === 'ADDED') timeline.after(700, () => this.#start(pod))
    if (type === 'DELETED') {
      this.#gone.add(pod.metadata.uid ?? '')
      this.#running.get(pod.metadata.uid ?? '')?.process.kill()
    }
    if (type === 'MODIFIED' && pod.metadata.deletionTimestamp !== undefined)
      timeline.after(500, () => this.#running.get(pod.metadata.uid ?? '')?.process.kill())
  }

  /** Agents that live, the longest first. */
  get agents(): readonly RunningAgent[] {
    return [...this.#running.values()].filter(({ process }) => process.state !== 'dead')
  }

  /** The agent's process ends as by the OOM killer. */
  crash({ pod, process }: RunningAgent): void {
    process.kill()
    this.#say(pod, 'Failed', 137)
  }

  #start(pod: Pod): void {
    const { timeline, podTrouble } = this.#options
    const trouble = podTrouble()
    if (trouble === 'fail') {
      this.#say(pod, 'Failed', 1)
      return
    }
    if (trouble === 'wait') {
      timeline.after(2_000, () => this.#start(pod))
      return
    }
    this.#say(pod, 'Running')
    timeline.after(300, () => this.#run(pod))
  }

  #run(pod: Pod): void {
    const { timeline, startedAt, seed, latencyMs, hub, tokenFor, attempt } = this.#options
    const { uid = '', name } = pod.metadata
    // Deleted before it had started.
    if (this.#gone.has(uid)) return
    this.#started += 1
    const process = new SimulatedProcess({
      name: `agent ${name}`,
      timeline,
      startedAt,
      seed: seed * 1_000 + this.#started,
    })
    const agent = new SimulatedAgent(process, {
      timeline,
      hub,
      token: tokenFor(pod),
      latencyMs,
      isConnected: () => (this.#running.get(uid)?.partedUntil ?? 0) <= timeline.elapsed,
      attempt: (assignment) => attempt(() => this.#running.get(uid), pod, assignment),
      onExit: () => {
        process.kill()
        this.#say(pod, 'Succeeded', 0)
      },
      onReceipt: (report, outcome) => this.#options.onReceipt(pod, report, outcome),
    })
    this.#running.set(uid, { pod, process, agent, partedUntil: 0, mood: undefined })
  }

  /** Writes the Pod's status as a kubelet does: until it is written or the Pod is gone. */
  #say(pod: Pod, phase: 'Running' | 'Failed' | 'Succeeded', exitCode?: number): void {
    const { client, timeline } = this.#options
    const { namespace, name, uid } = pod.metadata
    const ended = exitCode === undefined ? undefined : { terminated: { exitCode, reason: 'Error' } }
    const status = {
      phase,
      ...(ended === undefined ? {} : { containerStatuses: [{ name: 'agent', state: ended }] }),
    }
    const write = async () => {
      const there = await client.get(pods, { name, namespace, signal: never })
      if (there.metadata.uid !== uid) return
      const patch = { type: 'merge', body: { status } } as const
      const at = { name, namespace }
      await client.patch(pods, at, patch, { subresource: 'status', signal: never })
    }
    write().catch((error: unknown) => {
      if (isNotFound(error)) return
      if (!isConflict(error)) throw error
      timeline.after(100, () => this.#say(pod, phase, exitCode))
    })
  }
}
