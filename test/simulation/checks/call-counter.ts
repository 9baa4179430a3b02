import type { CallName } from '../world/network.ts'
import type { SimulatedProcess } from '../world/process.ts'
import type { Timeline } from '../world/timeline.ts'

const windowMs = 10_000
/** I10: under 5 requests/s for one object. */
const mostPerWindow = 50

/** Counts what operators ask of the API server: all writes, and what goes to one object in ten seconds. */
export class CallCounter {
  readonly #timeline: Timeline
  readonly #recent = new Map<string, number[]>()
  /** Calls that write anything but leases, by what they wrote. */
  readonly written: string[] = []
  /** Objects that were asked about too often, with the most calls in ten seconds. */
  readonly hot = new Map<string, number>()

  constructor(timeline: Timeline) {
    this.#timeline = timeline
  }

  get writes(): number {
    return this.written.length
  }

  count(process: SimulatedProcess, { method, target, path }: CallName): void {
    if (target === 'leases') return
    // A review is a question, although it is posted.
    if (method !== 'GET' && target !== 'tokenreviews') this.written.push(`${method} ${path}`)
    // A collection is shared by many objects, and identities are asked for by all agents.
    if (target === 'events' || target === 'tokenreviews' || path.endsWith(`/${target}`)) return
    const key = `${process.name} ${method} ${path}`
    const times = this.#recent.get(key) ?? []
    times.push(this.#timeline.elapsed)
    while ((times[0] ?? 0) < this.#timeline.elapsed - windowMs) times.shift()
    this.#recent.set(key, times)
    if (times.length > Math.max(mostPerWindow, this.hot.get(key) ?? 0))
      this.hot.set(key, times.length)
  }
}
