import type {
  Assignment,
  Heartbeat,
  HubMessage,
  LogBatch,
  ModelCall,
  ModelEvent,
  Report,
  ReportReceipt,
} from '../../core/api/agent-protocol.ts'
import type { Clock, Logger } from '../../core/base/ports.ts'
import { aborted } from '../../core/base/wait.ts'
import type { RunSignals } from '../../core/kube/runtime/manager.ts'
import { Problem } from './http.ts'
import type { AgentStreams } from '../presence/agent-streams.ts'
import { plainBeat } from './plain-words.ts'

/** Which attempt of which task, as an agent names it. */
export interface AttemptName {
  readonly task: string
  readonly uid: string
  readonly attempt: number
}

/** An agent whose token was reviewed: the only names the hub believes. */
export interface AgentIdentity {
  readonly podUid: string
  readonly agent: string
  readonly type: string
}

/** What the hub needs from the rest of the operator. */
export interface HubBackend {
  /** Whose token it is; undefined when it is not one of our agents. Throws when the API server cannot be asked. */
  identify(token: string): Promise<AgentIdentity | undefined>
  /** What a Pod holds right now; one task at most. */
  assignmentOf(podUid: string): Assignment | undefined
  /** Whether a Pod holds this attempt of this task right now. */
  holds(podUid: string, attempt: AttemptName): boolean
  /** Whether the agent in this Pod was told to leave, or should have been. */
  isLeaving(caller: AgentIdentity): boolean
  report(
    caller: AgentIdentity,
    report: Report,
    options: { readonly signal: AbortSignal },
  ): Promise<ReportReceipt>
  /**
   * Answers a model call of the holder, on the account of the task that is held and never by words of the call. The last event
   * is `result` or `error`, which is `Fenced` when the call names another uid or attempt than that task's; never throws.
   */
  ask(
    call: ModelCall,
    options: { readonly signal: AbortSignal; readonly onEvent: (event: ModelEvent) => void },
  ): Promise<void>
  log(caller: AgentIdentity, batch: LogBatch): void
}

/** An open way to one agent. */
export interface AgentStream {
  readonly send: (message: HubMessage) => void
  /** Ends it from our side. */
  readonly close: () => void
}

const heartbeatSeconds = 4
const pingMs = 4_000

/**
 * What the hub does with what agents say, whatever carries it: `server.ts` is the HTTP before it.
 * Guarantees: nobody without a reviewed token of one of our agent Pods gets further than 401; a model call or report
 * counts only from the Pod and attempt that hold the task.
 */
export class Hub {
  readonly #options: {
    readonly backend: HubBackend
    readonly streams: AgentStreams
    readonly log: Logger
    readonly clock: Clock
  }
  readonly #ended = new AbortController()

  constructor(options: {
    readonly backend: HubBackend
    readonly streams: AgentStreams
    readonly log: Logger
    readonly clock: Clock
  }) {
    this.#options = options
  }

  /** Keeps the streams alive until `stop`; they are closed then, and agents come back to the next leader. */
  async run(signals: RunSignals): Promise<void> {
    const { streams, clock } = this.#options
    signals.abort.addEventListener('abort', () => this.#ended.abort(signals.abort.reason))
    streams.begin()
    let cancel = (): void => {}
    const ping = (): void => {
      streams.pingAll()
      cancel = clock.after(pingMs, ping)
    }
    ping()
    await aborted(signals.stop)
    cancel()
    streams.closeAll()
  }

  /** Who shows this token. Throws `Problem` 401. */
  async identify(token: string | undefined): Promise<AgentIdentity> {
    if (token === undefined || token === '')
      throw new Problem(401, 'Unauthorized', 'a bearer token is needed')
    const caller = await this.#options.backend.identify(token)
    if (caller === undefined)
      throw new Problem(401, 'Unauthorized', 'the token is not that of an agent Pod')
    return caller
  }

  /** Opens the caller's stream and says what it holds. Returns what to call when the other side is gone. */
  connect(caller: AgentIdentity, stream: AgentStream): () => void {
    const { streams, backend, log } = this.#options
    const { podUid, agent } = caller
    const closed = streams.open({ podUid, agent, ...stream })
    log.info({ agent }, 'agent connected')
    stream.send({ kind: 'welcome', agent, heartbeatSeconds })
    const assignment = backend.assignmentOf(podUid)
    if (assignment !== undefined) stream.send(assignment)
    if (backend.isLeaving(caller)) stream.send({ kind: 'drain' })
    return () => {
      closed()
      log.info({ agent }, 'agent disconnected')
    }
  }

  /** Brings both sides to the same view: what an agent should not do is cancelled, what it missed is said again. */
  beat(caller: AgentIdentity, said: Heartbeat): void {
    const beat = plainBeat(said)
    const { streams, backend } = this.#options
    const { podUid } = caller
    streams.beat(podUid, caller.agent, beat)
    const { task, uid, attempt } = beat
    if (task !== undefined && uid !== undefined && attempt !== undefined)
      if (!backend.holds(podUid, { task, uid, attempt }))
        streams.send(podUid, { kind: 'cancel', task, uid, attempt })
    const assignment = backend.assignmentOf(podUid)
    if (assignment !== undefined && (assignment.uid !== uid || assignment.attempt !== attempt))
      streams.send(podUid, assignment)
    if (backend.isLeaving(caller)) streams.send(podUid, { kind: 'drain' })
  }

  /**
   * Takes what came of an attempt. Not stopped when the caller hangs up: what was begun is written, counted and told, and
   * each call has its deadline.
   */
  async report(caller: AgentIdentity, report: Report): Promise<ReportReceipt> {
    return this.#options.backend.report(caller, report, { signal: this.#ended.signal })
  }

  /** Lets the holder of an attempt ask a model. Throws `Problem` 409 for everybody else. */
  admit(caller: AgentIdentity, attempt: AttemptName): void {
    if (!this.#options.backend.holds(caller.podUid, attempt))
      throw new Problem(
        409,
        'Fenced',
        `task ${attempt.task} attempt ${attempt.attempt} is not yours`,
      )
  }

  /** Answers a call that was admitted; its last event is `result` or `error`. */
  async ask(
    call: ModelCall,
    options: { readonly signal: AbortSignal; readonly onEvent: (event: ModelEvent) => void },
  ): Promise<void> {
    await this.#options.backend.ask(call, options)
  }

  log(caller: AgentIdentity, batch: LogBatch): void {
    this.#options.backend.log(caller, batch)
  }
}
