import {
  agentTimes,
  type Assignment,
  type HubMessage,
  type Report,
} from '../../../core/api/agent-protocol.ts'
import {
  step,
  type AgentEvent,
  type AgentState,
  type Holding,
} from '../../../agent-image/agent/life-cycle.ts'
import type { Hub } from '../../../operator/hub/hub.ts'
import type { SimulatedProcess } from './process.ts'
import type { Timeline } from './timeline.ts'

/** A hub that listens, and the process it lives in. */
export interface HubAt {
  readonly process: SimulatedProcess
  readonly hub: Hub
  /** The hub says something that an agent acts upon; see `Effects.begin`. */
  readonly says: (site: string) => { readonly alive: boolean; done(): boolean }
}

/** What an agent does with one attempt, beyond what its life cycle says. */
export interface Attempt {
  /** How long the work takes. */
  readonly ms: number
  /** Called when the work is over; `hangs` when it never will be. */
  readonly report: () => Report | 'hangs'
  /** Other reports that it tries to get in when its work is over, before its own. */
  readonly lies: () => readonly Report[]
  /** Says its report twice, the second time even when the first was answered. */
  readonly twice: () => boolean
}

export interface AgentPorts {
  readonly timeline: Timeline
  /** The hub that its calls reach now, if any. */
  readonly hub: () => HubAt | undefined
  readonly token: string
  readonly latencyMs: () => number
  /** False while nothing gets through between it and everybody else. */
  readonly isConnected: () => boolean
  readonly attempt: (assignment: Assignment) => Attempt
  /** It ends by itself, its work done. */
  readonly onExit: () => void
  /** A report was accepted or fenced. */
  readonly onReceipt: (report: Report, outcome: 'accepted' | 'fenced') => void
}

const retryMs = 1_000
const callMs = 10_000

/**
 * An agent process: the real life cycle (`agent-image/agent/life-cycle.ts`) between simulated work and a simulated wire.
 * Everything it hears and says takes time, gets lost with the hub's process, and is refused like over HTTP.
 */
export class SimulatedAgent {
  readonly #process: SimulatedProcess
  readonly #ports: AgentPorts
  #state: AgentState = { phase: 'connecting', last: undefined }
  /** Counts connections, so that messages of an earlier one are not heard. */
  #connection = 0
  #closeLine: (() => void) | undefined
  #heardAt = 0
  #work = 0

