/** Keeps the head and the tail of a stream within a number of bytes, and counts what fell out between. */
export class BoundedOutput {
  readonly #limit: number
  #head: Buffer = Buffer.alloc(0)
  #tail: Buffer[] = []
  #tailBytes = 0
  #total = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  push(chunk: Buffer): void {
    this.#total += chunk.length
    const headRoom = Math.ceil(this.#limit / 2) - this.#head.length
    if (headRoom > 0) this.#head = Buffer.concat([this.#head, chunk.subarray(0, headRoom)])
    const rest = headRoom > 0 ? chunk.subarray(headRoom) : chunk
    if (rest.length === 0) return
    this.#tail.push(rest)
    this.#tailBytes += rest.length
    // Whole chunks fall out first, so memory stays within the limit and one chunk.
    const tailRoom = Math.floor(this.#limit / 2)
    for (let first = this.#tail[0]; first; first = this.#tail[0]) {
      if (this.#tailBytes - first.length < tailRoom) break
      this.#tailBytes -= first.length
      this.#tail.shift()
    }
  }

  /** The text; bytes that are not UTF-8 become U+FFFD. */
  text(): string {
    const tailRoom = Math.floor(this.#limit / 2)
    const all = Buffer.concat(this.#tail)
    const tail = tailRoom === 0 ? Buffer.alloc(0) : all.subarray(-tailRoom)
    const left = this.#total - this.#head.length - tail.length
    if (left <= 0) return Buffer.concat([this.#head, tail]).toString('utf8')
    return `${this.#head.toString('utf8')}\n[${left} bytes left out]\n${tail.toString('utf8')}`
  }
}
