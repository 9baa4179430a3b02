// Simulated agents that speak the real protocol over HTTP, inside this process.
import { type Agent as HttpAgent, Agent, type IncomingMessage, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type {
  Assignment,
  Heartbeat,
  HubMessage,
  Report,
  ReportReceipt,
} from '../../core/api/agent-protocol.ts'
import { SimulatedAgent, type AgentWire, reportOn } from '../support/simulated-agent.ts'
import type { AgentRunner, AgentStart, RunningAgent } from './node.ts'

/** The outcome of an assignment, as a test decides it. */
interface Outcome {
  /** How long it works, in milliseconds. */
  readonly afterMs: number
  /** Fields of its report that differ from `Done` without a commit. */
  readonly report?: Partial<Report>
}

/** Decides the outcome of each assignment. */
export type Behaviour = (assignment: Assignment, agent: string) => Outcome

/** The hub's answer to one report. */
interface Receipt extends ReportReceipt {
  readonly task: string
  readonly uid: string
  readonly attempt: number
  readonly verdict: string
}

/** Runs agents inside this process; cheap enough for a thousand. */
export class SimulatedAgents implements AgentRunner {
  /** Every agent that ever ran, by the uid of its Pod. */
  readonly agents = new Map<string, LabAgent>()
  /** Decides the outcome of later assignments; tests replace it. */
  behaviour: Behaviour
  readonly #http = new Agent({ keepAlive: true, maxSockets: Infinity, scheduling: 'lifo' })

  constructor(behaviour: Behaviour = () => ({ afterMs: 50 })) {
    this.behaviour = behaviour
  }

  start(pod: AgentStart): LabAgent {
    const agent = new LabAgent(pod, this.#http, (assignment) =>
      this.behaviour(assignment, pod.agent),
    )
    this.agents.set(pod.uid, agent)
    return agent
  }

  async close(): Promise<void> {
    for (const agent of this.agents.values()) agent.kill()
    this.#http.destroy()
  }
}

/** One agent of a lab, with a wire that a test can cut and speak on. */
export class LabAgent implements RunningAgent {
  readonly start: AgentStart
  /** Every answer to a report, in order. */
  readonly receipts: Receipt[] = []
  readonly exited: Promise<number | null>
  readonly #wire: HttpWire
  readonly #agent: SimulatedAgent
  readonly #end = Promise.withResolvers<number | null>()

  constructor(start: AgentStart, http: HttpAgent, behave: (assignment: Assignment) => Outcome) {
    this.start = start
    this.exited = this.#end.promise
    this.#wire = new HttpWire(start, http)
    this.#agent = new SimulatedAgent({
      wire: this.#wire,
      after: (ms, run) => this.#wire.after(ms, run),
      pauseMs: (tries) => Math.min(2_000, 100 * 2 ** tries),
      activity: 'simulating',
      attempt: (assignment) => {
        const { afterMs, report } = behave(assignment)
        const usual = reportOn(assignment, { durationSeconds: afterMs / 1_000 })
        return { ms: afterMs, report: () => ({ ...usual, ...report }) }
      },
      onExit: () => this.#exit(0),
      onReceipt: (report, receipt) => this.#note(report, receipt),
    })
  }

  get running(): boolean {
    return this.#wire.isOpen
  }

  /** The task it works on. */
  get task(): string | undefined {
    return this.#agent.holding?.task
  }

  terminate(): void {
    this.#exit(0)
  }

  kill(): void {
    this.#exit(null)
  }

  /** Loses the hub: nothing gets through in either direction until `heal`. The agent works on. */
  partition(): void {
    this.#wire.cut()
  }

  heal(): void {
    this.#wire.heal()
  }

  /** Sends anything to the hub, once. */
  async say(
    path: string,
    body: object,
  ): Promise<{ readonly status: number; readonly text: string }> {
    return this.#wire.say(path, body)
  }

  /** Sends a report once, also one that is not this agent's to send. */
  async tell(report: Report): Promise<Receipt | undefined> {
    const { status, text } = await this.say('/v1/report', report)
    return status === 200 ? this.#note(report, JSON.parse(text) as ReportReceipt) : undefined
  }

  #note({ task, uid, attempt, verdict }: Report, receipt: ReportReceipt): Receipt {
    const full = { task, uid, attempt, verdict, ...receipt }
    this.receipts.push(full)
    return full
  }

  #exit(code: number | null): void {
    this.#wire.close()
    this.#end.resolve(code)
  }
}

