import {
  agentTimes,
  type Assignment,
  type Heartbeat,
  type LogBatch,
  type ModelCall,
  type ModelEvent,
  type Report,
  type ReportReceipt,
} from '../../core/api/agent-protocol.ts'
import type { Clock } from '../../core/base/clock.ts'
import type { Logger } from '../../core/base/logger.ts'
import { aborted } from '../../core/base/wait.ts'
import type { RunSignals } from '../../core/kube/runtime/manager.ts'
import { Problem } from '../../core/base/http.ts'
import type { AgentStream, AgentStreams } from '../presence/agent-streams.ts'
import { plainBeat } from './plain-words.ts'

/** Which attempt of which task, as an agent names it. */
export interface AttemptName {
  readonly task: string
  readonly uid: string
  readonly attempt: number
}

/** An agent as its reviewed token names it. The hub believes no other word about who an agent is. */
export interface AgentIdentity {
  readonly podUid: string
  readonly agent: string
  readonly type: string
}

/** The part of the operator behind the hub: caches, gateway and log. A test can put something smaller in its place. */
export interface HubBackend {
  /** The agent that a token belongs to, or undefined for any other token. Throws when the API server cannot be asked. */
  identify(token: string): Promise<AgentIdentity | undefined>
  /** The assignment of the one task that a Pod holds now. */
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
   * Answers a model call of the holder. Only the held task can pay: a call that names another uid or attempt ends with the
   * error `Fenced`. The last event is `result` or `error`. Never throws.
   */
  ask(
    call: ModelCall,
    options: { readonly signal: AbortSignal; readonly onEvent: (event: ModelEvent) => void },
  ): Promise<void>
  log(caller: AgentIdentity, batch: LogBatch): void
}

/**
 * Answers what agents send. The transport is not its concern: `hub-server.ts` is the HTTP server before it.
 * Guarantees: a caller without the reviewed token of an agent Pod gets 401; a model call or a report counts only when it
 * comes from the Pod and the attempt that hold the task.
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

  /** Keeps the streams alive until `stop`, then closes them; agents connect to the next leader. */
  async run(signals: RunSignals): Promise<void> {
    const { streams, clock } = this.#options
    signals.abort.addEventListener('abort', () => this.#ended.abort(signals.abort.reason))
    streams.begin()
    let cancel = (): void => {}
    const ping = (): void => {
      streams.pingAll()
      cancel = clock.after(agentTimes.pingMs, ping)
    }
    ping()
    await aborted(signals.stop)
    cancel()
    streams.closeAll()
  }

  /** The agent that this token belongs to. Throws `Problem` 401. */
  async identify(token: string | undefined): Promise<AgentIdentity> {
    if (token === undefined || token === '')
      throw new Problem(401, 'Unauthorized', 'a bearer token is needed')
    const caller = await this.#options.backend.identify(token)
    if (caller === undefined)
      throw new Problem(401, 'Unauthorized', 'the token is not that of an agent Pod')
    return caller
  }

  /** Opens the caller's stream and sends its present assignment. Returns a function to call when the stream has ended. */
  connect(caller: AgentIdentity, stream: Pick<AgentStream, 'send' | 'close'>): () => void {
    const { streams, backend, log } = this.#options
    const { podUid, agent } = caller
    const closed = streams.open({ podUid, agent, ...stream })
    log.info({ agent }, 'agent connected')
    stream.send({ kind: 'welcome', agent, heartbeatSeconds: agentTimes.heartbeatMs / 1000 })
    const assignment = backend.assignmentOf(podUid)
    if (assignment !== undefined) stream.send(assignment)
    if (backend.isLeaving(caller)) stream.send({ kind: 'drain' })
    return () => {
      closed()
      log.info({ agent }, 'agent disconnected')
    }
  }

  /** Brings agent and operator to the same view: work that the agent does not hold is cancelled, a missed message is sent again. */
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
   * Takes the report that ends an attempt. It goes on when the caller hangs up, so that a result is not written by half;
   * each of its calls has a deadline.
   */
  async report(caller: AgentIdentity, report: Report): Promise<ReportReceipt> {
    return this.#options.backend.report(caller, report, { signal: this.#ended.signal })
  }

  /** Lets the holder of an attempt ask a model. Throws `Problem` 409 for any other caller. */
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
