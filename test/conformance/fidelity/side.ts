import { Agent } from 'undici'
import type { KubeConfig } from '../../../core/kube/config.ts'
import { systemClock as clock } from '../../../core/base/clock.ts'
import { LineParser } from '../../../core/kube/watch.ts'
import { isFields } from '../../../simulated-kubernetes/json.ts'
import type { SimulatedApiServer } from '../../../simulated-kubernetes/server.ts'

/** One request, as both servers get it. */
export interface PlainRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly body?: string | undefined
  readonly contentType?: string | undefined
}

/** What came back, untouched. */
export interface PlainAnswer {
  readonly status: number
  readonly body: unknown
}

/** One event of a watch, untouched. */
export interface PlainEvent {
  readonly type: string
  readonly object: unknown
}

/** One of the two servers that are held against each other: nothing between the test and what is said. */
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
  // A server that is busy, or only just began to serve a kind, asks to come again and has done nothing.
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
