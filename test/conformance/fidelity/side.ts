import { Agent } from 'undici'
import { systemClock as clock } from '../../../core/base/clock.ts'
import type { KubeConfig } from '../../../core/kube/config.ts'
import { LineParser } from '../../../core/kube/watch.ts'
import { type Fields, isFields } from '../../../simulated-kubernetes/json.ts'
import type { SimulatedApiServer } from '../../../simulated-kubernetes/server.ts'

/** One request, as both servers get it. */
interface PlainRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly body?: string | undefined
  readonly contentType?: string | undefined
}

/** The answer as it came back. */
export interface PlainAnswer {
  readonly status: number
  readonly body: unknown
}

/** One event of a watch, untouched. */
export interface PlainEvent {
  readonly type: string
  readonly object: unknown
}

/**
 * One of the two servers that are held against each other: nothing between the test and what is
 * said.
 */
export interface Side {
  call(request: PlainRequest): Promise<PlainAnswer>
  /** Reads a watch until `isEnough`, or until the server ends it. */
  watch(path: string, isEnough: (event: PlainEvent) => boolean): Promise<readonly PlainEvent[]>
  close(): Promise<void>
}

/** Field managers are named after it. */
const userAgent = 'fidelity'

export function realSide(config: KubeConfig): Side {
  let agent: Agent | undefined
  const sendOnce = async ({ method, path, body, contentType }: PlainRequest) => {
    const { headers, tls } = await config.credentials()
    agent ??= new Agent({ connect: tls, connections: 64, bodyTimeout: 0, headersTimeout: 0 })
    return agent.request({
      origin: config.server,
      path,
      method,
      headers: {
        ...headers,
        accept: 'application/json',
        'user-agent': userAgent,
        ...(body === undefined ? {} : { 'content-type': contentType ?? 'application/json' }),
      },
      body: body ?? null,
    })
  }
  // A server that is busy, or only just began to serve a kind, asks to come again and has done
  // nothing.
  const send = async (request: PlainRequest) => {
    for (let tries = 0; ; tries += 1) {
      const answer = await sendOnce(request)
      if (answer.statusCode !== 429 || tries >= 60) return answer
      await answer.body.dump()
      await clock.sleep(500, {})
    }
  }
  return {
    call: async (request) => {
      const { statusCode, body } = await send(request)
      return { status: statusCode, body: parsed(await body.text()) }
    },
    watch: async (path, isEnough) => {
      const { statusCode, body } = await send({ method: 'GET', path })
      if (statusCode >= 300) {
        return [{ type: `HTTP ${statusCode}`, object: parsed(await body.text()) }]
      }
      return eventsOf(body, isEnough)
    },
    close: async () => agent?.destroy(),
  }
}

export function simulatedSide(api: SimulatedApiServer): Side {
  const signal = new AbortController().signal
  return {
    call: async (request) => {
      const answer = await api.answer(userAgent, { ...request, signal })
      if ('stream' in answer) throw new TypeError('a watch is not called')
      // As it goes over the wire: nothing is shared, nothing is undefined.
      return { status: answer.status, body: parsed(JSON.stringify(answer.body)) }
    },
    watch: async (path, isEnough) => {
      const answer = await api.answer(userAgent, { method: 'GET', path, signal })
      if ('stream' in answer) return eventsOf(answer.stream, isEnough)
      return [{ type: `HTTP ${answer.status}`, object: answer.body }]
    },
    close: async () => undefined,
  }
}

