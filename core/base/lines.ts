/**
 * Larger than any line that our programs send: an object of etcd takes 1.5 MiB, in JSON a few times
 * that.
 */
const mostLineBytes = 16 * 1024 * 1024

/**
 * A line grew beyond its bound. Its sender may go on without end, so the rest is not waited for.
 */
class LongLineError extends Error {
  override readonly name = 'LongLineError'

  constructor(maxBytes: number) {
    super(`a line has more than ${maxBytes} bytes`)
  }
}

/**
 * Splits bytes into lines of UTF-8 text, for NDJSON and logs.
 * Guarantees: a line or a character may come in any pieces; no more than `maxBytes` of an
 * unfinished line are kept.
 */
export class LineSplitter {
  readonly #maxBytes: number
  #rest: Uint8Array[] = []
  #restBytes = 0

  constructor(maxBytes = mostLineBytes) {
    this.#maxBytes = maxBytes
  }

  /** The lines that these bytes complete, without their ends. Errors: `LongLineError`. */
  push(bytes: Uint8Array): readonly string[] {
    const lines: string[] = []
    let start = 0
    for (;;) {
      const end = bytes.indexOf(0x0a, start)
      if (end < 0) break
      this.#keep(bytes.subarray(start, end))
      lines.push(this.end())
      start = end + 1
    }
    if (start < bytes.length) this.#keep(bytes.subarray(start))
    return lines
  }

  /** What stands after the last line end; empty at a clean end. The next bytes begin a new line. */
  end(): string {
    const [only] = this.#rest
    const whole = this.#rest.length === 1 && only !== undefined ? only : Buffer.concat(this.#rest)
    this.#rest = []
    this.#restBytes = 0
    return Buffer.from(whole.buffer, whole.byteOffset, whole.byteLength).toString('utf8')
  }

  #keep(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#restBytes += bytes.length
    if (this.#restBytes > this.#maxBytes) throw new LongLineError(this.#maxBytes)
    this.#rest.push(bytes)
  }
}

/**
 * The lines of a stream, empty ones too; the last one may lack its end. Errors: `LongLineError`;
 * those of the stream.
 */
export async function* linesOf(
  bytes: AsyncIterable<Uint8Array>,
  options: { readonly maxBytes?: number } = {},
): AsyncGenerator<string> {
  const splitter = new LineSplitter(options.maxBytes)
  for await (const chunk of bytes) yield* splitter.push(chunk)
  const last = splitter.end()
  if (last !== '') yield last
}

/** A value as one line of NDJSON. */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value)}\n`
}

/** The value of a JSON text; undefined for text that is not JSON. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
