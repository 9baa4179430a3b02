import type { Heartbeat, HubMessage } from '../../core/api/agent-protocol.ts'
import type { Clock } from '../../core/base/ports.ts'

/** One agent's open stream. */
export interface Line {
  readonly podUid: string
  readonly agent: string
  readonly send: (message: HubMessage) => void
  readonly close: () => void
}

/** What the hub heard of an agent last. */
export interface Heard {
  readonly open: boolean
  /** False: it never spoke to this process, which may have begun a moment ago. */
  readonly known: boolean
  /** When the stream was opened or closed, in milliseconds since 1970. */
  readonly since: number
  readonly activity: string
  readonly task: string | undefined
  readonly attempt: number | undefined
  readonly memoryBytes: number | undefined
}

/** An open stream without a heartbeat for this long counts as closed: the process hangs, or the node is gone. */
const silenceMs = 12_000

/**
 * The open streams of all agents, by Pod uid. In memory only: after a restart agents come back by themselves.
 * Guarantees: at most one line for a Pod, the newest; `onChange` is told the agent's name whenever what is heard changes.
 */
export class Lines {
  readonly #clock: Clock
  #startedAt: number
  readonly #lines = new Map<string, Line>()
  readonly #heard = new Map<string, Heard & { readonly agent: string; readonly at: number }>()
  readonly #reports = new Map<string, { readonly attempt: string; readonly at: number }>()
  readonly #listeners: ((agent: string) => void)[] = []

  constructor(clock: Clock) {
    this.#clock = clock
    this.#startedAt = clock.now()
  }

  onChange(listener: (agent: string) => void): void {
    this.#listeners.push(listener)
  }

  /** The hub listens from now on: a replica that followed for hours must not think agents silent for as long. */
  begin(): void {
    this.#startedAt = this.#clock.now()
  }

  /** Takes a new stream; an older one of the same Pod is closed. Returns what to call when it ends. */
  open(line: Line): () => void {
    this.#lines.get(line.podUid)?.close()
    this.#lines.set(line.podUid, line)
    this.#hear(line.podUid, line.agent, { open: true, since: this.#clock.now(), activity: '' })
    return () => {
      if (this.#lines.get(line.podUid) !== line) return
      this.#lines.delete(line.podUid)
      this.#hear(line.podUid, line.agent, { open: false, since: this.#clock.now() })
    }
  }

  /** Sends to a Pod; false when its stream is closed. The agent gets it again when it comes back. */
  send(podUid: string, message: HubMessage): boolean {
    const line = this.#lines.get(podUid)
    line?.send(message)
    return line !== undefined
  }

  /** Notes that a Pod reports an attempt; that may not succeed while the API server does not answer. */
  noteReport(podUid: string, attempt: string): void {
    this.#reports.set(podUid, { attempt, at: this.#clock.now() })
  }

  /** Whether a Pod tried to report this attempt within the last minute. */
  isReporting(podUid: string, attempt: string): boolean {
    const report = this.#reports.get(podUid)
    return report?.attempt === attempt && this.#clock.now() - report.at < 60_000
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

  /** What is known of a Pod. One never heard of counts as closed since the hub began. */
  of(podUid: string | undefined): Heard {
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
    if (heard.open && heard.at + silenceMs < this.#clock.now())
      return { ...heard, open: false, since: heard.at }
    return heard
  }

  /** For how long a Pod has not been heard, in milliseconds; 0 while it is. */
  silentMs(podUid: string | undefined): number {
    const { open, since } = this.of(podUid)
    return open ? 0 : this.#clock.now() - since
  }

  /** What people read about an agent that is there; undefined for one that is not. */
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

  /** Lets go of a Pod that is gone. */
  forget(podUid: string): void {
    this.#lines.get(podUid)?.close()
    this.#lines.delete(podUid)
    this.#heard.delete(podUid)
    this.#reports.delete(podUid)
  }

  /** Shows every agent that the stream lives. */
  pingAll(): void {
    for (const line of this.#lines.values()) line.send({ kind: 'ping' })
  }

  /** Ends every stream; agents come back to whoever leads next. */
  closeAll(): void {
    for (const line of this.#lines.values()) line.close()
    this.#lines.clear()
  }

  get size(): number {
    return this.#lines.size
  }

  #hear(podUid: string, agent: string, news: Partial<Heard>): void {
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