/** The hub's protocol over HTTP, from one agent. */
class HttpWire implements AgentWire {
  readonly #start: AgentStart
  readonly #http: HttpAgent
  readonly #life = new AbortController()
  #stream: IncomingMessage | undefined
  #partition = Promise.resolve()
  #mend = (): void => undefined
  #isCut = false

  constructor(start: AgentStart, http: HttpAgent) {
    this.#start = start
    this.#http = http
  }

  get isOpen(): boolean {
    return !this.#life.signal.aborted
  }

  open(onMessage: (message: HubMessage) => void): void {
    void this.#listen((message) => {
      if (!this.#isCut) onMessage(message)
    })
  }

  /** A lost stream is noticed by its socket. */
  check(): void {
    return
  }

  close(): void {
    this.#life.abort()
    this.#stream?.destroy()
    this.heal()
  }

  after(ms: number, run: () => void): void {
    sleep(ms, undefined, { signal: this.#life.signal }).then(run, () => undefined)
  }

  cut(): void {
    if (this.#isCut) return
    this.#isCut = true
    const { promise, resolve } = Promise.withResolvers<undefined>()
    this.#partition = promise.then(() => undefined)
    this.#mend = () => resolve(undefined)
    this.#stream?.destroy()
  }

  heal(): void {
    this.#isCut = false
    this.#mend()
  }

  async heartbeat(beat: Heartbeat): Promise<void> {
    await this.say('/v1/heartbeat', beat)
  }

  async report(report: Report): Promise<ReportReceipt> {
    await this.#partition
    const { status, text } = await this.say('/v1/report', report)
    if (status !== 200) throw new Error(`the hub answered ${status}: ${text}`)
    return JSON.parse(text) as ReportReceipt
  }

  async say(
    path: string,
    body: object,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const response = await this.#send('POST', path, body)
    return { status: response.statusCode ?? 0, text: await textOf(response) }
  }

  async #listen(onMessage: (message: HubMessage) => void): Promise<void> {
    for (let pause = 100; this.isOpen; pause = Math.min(2_000, pause * 2)) {
      await this.#partition
      try {
        const response = await this.#send('GET', '/v1/assignments')
        this.#stream = response
        if (response.statusCode !== 200) throw new Error(await textOf(response))
        response.setEncoding('utf8')
        let rest = ''
        for await (const chunk of response as AsyncIterable<string>) {
          pause = 50
          const lines = `${rest}${chunk}`.split('\n')
          rest = lines.pop() ?? ''
          for (const line of lines) if (line !== '') onMessage(JSON.parse(line) as HubMessage)
        }
      } catch {
        // The hub is not there; the next round asks again.
      }
      await sleep(pause * (0.5 + Math.random()), undefined, { signal: this.#life.signal }).catch(
        () => undefined,
      )
    }
  }

  #send(method: string, path: string, body?: object): Promise<IncomingMessage> {
    if (this.#isCut) return Promise.reject(new Error('the network is cut'))
    const text = body === undefined ? undefined : JSON.stringify(body)
    return new Promise((resolve, reject) => {
      const call = request(`${this.#start.hubUrl}${path}`, {
        method,
        agent: this.#http,
        signal: this.#life.signal,
        headers: {
          authorization: `Bearer ${this.#start.token}`,
          ...(text === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        },
      })
      call.on('response', (response) => {
        response.on('error', () => undefined)
        resolve(response)
      })
      call.on('error', reject)
      call.end(text)
    })
  }
}

async function textOf(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8')
  let text = ''
  for await (const chunk of response as AsyncIterable<string>) text += chunk
  return text
}
