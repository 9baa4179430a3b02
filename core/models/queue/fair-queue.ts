import type { Clock } from '../../base/clock.ts'

/** A call that waits. */
interface Queued {
  readonly owner: string
  /** Goes before the others of its owner. */
  readonly returning?: boolean
}

/**
 * A queue in which owners share the time of the slots, however many calls each has and however long
 * they take.
 */
export interface FairQueue<W extends Queued> {
  size(): number
  add(waiter: W): void
  /** False when it was not in the queue. */
  remove(waiter: W): boolean
  /**
   * All waiting calls, in the order in which they would be served if each took as long as its
   * owner's calls usually do.
   */
  order(): W[]
  /** Takes out the first call, and counts its time until `end` is called. */
  start(): { readonly waiter: W; readonly end: () => void } | undefined
}

interface QueueOwner<W> {
  /**
   * Milliseconds of slots that it had, without the calls that run; raised to the common share when
   * it joins.
   */
  used: number
  /** How long its calls take. */
  usualMs: number
  /** When it was last served: of equals, the one that waited longer goes first. */
  turn: number
  readonly waiting: W[]
  readonly running: Set<{ readonly startedAt: number; readonly expectedMs: number }>
}

/** The expected length of a call before any was seen. */
const firstGuessMs = 10_000

/**
 * Makes an empty queue. It serves the owner who had the least time first, and the calls of one
 * owner in order.
 * A running call counts with the usual length of its owner's calls until it is longer, so that
 * several slots that are free at once do not all go to one owner. An owner that joins starts with
 * the average of the owners that are here: it has no credit for time in which it wanted nothing,
 * and newcomers do not pass the others again and again.
 */
export function createFairQueue<W extends Queued>(clock: Pick<Clock, 'monotonic'>): FairQueue<W> {
  const owners = new Map<string, QueueOwner<W>>()
  /** Owners without calls that had more than their share. */
  const ahead = new Map<string, number>()
  /** The average time of an owner that was here all the time. */
  let share = 0
  let sharedAt = clock.monotonic()
  let size = 0
  let running = 0
  let turn = 0
  let usualMs = firstGuessMs

  function advance(): void {
    const now = clock.monotonic()
    if (owners.size > 0) share += ((now - sharedAt) * running) / owners.size
    sharedAt = now
  }

  function join(name: string): QueueOwner<W> {
    const known = owners.get(name)
    if (known !== undefined) return known
    const used = Math.max(ahead.get(name) ?? 0, share)
    const owner: QueueOwner<W> = { used, usualMs, turn: 0, waiting: [], running: new Set() }
    ahead.delete(name)
    owners.set(name, owner)
    return owner
  }

  function leaveIfDone(name: string, owner: QueueOwner<W>): void {
    if (owner.waiting.length > 0 || owner.running.size > 0) return
    owners.delete(name)
    ahead.set(name, owner.used)
    for (const [other, used] of ahead) {
      if (used <= share || owners.size === 0) ahead.delete(other)
    }
  }

  /** The time of an owner, with that of its running calls as far as it is known or expected. */
  function charged(owner: QueueOwner<W>): number {
    const now = clock.monotonic()
    let sum = owner.used
    for (const { startedAt, expectedMs } of owner.running) {
      sum += Math.max(now - startedAt, expectedMs)
    }
    return sum
  }

  function first(): QueuePosition<W> | undefined {
    let best: QueuePosition<W> | undefined
    for (const owner of owners.values()) {
      const [waiter] = owner.waiting
      if (waiter === undefined) continue
      const place = { waiter, had: charged(owner), round: 0, served: owner.turn }
      if (best === undefined || compare(place, best) < 0) best = place
    }
    return best
  }

  return {
    size: () => size,
    add(waiter) {
      advance()
      const { waiting } = join(waiter.owner)
      const firstOther = waiter.returning
        ? waiting.findIndex((other) => other.returning !== true)
        : -1
      waiting.splice(firstOther < 0 ? waiting.length : firstOther, 0, waiter)
      size++
    },
    remove(waiter) {
      const owner = owners.get(waiter.owner)
      const index = owner?.waiting.indexOf(waiter) ?? -1
      if (owner === undefined || index < 0) return false
      advance()
      owner.waiting.splice(index, 1)
      size--
      leaveIfDone(waiter.owner, owner)
      return true
    },
    order() {
      const places: QueuePosition<W>[] = []
      for (const owner of owners.values()) {
        const had = charged(owner)
        for (const [round, waiter] of owner.waiting.entries()) {
          places.push({ waiter, had: had + round * owner.usualMs, round, served: owner.turn })
        }
      }
      return places.toSorted(compare).map(({ waiter }) => waiter)
    },
    start() {
      const waiter = first()?.waiter
      const owner = owners.get(waiter?.owner ?? '')
      if (waiter === undefined || owner === undefined) return undefined
      advance()
      owner.waiting.shift()
      size--
      running++
      owner.turn = ++turn
      const call = { startedAt: clock.monotonic(), expectedMs: owner.usualMs }
      owner.running.add(call)
      return {
        waiter,
        end: () => {
          advance()
          const took = clock.monotonic() - call.startedAt
          running--
          owner.running.delete(call)
          owner.used += took
          owner.usualMs = (owner.usualMs + took) / 2
          usualMs = (usualMs + took) / 2
          leaveIfDone(waiter.owner, owner)
        },
      }
    },
  }
}

interface QueuePosition<W> {
  readonly waiter: W
  readonly had: number
  readonly round: number
  readonly served: number
}

/** Sorting is stable, and owners and their waiters are visited in order of arrival. */
function compare(one: QueuePosition<unknown>, other: QueuePosition<unknown>): number {
  return one.had - other.had || one.round - other.round || one.served - other.served
}
