// The agent's side of the protocol in core/api/agent-protocol.ts.
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { jsonOf } from '../../core/base/lines.ts'
import {
  type Heartbeat,
  type HubMessage,
  type LogBatch,
  type ModelCall,
  type ModelEvent,
  type Report,
  type ReportReceipt,
  hubMessage,
  modelEvent,
  reportReceipt,
} from '../../core/api/agent-protocol.ts'
import { type HttpResponse, sendRequest } from './http.ts'
import { systemClock } from '../../core/base/clock.ts'
import { backoffMs, within } from './timers.ts'
import type { Abortable } from '../../core/base/wait.ts'

interface HubSettings {
  readonly url: string
  /** Read again for every call: the kubelet renews the token in place. */
  readonly tokenFile: string
  readonly random: () => number
  /** Milliseconds without a line after which the stream is taken for dead. */
  readonly silenceMs: number
}

/** The hub refused a call and would refuse it again. */
export class HubRefusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** The calls that an agent makes to the hub. */
export interface HubClient {
  /**
   * Listens until `signal` and reconnects as often as needed; `onProblem` is called for every lost
   * connection.
   */
  listen(
    onMessage: (message: HubMessage) => void,
    onProblem: (message: string) => void,
    options: Abortable,
  ): Promise<void>
  /** One try; throws when it fails. The next heartbeat makes up for it. */
  heartbeat(beat: Heartbeat, options: Abortable): Promise<void>
  /** One try. */
  logs(batch: LogBatch, options: Abortable): Promise<void>
  /**
   * Tries until the hub answers. Throws `HubRefusal` when the hub says that the report is
   * malformed.
   */
  report(report: Report, options: Abortable): Promise<ReportReceipt>
  /**
   * One try of one model call, event by event. Ends with `result` or `error`; throws when the
   * stream breaks before.
   */
  model(call: ModelCall, options: Abortable): AsyncGenerator<ModelEvent>
}

/** A client of the hub at `settings.url`. */
export function connectHub(settings: HubSettings): HubClient {
  const send = async (
    method: 'GET' | 'POST',
    path: string,
    body: unknown,
    signal: AbortSignal,
  ): Promise<HttpResponse> => {
    const token = (await readFile(settings.tokenFile, 'utf8')).trim()
    const response = await sendRequest(
      {
        method,
        url: `${settings.url}${path}`,
        headers: { authorization: `Bearer ${token}` },
        ...(body === undefined ? {} : { body }),
      },
      { signal },
    )
    if (response.status >= 200 && response.status < 300) return response
    const text = await response.text()
    throw new HubRefusal(response.status, `${path}: ${response.status} ${text.slice(0, 300)}`)
  }
  const quick = async (path: string, body: unknown, signal: AbortSignal): Promise<string> => {
    const limit = AbortSignal.any([signal, within(20_000)])
    return (await send('POST', path, body, limit)).text()
  }

  return {
    async listen(onMessage, onProblem, { signal }) {
      for (let failures = 0; !signal.aborted; failures++) {
        try {
          for await (const message of messages(settings, send, signal)) {
            failures = 0
            onMessage(message)
          }
          if (!signal.aborted) onProblem('the hub closed the assignment stream')
        } catch (error) {
          if (signal.aborted) return
          onProblem(error instanceof Error ? error.message : 'the assignment stream broke')
        }
        await systemClock
          .sleep(backoffMs(failures, settings.random, 250, 3000), { signal })
          .catch(() => undefined)
      }
    },
    heartbeat: async (beat, { signal }) => void (await quick('/v1/heartbeat', beat, signal)),
    logs: async (batch, { signal }) => void (await quick('/v1/logs', batch, signal)),
    async report(report, { signal }) {
      for (let failures = 0; ; failures++) {
        try {
          return reportReceipt.parse(JSON.parse(await quick('/v1/report', report, signal)))
        } catch (error) {
          if (signal.aborted) throw error
          // 401 and 403 can be a token review that failed; 404 a hub that has just begun. They are
          // asked again.
          if (error instanceof HubRefusal && (error.status === 400 || error.status === 422))
            throw error
          if (error instanceof HubRefusal && error.status === 409)
            return { outcome: 'fenced', message: error.message }
          await systemClock.sleep(backoffMs(failures, settings.random), { signal })
        }
      }
    },
    async *model(call, { signal }) {
      const response = await send('POST', '/v1/model', call, signal)
      for await (const line of response.lines()) {
        const event = modelEvent.parse(JSON.parse(line))
        yield event
        if (event.kind === 'result' || event.kind === 'error') {
          response.drop()
          return
        }
      }
      throw new Error('the model stream ended without a result')
    },
  }
}

/** One connection of the assignment stream. Throws when nothing came for `silenceMs`. */
async function* messages(
  settings: HubSettings,
  send: (m: 'GET', path: string, body: undefined, signal: AbortSignal) => Promise<HttpResponse>,
  signal: AbortSignal,
): AsyncGenerator<HubMessage> {
  const watchdog = new AbortController()
  const expire = (): void => watchdog.abort(new Error('the assignment stream fell silent'))
  let cancel = systemClock.after(settings.silenceMs, expire)
  try {
    const both = AbortSignal.any([signal, watchdog.signal])
    const response = await send('GET', '/v1/assignments', undefined, both)
    const stop = (): void => response.drop()
    both.addEventListener('abort', stop, { once: true })
    for await (const line of response.lines()) {
      cancel()
      cancel = systemClock.after(settings.silenceMs, expire)
      // A newer hub may send messages that this agent does not know; they are left out.
      const known = hubMessage.safeParse(jsonOf(line))
      if (known.success) yield known.data
    }
    if (watchdog.signal.aborted) throw watchdog.signal.reason as Error
  } catch (error) {
    throw watchdog.signal.aborted ? (watchdog.signal.reason as Error) : error
  } finally {
    cancel()
  }
}

/**
 * Whether an error of `HubClient.model` may pass when the call is repeated: every error except a
 * malformed call.
 */
export function isPassing(error: unknown): boolean {
  if (error instanceof HubRefusal)
    return (
      error.status === 429 || error.status >= 500 || error.status === 401 || error.status === 403
    )
  return !(error instanceof z.ZodError)
}