async function eventsOf(
  body: AsyncIterable<Buffer>,
  isEnough: (event: PlainEvent) => boolean,
): Promise<readonly PlainEvent[]> {
  const lines = new LineParser()
  const events: PlainEvent[] = []
  for await (const chunk of body) {
    for (const line of lines.push(chunk)) {
      if (!isFields(line)) continue
      const event = { type: String(line['type']), object: line['object'] }
      events.push(event)
      if (isEnough(event)) return events
    }
  }
  return events
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g
const timestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/

/**
 * Makes the answers of two servers comparable: uids and versions become the order in which they
 * came up, times of now become one word. Everything else stays.
 */
export class Normalizer {
  readonly #uids = new Map<string, string>()
  readonly #versions = new Map<string, string>()
  readonly #startedAt: number

  constructor(startedAt: number) {
    this.#startedAt = startedAt
  }

  answer({ status, body }: PlainAnswer): unknown {
    if (status < 300 || !isFields(body)) return { status, body: this.value(body) }
    return { status, refusal: this.refusal(body) }
  }

  event({ type, object }: PlainEvent): unknown {
    if (type === 'ERROR' && isFields(object)) return { type, refusal: this.refusal(object) }
    // A bookmark tells a version that others may have moved on; where it stands in the row is what
    // counts.
    if (type === 'BOOKMARK') return { type }
    return { type, object: this.value(object) }
  }

  /**
   * The versions of objects in the order of the server's counter: a later version must be higher.
   */
  order(): readonly string[] {
    return [...this.#versions]
      .toSorted(([a], [b]) => Number(a) - Number(b))
      .map(([, symbol]) => symbol)
  }

  refusal(body: Fields): unknown {
    const details = isFields(body['details']) ? body['details'] : {}
    const causes = Array.isArray(details['causes']) ? details['causes'] : []
    // The real server reports twice a problem that it checks twice.
    const told = [
      ...new Set(
        causes.map((cause: Fields) => {
          const { reason, field, message } = cause
          return `${String(reason)} ${String(field)}: ${this.#text(String(message))}`
        }),
      ),
    ].toSorted()
    return {
      reason: body['reason'],
      code: body['code'],
      name: details['name'],
      group: details['group'],
      kind: details['kind'],
      retryAfterSeconds: details['retryAfterSeconds'],
      causes: told,
      // The order of several problems in one message is chance on the real server.
      ...(told.length > 1 ? {} : { message: this.#text(String(body['message'])) }),
    }
  }

  value(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.value(item))
    if (!isFields(value)) return value
    const fields: Record<string, unknown> = {}
    for (const name of Object.keys(value).toSorted()) {
      // The end of a list has no token, or an empty one.
      if (name !== 'continue' || value[name] !== '') fields[name] = this.#field(name, value[name])
    }
    return fields
  }

  #field(name: string, value: unknown): unknown {
    if (name === 'resourceVersion' && typeof value === 'string') return this.#version(value)
    if (name === 'uid' && typeof value === 'string')
      return value.replaceAll(uuid, (id) => this.#uid(id))
    if (name === 'continue') return '<continue>'
    if (name === 'managedFields' && Array.isArray(value)) {
      // Their order depends on the second in which each was written.
      return value.map((entry) => JSON.stringify(this.value(entry))).toSorted()
    }
    if (typeof value === 'string' && timestamp.test(value)) {
      return Date.parse(value) > this.#startedAt - 5_000 ? '<now>' : value
    }
    return this.value(value)
  }

  #text(text: string): string {
    return text
      .replace(/(cannot be handled as a \w+:).*/, '$1 …')
      .replace(/(patch: )?(Invalid value: "\{).*/, '$1$2…')
      .replaceAll(uuid, (id) => this.#uid(id))
      .replaceAll(/(?<=ResourceVersion in [a-z ]+(?: \(|: ))\d+/g, (digits) =>
        this.#version(digits),
      )
  }

  #uid(id: string): string {
    return symbolFor(this.#uids, id, 'uid')
  }

  #version(version: string): string {
    return symbolFor(this.#versions, version, 'version')
  }
}

function symbolFor(symbols: Map<string, string>, key: string, prefix: string): string {
  const known = symbols.get(key)
  if (known !== undefined) return known
  const symbol = `<${prefix} ${symbols.size + 1}>`
  symbols.set(key, symbol)
  return symbol
}
