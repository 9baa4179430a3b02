import type { Cancel } from '../../../core/base/clock.ts'

/** No world has so much to do in one moment. */
const most = 100_000

interface Entry {
  readonly at: number
  readonly order: number
  run: (() => void) | undefined
}

/**
 * Virtual time for a whole world: a heap of callbacks by their time.
 * Guarantees: entries of one moment run in the order in which they were made; between two entries
 * every promise that can go on has gone on, so that a run depends on nothing but its inputs. Throws
 * when time does not pass any more.
 */
export class Timeline {
  #elapsed = 0
  /** How much happened in this moment. */
  #atOnce = 0
  #order = 0
  readonly #heap: Entry[] = []

  /** Milliseconds since the world began. */
  get elapsed(): number {
    return this.#elapsed
  }

  after(ms: number, run: () => void): Cancel {
    const entry: Entry = { at: this.#elapsed + Math.max(0, ms), order: (this.#order += 1), run }
    this.#push(entry)
    return () => {
      // Left in the heap: taking it out would cost more than stepping over it.
      entry.run = undefined
    }
  }

  /** Lets `ms` pass. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms
    return new Promise((resolve, reject) => {
      // Outside of any promise's reaction: from within one, the others would not go on.
      setImmediate(() => {
        try {
          this.#play(end)
          resolve()
        } catch (error) {
          reject(error)
        }
      })
    })
  }

  #play(end: number): void {
    settle()
    for (let next = this.#heap[0]; next !== undefined && next.at <= end; next = this.#heap[0]) {
      this.#pop()
      if (next.run === undefined) continue
      this.#atOnce = next.at === this.#elapsed ? this.#atOnce + 1 : 0
      if (this.#atOnce > most) throw new Error(`something spins: ${most} times at ${next.at} ms`)
      this.#elapsed = next.at
      next.run()
      settle()
    }
    this.#elapsed = end
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let index = heap.push(entry) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!isEarlier(entry, heap[parent])) break
      swap(heap, index, parent)
      index = parent
    }
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    heap[0] = last
    for (let index = 0; ; ) {
      const left = 2 * index + 1
      const right = left + 1
      let least = index
      if (isEarlier(heap[left], heap[least])) least = left
      if (isEarlier(heap[right], heap[least])) least = right
      if (least === index) return
      swap(heap, index, least)
      index = least
    }
  }
}

function isEarlier(a: Entry | undefined, b: Entry | undefined): boolean {
  if (a === undefined || b === undefined) return false
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

function swap(heap: Entry[], a: number, b: number): void {
  const one = heap[a]
  const other = heap[b]
  if (one === undefined || other === undefined) return
  heap[a] = other
  heap[b] = one
}

/**
 * Lets every promise that is ready go on. What Node does at the end of each of its callbacks; under
 * this name it is not documented, but a turn of the event loop instead takes a fifth of a run's
 * time.
 */
const settle = (process as unknown as { readonly ['_tickCallback']: () => void })['_tickCallback']
