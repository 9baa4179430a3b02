import { agentTimes, type Heartbeat, type HubMessage } from '../../core/api/agent-protocol.ts'
import type { Clock } from '../../core/base/clock.ts'

/** One agent's open stream. */
export interface AgentStream {
  readonly podUid: string
  readonly agent: string
  readonly send: (message: HubMessage) => void
  readonly close: () => void
}

/** The last news of an agent. */
interface Presence {
  readonly open: boolean
  /** False while the agent has not connected to this process, which may have started a moment ago. */
  readonly known: boolean
  /** When the stream was opened or closed, in milliseconds since 1970. */
  readonly since: number
  readonly activity: string
  readonly task: string | undefined
  readonly attempt: number | undefined
  readonly memoryBytes: number | undefined
}

/**
 * The open streams of all agents, by Pod uid. They are kept in memory only: after a restart the agents connect again.
 * Guarantees: a Pod has at most one stream, the newest; `onChange` gets the agent's name whenever its `Presence` changes.
 */
export class AgentStreams {
  readonly #clock: Clock
  #startedAt: number
  readonly #streams = new Map<string, AgentStream>()
  readonly #heard = new Map<string, Presence & { readonly agent: string; readonly at: number }>()
  readonly #reports = new Map<string, { readonly attempt: string; readonly at: number }>()
  readonly #listeners: ((agent: string) => void)[] = []

  constructor(clock: Clock) {
    this.#clock = clock
    this.#startedAt = clock.now()
  }

  onChange(listener: (agent: string) => void): void {
    this.#listeners.push(listener)
  }

  /** The hub starts to listen. A replica that becomes leader after hours must not count these hours as silence of agents. */
  begin(): void {
    this.#startedAt = this.#clock.now()
  }

  /** Takes a new stream and closes an older one of the same Pod. Returns a function to call when the stream has ended. */
  open(stream: AgentStream): () => void {
    this.#streams.get(stream.podUid)?.close()
    this.#streams.set(stream.podUid, stream)
    this.#hear(stream.podUid, stream.agent, { open: true, since: this.#clock.now(), activity: '' })
    return () => {
      if (this.#streams.get(stream.podUid) !== stream) return
      this.#streams.delete(stream.podUid)
      this.#hear(stream.podUid, stream.agent, { open: false, since: this.#clock.now() })
    }
  }

  /** Sends a message to a Pod; false when its stream is closed. The agent gets its assignment again when it connects. */
  send(podUid: string, message: HubMessage): boolean {
    const stream = this.#streams.get(podUid)
    stream?.send(message)
    return stream !== undefined
  }

  /** Notes that a Pod reports an attempt. Its report cannot be stored while the API server does not answer. */
  noteReport(podUid: string, attempt: string): void {
    this.#reports.set(podUid, { attempt, at: this.#clock.now() })
  }

  /** Whether a Pod tried to report this attempt a moment ago. */
  isReporting(podUid: string, attempt: string): boolean {
    const report = this.#reports.get(podUid)
    return report?.attempt === attempt && this.#clock.now() - report.at < agentTimes.reportingMs
  }

  /** Notes a heartbeat. */
  beat(podUid: string, agent: string, beat: Heartbeat): void {
    this.#hear(podUid, agent, {
      activity: beat.activity ?? '',
      task: beat.task,
      attempt: beat.attempt,
      ...(beat.memoryBytes === undefined ? {} : { memoryBytes: beat.memoryBytes }),
    })
  }

  /** The presence of a Pod. A Pod that never connected counts as closed since the hub started. */
  of(podUid: string | undefined): Presence {
    const heard = podUid === undefined ? undefined : this.#heard.get(podUid)
    if (heard === undefined)
      return {
        open: false,
        known: false,
        since: this.#startedAt,
        activity: '',
        task: undefined,
        attempt: undefined,
        memoryBytes: undefined,
      }
    if (heard.open && heard.at + agentTimes.hubSilenceMs < this.#clock.now())
      return { ...heard, open: false, since: heard.at }
    return heard
  }

  /** How long a Pod has been silent, in milliseconds; 0 while its stream is open. */
  silentMs(podUid: string | undefined): number {
    const { open, since } = this.of(podUid)
    return open ? 0 : this.#clock.now() - since
  }

  /** The facts about a connected agent for the registry; undefined when it is not connected. */
  factsOf(podUid: string | undefined):
    | {
        readonly lastHeard: string
        readonly activity: string
        readonly memoryBytes: number | undefined
      }
    | undefined {
    const { open, activity, memoryBytes } = this.of(podUid)
    if (!open) return undefined
    return { lastHeard: new Date(this.#clock.now()).toISOString(), activity, memoryBytes }
  }

  /** Forgets a Pod that is gone. */
  forget(podUid: string): void {
    this.#streams.get(podUid)?.close()
    this.#streams.delete(podUid)
    this.#heard.delete(podUid)
    this.#reports.delete(podUid)
  }

  /** Sends a ping to every agent, which shows it that its stream is alive. */
  pingAll(): void {
    for (const stream of this.#streams.values()) stream.send({ kind: 'ping' })
  }

  /** Ends every stream; agents connect to the next leader. */
  closeAll(): void {
    for (const stream of this.#streams.values()) stream.close()
    this.#streams.clear()
  }

  get size(): number {
    return this.#streams.size
  }

  #hear(podUid: string, agent: string, news: Partial<Presence>): void {
    const before = this.#heard.get(podUid)
    const wasOpen = before === undefined ? undefined : this.of(podUid).open
    const after = {
      open: false,
      known: true,
      since: this.#clock.now(),
      activity: '',
      task: undefined,
      attempt: undefined,
      memoryBytes: undefined,
      ...before,
      ...news,
      agent,
      at: this.#clock.now(),
    }
    this.#heard.set(podUid, after)
    if (
      before !== undefined &&
      wasOpen === after.open &&
      before.activity === after.activity &&
      before.task === after.task
    )
      return
    for (const listener of this.#listeners) listener(agent)
  }
}
