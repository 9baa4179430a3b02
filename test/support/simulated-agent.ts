import {
  type AgentEvent,
  type LifeState,
  type Holding,
  step,
} from '../../agent-image/agent/life-cycle.ts'
import {
  type Assignment,
  type Heartbeat,
  type HubMessage,
  type Report,
  type ReportReceipt,
  agentTimes,
} from '../../core/api/agent-protocol.ts'

/**
 * How an agent reaches the hub. Every call may fail, and may take as long as the network lets it.
 */
export interface AgentWire {
  /** Keeps a stream open until `close`, and opens it again when it is lost. */
  open(onMessage: (message: HubMessage) => void): void
  /** Called at every heartbeat: a stream that has been silent for too long is opened again. */
  check(): void
  close(): void
  heartbeat(beat: Heartbeat): Promise<void>
  report(report: Report): Promise<ReportReceipt>
}

/** The work of an agent on one attempt, which its life cycle does not decide. */
export interface Attempt {
  /** How long the work takes. */
  readonly ms: number
  /** Called when the work is over; `hangs` when it never will be. */
  readonly report: () => Report | 'hangs'
  /** Other reports that it tries to get in when its work is over, before its own. */
  readonly lies?: () => readonly Report[]
  /** Sends its report a second time, although the first was answered. */
  readonly twice?: () => boolean
}

interface AgentPorts {
  readonly wire: AgentWire
  /** Calls `run` after a while, unless the agent's process is dead by then. */
  readonly after: (ms: number, run: () => void) => void
  /** How long it waits before it sends a report again that was not answered. */
  readonly pauseMs: (tries: number) => number
  readonly attempt: (assignment: Assignment) => Attempt
  /** The activity in its heartbeats. */
  readonly activity: string
  /** It ends by itself, its work done. */
  readonly onExit: () => void
  /** A report was accepted or fenced. */
  readonly onReceipt: (report: Report, receipt: ReportReceipt) => void
}

/** How long an agent takes to let go of work that was taken away. */
const abandonMs = 50

/**
 * An agent whose life cycle is the real one (agent-image/agent/life-cycle.ts) and whose work is
 * made up: it has no model, no git and no process of its own. The simulator gives it a wire in
 * virtual time, the lab one over HTTP.
 */
export class SimulatedAgent {
  readonly #ports: AgentPorts
  #state: LifeState = { phase: 'connecting', last: undefined }
  /** Counts attempts, so that the work of an earlier one is not finished. */
  #work = 0

  constructor(ports: AgentPorts) {
    this.#ports = ports
    ports.wire.open((message) => this.#hear(message))
    this.#beatEvery(agentTimes.heartbeatMs)
  }

  get holding(): Holding | undefined {
    return 'holding' in this.#state ? this.#state.holding : undefined
  }

  #hear(message: HubMessage): void {
    if (message.kind === 'welcome') {
      this.#happen({ kind: 'welcomed' })
      this.#beat()
    } else if (message.kind === 'assign') {
      this.#happen({ kind: 'assigned', assignment: message })
    } else if (message.kind === 'cancel') {
      this.#happen({ ...message, kind: 'cancelled' })
    } else if (message.kind === 'drain') {
      this.#happen({ kind: 'drained' })
    }
  }

  #happen(event: AgentEvent): void {
    const { state, effects } = step(this.#state, event)
    this.#state = state
    for (const effect of effects) {
      if (effect.do === 'start') this.#start(effect.assignment)
      else if (effect.do === 'abandon') {
        this.#work += 1
        this.#ports.after(abandonMs, () => this.#happen({ kind: 'finished', report: undefined }))
      } else if (effect.do === 'report') void this.#tell(effect.report, () => true)
      else {
        this.#ports.wire.close()
        this.#ports.onExit()
      }
    }
  }

  #start(assignment: Assignment): void {
    const work = (this.#work += 1)
    const mine = () => work === this.#work
    const attempt = this.#ports.attempt(assignment)
    this.#beat()
    this.#ports.after(attempt.ms, () => {
      if (!mine()) return
      for (const lie of attempt.lies?.() ?? []) this.#lie(lie)
      const report = attempt.report()
      if (report === 'hangs') return
      const tell = async () => {
        await this.#tell(report, mine)
        if (attempt.twice?.() === true) void this.#tell(report, () => true)
        if (mine()) this.#happen({ kind: 'finished', report })
      }
      void tell()
    })
  }

  /**
   * Sent once: if it were repeated until it is answered, it might arrive when the task has become
   * the liar's own.
   */
  #lie(lie: Report): void {
    const { wire, onReceipt } = this.#ports
    wire.report(lie).then(
      (receipt) => onReceipt(lie, receipt),
      () => undefined,
    )
  }

  /** Sends a report until it is answered, as the real client does. */
  async #tell(report: Report, wanted: () => boolean): Promise<void> {
    const { wire, after, pauseMs, onReceipt } = this.#ports
    for (let tries = 0; wanted(); tries += 1) {
      try {
        onReceipt(report, await wire.report(report))
        return
      } catch {
        await new Promise<void>((resolve) => after(pauseMs(tries), resolve))
      }
    }
  }

  #beat(): void {
    if (this.#state.phase === 'connecting' || this.#state.phase === 'stopped') return
    const beat = { ...this.holding, activity: this.#ports.activity }
    this.#ports.wire.heartbeat(beat).catch(() => undefined)
  }

  #beatEvery(ms: number): void {
    this.#ports.after(ms, () => {
      if (this.#state.phase === 'stopped') return
      this.#beat()
      this.#ports.wire.check()
      this.#beatEvery(ms)
    })
  }
}

/** A report that an attempt is done, without a commit: nothing has to be merged. */
export function reportOn(
  { task, uid, attempt }: Pick<Assignment, 'task' | 'uid' | 'attempt'>,
  { summary = 'simulated', durationSeconds = 1 } = {},
): Report {
  return {
    task,
    uid,
    attempt,
    verdict: 'Done',
    summary,
    files: [],
    evidence: [],
    tries: 1,
    durationSeconds,
    notes: [],
  }
}
