import type { Schedule } from './schedule.ts'

type Place = Schedule['queue'][number]

/** Since when each task waits for the reason it waits for now, so that only what lasts is written. */
export class Waits {
  readonly #dwellMs: number
  #since = new Map<string, { readonly reason: string; readonly at: number }>()

  constructor(dwellMs: number) {
    this.#dwellMs = dwellMs
  }

  /** Which of these waits last long enough to be told, and in how many milliseconds the next one will. */
  of(
    queue: Schedule['queue'],
    now: number,
  ): { readonly long: readonly Place[]; readonly nextMs: number | undefined } {
    const since = new Map<string, { readonly reason: string; readonly at: number }>()
    const long: Place[] = []
    let nextMs: number | undefined
    for (const place of queue) {
      const { uid } = place.task.metadata
      const before = this.#since.get(uid)
      const began = before?.reason === place.reason ? before : { reason: place.reason, at: now }
      since.set(uid, began)
      if (place.task.status?.queue?.reason === place.reason) continue
      const left = began.at + this.#dwellMs - now
      if (left <= 0) long.push(place)
      else nextMs = Math.min(nextMs ?? left, left)
    }
    this.#since = since
    return { long, nextMs }
  }
}
