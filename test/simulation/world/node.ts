import type { Assignment, Report } from '../../../core/api/agent-protocol.ts'
import type { KubeClient } from '../../../core/kube/client.ts'
import { type Pod, pods } from '../../../core/kube/core.ts'
import { isConflict, isNotFound } from '../../../core/kube/errors.ts'
import { AgentNode, type NodeAgent, type PodStatus } from '../../support/agent-node.ts'
import { SimulatedAgent, type Attempt } from '../../support/simulated-agent.ts'
import { SimulatedWire, type HubAt } from './agent-wire.ts'
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
export interface RunningAgent extends NodeAgent {
  readonly pod: Pod
  readonly process: SimulatedProcess
  readonly agent: SimulatedAgent
  /** No message gets through before this moment. */
  partedUntil: number
  /** How it goes wrong with the attempt it holds, or the next one. */
  mood: 'hang' | 'lie' | 'twice' | undefined
  /** Ends it with an exit code, as the OOM killer does with 137. */
  exit(code: number): void
}

const never = new AbortController().signal
/** An agent of the simulator does not leave in its grace period: the harder case. */
const times = { bindMs: 700, startMs: 300, graceMs: 500 }

/** The node of the simulated cluster. */
export class SimulatedNode {
  readonly #options: NodeOptions
  readonly #node: AgentNode<Pod, RunningAgent>
  #started = 0

  constructor(options: NodeOptions) {
    this.#options = options
    const { timeline, startedAt, podTrouble } = options
    this.#node = new AgentNode<Pod, RunningAgent>(
      {
        after: (ms, run) => void timeline.after(ms, run),
        now: () => startedAt + timeline.elapsed,
        trouble: podTrouble,
        start: (pod, ended) => this.#start(pod, ended),
        tell: (pod, status) => this.#tell(pod, status),
        onError: (_pod, error) => {
          throw error
        },
      },
      times,
    )
  }

  /** Takes a change of a Pod. */
  onPod(type: 'ADDED' | 'MODIFIED' | 'DELETED', pod: Pod): void {
    this.#node.see(type, pod)
  }

  /** Agents that live, the longest first. */
  get agents(): readonly RunningAgent[] {
    return this.#node.agents.filter(({ process }) => process.state !== 'dead')
  }

  #start(pod: Pod, ended: (exitCode: number) => void): RunningAgent {
    const { timeline, startedAt, seed, latencyMs, hub, tokenFor, attempt } = this.#options
    this.#started += 1
    const process = new SimulatedProcess({
      name: `agent ${pod.metadata.name}`,
      timeline,
      startedAt,
      seed: seed * 1_000 + this.#started,
    })
    const exit = (code: number): void => {
      process.kill()
      ended(code)
    }
    let running: RunningAgent | undefined
    const wire = new SimulatedWire(process, {
      timeline,
      hub,
      token: tokenFor(pod),
      latencyMs,
      isConnected: () => (running?.partedUntil ?? 0) <= timeline.elapsed,
    })
    const agent = new SimulatedAgent({
      wire,
      after: (ms, run) => void timeline.after(ms, () => process.deliver(run)),
      pauseMs: () => 1_000,
      activity: '',
      attempt: (assignment) => attempt(() => running, pod, assignment),
      onExit: () => exit(0),
      onReceipt: (report, { outcome }) => this.#options.onReceipt(pod, report, outcome),
    })
    process.onDeath(() => wire.close())
    running = {
      pod,
      process,
      agent,
      partedUntil: 0,
      mood: undefined,
      exit,
      kill: () => process.kill(),
      terminate: () => undefined,
    }
    return running
  }

  /** Writes the Pod's status as a kubelet does: until it is written or the Pod is gone. */
  #tell(pod: Pod, status: PodStatus): void {
    const { client, timeline } = this.#options
    const { namespace, name, uid } = pod.metadata
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
      timeline.after(100, () => this.#tell(pod, status))
    })
  }
}
