import { type Fields, isFields } from '../../../simulated-kubernetes/json.ts'
import type { PlainAnswer, PlainEvent } from './side.ts'

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g
const timestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/

/**
 * Makes the answers of two servers comparable: uids and versions become the order in which they came up, times of now
 * become one word. Everything else stays.
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
    // A bookmark tells a version that others may have moved on; where it stands in the row is what counts.
    if (type === 'BOOKMARK') return { type }
    return { type, object: this.value(object) }
  }

  /** The versions of objects in the order of the server's counter: what came later must be higher. */
  order(): readonly string[] {
    return [...this.#versions]
      .toSorted(([a], [b]) => Number(a) - Number(b))
      .map(([, symbol]) => symbol)
  }

  refusal(body: Fields): unknown {
    const details = isFields(body['details']) ? body['details'] : {}
    const causes = Array.isArray(details['causes']) ? details['causes'] : []
    // What is checked twice is told twice by the real server.
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
      // The end of a list is told as nothing, or as an empty token.
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
