import { type Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Assignment, HubMessage, Report } from '../../core/api/agent-protocol.ts'
import type { AgentStart, RunningAgent } from './agent-runner.ts'
import type { Outcome } from './simulated-agents.ts'

/** What the hub answered to one report. */
export interface Receipt {
  readonly task: string
  readonly uid: string
  readonly attempt: number
  readonly verdict: string
  readonly outcome: 'accepted' | 'fenced'
  readonly message: string
}

interface Work {
  readonly assignment: Assignment
  readonly stop: AbortController
}

/** One agent: an open stream, heartbeats, at most one assignment at a time, reports until they are answered. */
export class SimulatedAgent implements RunningAgent {
  readonly start: AgentStart
  /** Every answer to a report, in order. */
  readonly receipts: Receipt[] = []
  /** What it was given so far. */
  readonly assignments: Assignment[] = []
  readonly exited: Promise<number | null>
  readonly #http: HttpAgent
  readonly #behave: (assignment: Assignment) => Outcome
  readonly #end = Promise.withResolvers<number | null>()
  readonly #life = new AbortController()
  #stream: IncomingMessage | undefined
  #heartbeat: NodeJS.Timeout | undefined
  #work: Work | undefined
  #last: Report | undefined
  #draining = false
  #partition = Promise.resolve()
  #heal = (): void => undefined
  #cut = false

  constructor(start: AgentStart, http: HttpAgent, behave: (assignment: Assignment) => Outcome) {
    this.start = start
    this.#http = http
    this.#behave = behave
    this.exited = this.#end.promise
  }

  get running(): boolean {
    return !this.#life.signal.aborted
  }

  /** The task it works on. */
  get task(): string | undefined {
    return this.#work?.assignment.task
  }

  begin(): void {
    void this.#listen()
  }

  terminate(): void {
    this.#exit(0)
  }

  kill(): void {
    this.#exit(null)
  }

  /** Loses the hub: nothing gets through in either direction until `heal`. It works on. */
  partition(): void {
    if (this.#cut) return
    this.#cut = true
    const { promise, resolve } = Promise.withResolvers<undefined>()
    this.#partition = promise.then(() => undefined)
    this.#heal = () => resolve(undefined)
    this.#stream?.destroy()
  }

  heal(): void {
    this.#cut = false
    this.#heal()
  }

  /** Says something to the hub once, whatever it is. */
  async say(
    path: string,
    body: object,
  ): Promise<{ readonly status: number; readonly text: string }> {
    const response = await this.#send('POST', path, body)
    return { status: response.statusCode ?? 0, text: await textOf(response) }
  }

  /** Sends a report once, also one that is not its to send. */
  async tell(report: Report): Promise<Receipt | undefined> {
    const { status, text } = await this.say('/v1/report', report)
    if (status !== 200) return undefined
    const receipt = JSON.parse(text) as Pick<Receipt, 'outcome' | 'message'>
    const { task, uid, attempt, verdict } = report
    const full = { task, uid, attempt, verdict, ...receipt }
    this.receipts.push(full)
    return full
  }

  async #listen(): Promise<void> {
    for (let pause = 100; this.running; pause = Math.min(2_000, pause * 2)) {
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
          for (const line of lines) if (line !== '') this.#hear(JSON.parse(line) as HubMessage)
        }
      } catch {
        // The hub is not there; the next round asks again.
      }
      await sleep(pause * (0.5 + Math.random()), undefined, { signal: this.#life.signal }).catch(
        () => undefined,
      )
    }
  }

  #hear(message: HubMessage): void {
    if (this.#cut) return
    switch (message.kind) {
      case 'welcome':
        clearInterval(this.#heartbeat)
        this.#heartbeat = setInterval(() => this.#beat(), message.heartbeatSeconds * 1_000)
        return this.#beat()
      case 'assign':
        return this.#assigned(message)
      case 'cancel':
        if (isSame(this.#work?.assignment, message)) this.#work?.stop.abort()
        return
      case 'drain':
        this.#draining = true
        if (this.#work === undefined) this.#exit(0)
        return
      case 'ping':
        return
    }
  }

  #assigned(assignment: Assignment): void {
    if (this.#work !== undefined) return
    if (isSame(this.#last, assignment)) {
      // The hub did not hear the report, or answers before it knows that it did.
      if (this.#last !== undefined) void this.#report(this.#last, this.#life.signal)
      return
    }
    this.assignments.push(assignment)
    const work: Work = { assignment, stop: new AbortController() }
    this.#work = work
    void this.#carryOut(work).finally(() => {
      this.#work = undefined
      if (this.#draining) this.#exit(0)
    })
  }

  async #carryOut({ assignment, stop }: Work): Promise<void> {
    const signal = AbortSignal.any([stop.signal, this.#life.signal])
    const outcome = this.#behave(assignment)
    try {
      await sleep(outcome.afterMs, undefined, { signal })
      const report = { ...reportOn(assignment, outcome.afterMs / 1_000), ...outcome.report }
      this.#last = report
      await this.#report(report, signal)
    } catch {
      // The task was taken away, or the agent ended.
    }
  }

  /** Until it is answered, as the protocol asks. */
  async #report(report: Report, signal: AbortSignal): Promise<void> {
    for (let pause = 100; !signal.aborted; pause = Math.min(2_000, pause * 2)) {
      await this.#partition
      if ((await this.tell(report).catch(() => undefined)) !== undefined) return
      await sleep(pause, undefined, { signal }).catch(() => undefined)
    }
  }

  #beat(): void {
    if (this.#cut || !this.running) return
    const { task, uid, attempt } = this.#work?.assignment ?? {}
    const beat = task === undefined ? {} : { task, uid, attempt, activity: 'simulating' }
    this.say('/v1/heartbeat', beat).catch(() => undefined)
  }

  #exit(code: number | null): void {
    if (!this.running) return
    clearInterval(this.#heartbeat)
    this.#life.abort()
    this.#stream?.destroy()
    this.heal()
    this.#end.resolve(code)
  }

  #send(method: string, path: string, body?: object): Promise<IncomingMessage> {
    if (this.#cut) return Promise.reject(new Error('the network is cut'))
    const text = body === undefined ? undefined : JSON.stringify(body)
    return new Promise((resolve, reject) => {
      const call = httpRequest(`${this.start.hubUrl}${path}`, {
        method,
        agent: this.#http,
        signal: this.#life.signal,
        headers: {
          authorization: `Bearer ${this.start.token}`,
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

/** A report that the task is done, without a commit: nothing has to be merged. */
export function reportOn(
  assignment: Pick<Assignment, 'task' | 'uid' | 'attempt'>,
  durationSeconds: number,
): Report {
  const { task, uid, attempt } = assignment
  return {
    task,
    uid,
    attempt,
    verdict: 'Done',
    summary: 'simulated',
    files: [],
    evidence: [],
    tries: 1,
    durationSeconds,
    notes: [],
  }
}

interface AttemptName {
  readonly uid: string
  readonly attempt: number
}

function isSame(one: AttemptName | undefined, other: AttemptName): boolean {
  return one?.uid === other.uid && one.attempt === other.attempt
}

async function textOf(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8')
  let text = ''
  for await (const chunk of response as AsyncIterable<string>) text += chunk
  return text
}
