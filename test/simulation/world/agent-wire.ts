import {
  type Heartbeat,
  type HubMessage,
  type Report,
  type ReportReceipt,
  agentTimes,
} from '../../../core/api/agent-protocol.ts'
import type { Hub } from '../../../operator/hub/hub.ts'
import type { AgentWire } from '../../support/simulated-agent.ts'
import type { SimulatedProcess } from './process.ts'
import type { Timeline } from './timeline.ts'

/** A hub that listens, and the process it lives in. */
export interface HubAt {
  readonly process: SimulatedProcess
  readonly hub: Hub
  /** The hub says something that an agent acts upon; see `Effects.begin`. */
  readonly says: (site: string) => { readonly alive: boolean; done(): boolean }
}

interface WirePorts {
  readonly timeline: Timeline
  /** The hub that calls reach now, if any. */
  readonly hub: () => HubAt | undefined
  readonly token: string
  readonly latencyMs: () => number
  /** False while nothing gets through between the agent and everybody else. */
  readonly isConnected: () => boolean
}

const retryMs = 1_000
const callMs = 10_000

/**
 * The network between an agent and the hub, in virtual time: everything that is said on it takes
 * time, gets lost with the hub's process, and is refused as over HTTP.
 */
export class SimulatedWire implements AgentWire {
  readonly #process: SimulatedProcess
  readonly #ports: WirePorts
  #onMessage: (message: HubMessage) => void = () => undefined
  /** Counts connections, so that messages of an earlier one are not heard. */
  #connection = 0
  #closeStream: (() => void) | undefined
  #heardAt = 0
  #isClosed = false

  constructor(process: SimulatedProcess, ports: WirePorts) {
    this.#process = process
    this.#ports = ports
  }

  open(onMessage: (message: HubMessage) => void): void {
    this.#onMessage = onMessage
    this.#dial()
  }

  check(): void {
    const silentMs = this.#ports.timeline.elapsed - this.#heardAt
    if (this.#closeStream === undefined || silentMs <= agentTimes.agentSilenceMs) return
    this.#hangUp()
    this.#dial()
  }

  close(): void {
    this.#isClosed = true
    this.#hangUp()
  }

  async heartbeat(beat: Heartbeat): Promise<void> {
    await this.#send(async ({ hub }) => {
      hub.beat(await hub.identify(this.#ports.token), beat)
    })
  }

  async report(report: Report): Promise<ReportReceipt> {
    return this.#send(async ({ hub }) => {
      const caller = await hub.identify(this.#ports.token)
      return hub.report(caller, report)
    })
  }

  #dial(): void {
    if (this.#isClosed || this.#process.state === 'dead') return
    const connection = (this.#connection += 1)
    this.#closeStream = undefined
    this.#heardAt = this.#ports.timeline.elapsed
    const lost = () => {
      if (connection !== this.#connection) return
      this.#connection += 1
      this.#ports.timeline.after(retryMs, () => this.#process.deliver(() => this.#dial()))
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
          toAgent(() => this.#onMessage(message))
          effect?.done()
        },
        close: () => toAgent(lost),
      })
      at.process.onDeath(() => toAgent(lost))
      const hangUp = () => at.process.deliver(closed)
      if (connection === this.#connection && this.#process.state !== 'dead')
        this.#closeStream = hangUp
      else hangUp()
    }).catch(() => this.#process.deliver(lost))
  }

  /** The other side sees the connection end. */
  #hangUp(): void {
    const close = this.#closeStream
    this.#closeStream = undefined
    this.#connection += 1
    if (close !== undefined) this.#ports.timeline.after(this.#ports.latencyMs(), close)
  }

  /**
   * One call of the hub: rejects when nobody listens, when the hub dies under it, or after a while.
   */
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
}
