import type { Cancel, Clock } from '../../base/clock.ts'

interface Delayed {
  readonly key: string
  readonly due: number
}

/**
 * Keys with a time each, behind one timer.
 * Guarantees: of several times for one key the earliest holds; adding and firing take logarithmic time, since ten thousand
 * keys wait here and hundreds of them come due in a second.
 */
export class DelayedKeys {
  readonly #clock: Clock
  readonly #onDue: (key: string) => void
  readonly #due = new Map<string, number>()
  /** A binary heap, earliest first. It may hold what no longer holds: the map is right. */
  #heap: Delayed[] = []
  #cancel: Cancel | undefined
  #timerAt = Number.POSITIVE_INFINITY

  constructor(clock: Clock, onDue: (key: string) => void) {
    this.#clock = clock
    this.#onDue = onDue
  }

  put(key: string, ms: number): void {
    const due = this.#clock.monotonic() + ms
    if ((this.#due.get(key) ?? Number.POSITIVE_INFINITY) <= due) return
    this.#due.set(key, due)
    push(this.#heap, { key, due })
    if (this.#heap.length > 2 * this.#due.size + 64) this.#rebuild()
    if (due < this.#timerAt) this.#arm()
  }

  remove(key: string): void {
    this.#due.delete(key)
  }

  clear(): void {
    this.#cancel?.()
    this.#due.clear()
    this.#heap = []
  }

  #arm(): void {
    this.#cancel?.()
    const [first] = this.#heap
    this.#timerAt = first?.due ?? Number.POSITIVE_INFINITY
    if (first === undefined) return
    const ms = Math.max(0, first.due - this.#clock.monotonic())
    this.#cancel = this.#clock.after(ms, () => this.#fire())
  }

  #fire(): void {
    // Timers may fire a little early on the monotonic clock; without the slack that would spin.
    const now = this.#clock.monotonic() + 1
    const ready: string[] = []
    for (let first = this.#heap[0]; first !== undefined && first.due <= now; [first] = this.#heap) {
      pop(this.#heap)
      if (this.#due.get(first.key) !== first.due) continue
      this.#due.delete(first.key)
      ready.push(first.key)
    }
    this.#arm()
    for (const key of ready) this.#onDue(key)
  }

  /** A sorted list is a heap, too. */
  #rebuild(): void {
    this.#heap = [...this.#due]
      .map(([key, due]) => ({ key, due }))
      .toSorted((a, b) => a.due - b.due)
  }
}

function push(heap: Delayed[], item: Delayed): void {
  let at = heap.push(item) - 1
  for (let up = (at - 1) >> 1; at > 0; at = up, up = (at - 1) >> 1) {
    const parent = heap[up]
    if (parent === undefined || parent.due <= item.due) break
    heap[at] = parent
  }
  heap[at] = item
}

function pop(heap: Delayed[]): void {
  const last = heap.pop()
  if (last === undefined || heap.length === 0) return
  let at = 0
  for (;;) {
    let down = 2 * at + 1
    let child = heap[down]
    const right = heap[down + 1]
    if (right !== undefined && child !== undefined && right.due < child.due) {
      child = right
      down += 1
    }
    if (child === undefined || last.due <= child.due) break
    heap[at] = child
    at = down
  }
  heap[at] = last
}