  constructor(process: SimulatedProcess, ports: AgentPorts) {
    this.#process = process
    this.#ports = ports
    process.onDeath(() => this.#hangUp())
    this.#dial()
    this.#beatEvery(agentTimes.heartbeatMs)
  }

  get holding(): Holding | undefined {
    return 'holding' in this.#state ? this.#state.holding : undefined
  }

  #dial(): void {
    if (this.#state.phase === 'stopped' || this.#process.state === 'dead') return
    const connection = (this.#connection += 1)
    this.#closeLine = undefined
    this.#heardAt = this.#ports.timeline.elapsed
    const lost = () => {
      if (connection !== this.#connection) return
      this.#connection += 1
      this.#after(retryMs, () => this.#dial())
    }
    this.#send(async (at) => {
      const { hub } = at
      const caller = await hub.identify(this.#ports.token)
      let lastArrival = 0
      const toAgent = (run: () => void) => {
        const { timeline, latencyMs } = this.#ports
        lastArrival = Math.max(lastArrival, timeline.elapsed + latencyMs())
        timeline.after(lastArrival - timeline.elapsed, () => {
          if (!this.#ports.isConnected() || connection !== this.#connection) return
          this.#process.deliver(() => {
            this.#heardAt = timeline.elapsed
            run()
          })
        })
      }
      const closed = hub.connect(caller, {
        send: (message) => {
          const { kind } = message
          const quiet = kind === 'ping' || kind === 'welcome'
          const effect = quiet ? undefined : at.says(`say ${kind}`)
          if (effect?.alive === false) return
          toAgent(() => this.#hear(message))
          effect?.done()
        },
        close: () => toAgent(lost),
      })
      at.process.onDeath(() => toAgent(lost))
      const hangUp = () => at.process.deliver(closed)
      if (connection === this.#connection && this.#process.state !== 'dead')
        this.#closeLine = hangUp
      else hangUp()
    }).catch(() => this.#process.deliver(lost))
  }

  /** The other side sees the connection end. */
  #hangUp(): void {
    const close = this.#closeLine
    this.#closeLine = undefined
    this.#connection += 1
    if (close !== undefined) this.#ports.timeline.after(this.#ports.latencyMs(), close)
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
        this.#after(50, () => this.#happen({ kind: 'finished', report: undefined }))
      } else if (effect.do === 'report') void this.#tell(effect.report, () => true)
      else {
        this.#hangUp()
        this.#ports.onExit()
      }
    }
  }

  #start(assignment: Assignment): void {
    const work = (this.#work += 1)
    const mine = () => work === this.#work
    const attempt = this.#ports.attempt(assignment)
    this.#beat()
    this.#after(attempt.ms, () => {
      if (!mine()) return
      for (const lie of attempt.lies()) this.#lie(lie)
      const report = attempt.report()
      if (report === 'hangs') return
      const tell = async () => {
        await this.#tell(report, mine)
        if (attempt.twice()) void this.#tell(report, () => true)
        if (mine()) this.#happen({ kind: 'finished', report })
      }
      void tell()
    })
  }

  /** Once: repeated until it is answered, it might arrive when the task has become its own. */
  #lie(lie: Report): void {
    this.#send(async ({ hub }) => {
      const caller = await hub.identify(this.#ports.token)
      return hub.report(caller, lie)
    }).then(
      ({ outcome }) => this.#ports.onReceipt(lie, outcome),
      () => undefined,
    )
  }

  /** Says a report until it is answered, as the real client does. */
  async #tell(report: Report, wanted: () => boolean): Promise<void> {
    while (wanted()) {
      try {
        const receipt = await this.#send(async ({ hub }) => {
          const caller = await hub.identify(this.#ports.token)
          return hub.report(caller, report)
        })
        this.#ports.onReceipt(report, receipt.outcome)
        return
      } catch {
        await new Promise<void>((resolve) => this.#after(retryMs, resolve))
      }
    }
  }

  #beat(): void {
    if (this.#state.phase === 'connecting' || this.#state.phase === 'stopped') return
    const beat = { ...this.holding, activity: '' }
    this.#send(async ({ hub }) => {
      hub.beat(await hub.identify(this.#ports.token), beat)
    }).catch(() => undefined)
  }

  #beatEvery(ms: number): void {
    this.#after(ms, () => {
      if (this.#state.phase === 'stopped') return
      this.#beat()
      if (
        this.#closeLine !== undefined &&
        this.#ports.timeline.elapsed - this.#heardAt > agentTimes.agentSilenceMs
      ) {
        this.#hangUp()
        this.#dial()
      }
      this.#beatEvery(ms)
    })
  }

  /** One call of the hub: rejects when nobody listens, when the hub dies under it, or after a while. */
  async #send<T>(work: (hub: HubAt) => Promise<T>): Promise<T> {
    const { timeline, latencyMs, isConnected, hub: find } = this.#ports
    return new Promise<T>((resolve, reject) => {
      let over = false
      const end = (settle: () => void) => {
        if (over) return
        over = true
        this.#process.deliver(settle)
      }
      const fail = () => end(() => reject(new Error('the hub cannot be reached')))
      timeline.after(callMs, fail)
      timeline.after(latencyMs(), () => {
        const hub = isConnected() ? find() : undefined
        if (hub === undefined) {
          if (isConnected()) fail()
          return
        }
        hub.process.onDeath(() => timeline.after(latencyMs(), fail))
        const answer = (settle: () => void) =>
          timeline.after(latencyMs(), () => {
            if (isConnected()) end(settle)
          })
        hub.process.deliver(() => {
          work(hub).then(
            (value) => answer(() => resolve(value)),
            (error: unknown) => answer(() => reject(error)),
          )
        })
      })
    })
  }

  #after(ms: number, run: () => void): void {
    this.#ports.timeline.after(ms, () => this.#process.deliver(run))
  }
}
