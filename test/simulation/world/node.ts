import type { Assignment, Report } from '../../../core/api/agent-protocol.ts'
import type { AgentTask } from '../../../core/api/agent-task.ts'
import type { KubeClient } from '../../../core/kube/client.ts'
import { type Pod, pods } from '../../../core/kube/built-in-kinds.ts'
import { isConflict, isNotFound } from '../../../core/kube/errors.ts'
import { AgentNode, type NodeAgent, type PodStatus } from '../../support/agent-node.ts'
import { type Attempt, SimulatedAgent, reportOn } from '../../support/simulated-agent.ts'
import { signature } from '../checks/invariants.ts'
import type { RequestPlan, TaskPlan } from '../story.ts'
import { type HubAt, SimulatedWire } from './agent-wire.ts'
import { type SimulatedForge, commitId } from './forge.ts'
import { SimulatedProcess } from './process.ts'
import type { Timeline } from './timeline.ts'

interface NodeOptions {
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

/** An agent that was started, and the faults that strike it. */
interface RunningAgent extends NodeAgent {
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

/** Actions whose result is a commit, for tasks that the real planner made. */
const writing: ReadonlySet<string> = new Set(['branch', 'spec', 'code', 'fix', 'document'])

/** How attempts go: by the story for ready-made tasks, by the action for planned ones. */
export function attemptsOf(parts: {
  readonly requests: readonly RequestPlan[]
  readonly forge: SimulatedForge
  /** The truth, as the forge and a liar see it. */
  readonly tasks: () => readonly AgentTask[]
}): (agent: () => RunningAgent | undefined, pod: Pod, assignment: Assignment) => Attempt {
  const plans = new Map<string, TaskPlan>(
    parts.requests.flatMap(({ plan }) =>
      typeof plan === 'string' ? [] : plan.map((task) => [task.name, task] as const),
    ),
  )
  const revised = new Set(
    parts.requests.filter(({ plan }) => plan === 'revised').map(({ name }) => name),
  )
  return (agent, pod, assignment) => {
    const podUid = pod.metadata.uid ?? ''
    const { task, attempt, uid, action, earlier, request, unit } = assignment
    const hopeless = revised.has(request) && action === 'code' && unit === 'part-1'
    const plan = plans.get(task)
    const base = (summary: string): Report => reportOn(assignment, { summary })
    const honest = base(signature(podUid, attempt))
    const failed = (reason: 'ChecksFailed' | 'PushRejected'): Report => ({
      ...honest,
      verdict: 'ChecksFailed',
      failure: { reason, message: 'as the story says' },
    })
    return {
      ms: plan?.workMs ?? 900,
      twice: () => agent()?.mood === 'twice',
      lies: () => (agent()?.mood === 'lie' ? liesAbout(parts.tasks(), podUid, base('a lie')) : []),
      report: () => {
        if (agent()?.mood === 'hang') return 'hangs'
        if (hopeless) return failed('ChecksFailed')
        if (
          earlier.filter(({ reason }) => reason === 'ChecksFailed').length < (plan?.failures ?? 0)
        )
          return failed('ChecksFailed')
        if (!(plan?.commits ?? writing.has(action))) return honest
        const commit = commitId(podUid, task, String(attempt))
        const truth = parts.tasks().find(({ metadata }) => metadata.uid === uid)
        return parts.forge.push(truth, { podUid, attempt }, commit)
          ? { ...honest, commit }
          : failed('PushRejected')
      },
    }
  }
}

/**
 * A note on every lie: a liar that was given just that attempt meanwhile is believed, and the
 * checks have to know.
 */
export const lie = 'this is a lie'

/**
 * Reports about every task that another agent holds or held, and about its own task under other
 * numbers. Signed, since one that arrives late may find that the liar was given just that attempt
 * meanwhile, and then it counts.
 */
function liesAbout(tasks: readonly AgentTask[], podUid: string, own: Report): readonly Report[] {
  const signed = (report: Report): Report => ({
    ...report,
    summary: signature(podUid, report.attempt),
    notes: [lie],
  })
  const others = tasks
    .filter(({ metadata }) => metadata.uid !== own.uid)
    .map(({ metadata, status }) =>
      signed({
        ...own,
        task: metadata.name,
        uid: metadata.uid,
        attempt: status?.assignment?.attempt ?? 1,
      }),
    )
  return [
    ...others,
    signed({ ...own, attempt: own.attempt + 1 }),
    { ...own, uid: `${own.uid}-earlier` },
    { ...own, commit: commitId('a lie'), attempt: Math.max(1, own.attempt - 1), uid: 'nobody' },
  ]
}
