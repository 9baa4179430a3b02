import { priorities, type Priority } from '../../api/agent-types.ts'
import type { Cancel, Clock } from '../../base/clock.ts'
import { createFairQueue, type FairQueue } from './fair-queue.ts'

/** Gives a slot back; to be called exactly once. */
export type Release = () => void

/** A call that wants a slot. */
export interface SlotWish {
  readonly priority: Priority
  /** The DevRequest; owners of one priority share the time. */
  readonly owner: string
  /**
   * Goes before the other calls of its owner and priority: it had a slot and gave it back only to
   * wait.
   */
  readonly returning?: boolean
  readonly signal?: AbortSignal | undefined
  /** Gets the number of calls before it, from 0, a moment after it changed. */
  readonly onPosition?: (position: number) => void
}

/** The slots of one model at one server. */
export interface Slots {
  /** Waits for a slot; rejects with the signal's reason. */
  acquire(wish: SlotWish): Promise<Release>
  waiting(): number
  running(): number
  /** Gives out no slot for so long; a longer pause that was begun before stays. */
  pause(ms: number): void
}

/** A priority that waits moves up by one each time that this passes without a slot for it. */
export const defaultAgeMs = 5 * 60_000
/**
 * Positions are reported at most this often: with thousands waiting, each change moves them all.
 */
const tellMs = 100

interface SlotWaiter extends SlotWish {
  readonly take: (release: Release) => void
  position: number
}

/** The calls of one priority; `since` is when it last got a slot, or began to wait. */
interface PriorityQueue {
  readonly rank: number
  readonly calls: FairQueue<SlotWaiter>
  since: number
}

/**
 * Hands out `capacity()` slots: the highest priority first; within it owners share the time
 * (`fair-queue.ts`).
 * Guarantees: never more than `capacity()` at once; a slot is free only while no call waits, or in
 * a pause. A priority that waits moves up by one with each `ageMs` without a slot, so that by
 * default a low call is passed for a quarter of an hour at most before one of its kind is served;
 * then it falls back to its own rank.
 */
export function createSlots(options: {
  readonly capacity: () => number
  readonly clock: Pick<Clock, 'monotonic' | 'after'>
  readonly ageMs?: number
  readonly onChange?: () => void
}): Slots {
  const { capacity, clock, ageMs = defaultAgeMs, onChange } = options
  const queues = priorities.map((_, rank): PriorityQueue => {
    return { rank, calls: createFairQueue(clock), since: 0 }
  })
  let running = 0
  let pause: { readonly until: number; readonly cancel: Cancel } | undefined
  let telling: Cancel | undefined

  const waiting = () => queues.reduce((sum, { calls }) => sum + calls.size(), 0)

  /** The priority whose turn it is, of those with waiting calls. */
  function next<Q extends Pick<PriorityQueue, 'rank' | 'since'>>(
    candidates: readonly Q[],
  ): Q | undefined {
    const now = clock.monotonic()
    const place = ({ rank, since }: Q) => rank - Math.floor((now - since) / ageMs)
    return candidates.reduce<Q | undefined>((best, other) => {
      if (best === undefined) return other
      const earlier = place(other) - place(best) || other.since - best.since
      return earlier < 0 ? other : best
    }, undefined)
  }

  function pump(): void {
    const free = () => (pause === undefined ? capacity() - running : 0)
    while (free() > 0) {
      const queue = next(queues.filter(({ calls }) => calls.size() > 0))
      const started = queue?.calls.start()
      if (queue === undefined || started === undefined) break
      queue.since = clock.monotonic()
      running++
      started.waiter.take(releaser(started.end))
    }
    if (telling === undefined && waiting() > 0) telling = clock.after(tellMs, tell)
    onChange?.()
  }

  function releaser(end: () => void): Release {
    let held = true
    return () => {
      if (!held) return
      held = false
      running--
      end()
      pump()
    }
  }

  /** Reports to every call its position if all slots became free now. */
  function tell(): void {
    telling = undefined
    let left = queues.map(({ rank, since, calls }) => ({
      rank,
      since,
      waiters: calls.order(),
      at: 0,
    }))
    for (let position = 0; ; position++) {
      left = left.filter(({ waiters, at }) => at < waiters.length)
      const queue = next(left)
      const waiter = queue?.waiters[queue.at++]
      if (queue === undefined || waiter === undefined) return
      queue.since = clock.monotonic()
      if (waiter.position === position) continue
      waiter.position = position
      waiter.onPosition?.(position)
    }
  }

  return {
    waiting,
    running: () => running,
    pause(ms) {
      const until = clock.monotonic() + ms
      if (pause !== undefined && until <= pause.until) return
      pause?.cancel()
      const cancel = clock.after(ms, () => {
        pause = undefined
        pump()
      })
      pause = { until, cancel }
    },
    async acquire(wish) {
      wish.signal?.throwIfAborted()
      const queue = queues[priorities.indexOf(wish.priority)]
      if (queue === undefined) throw new TypeError(`there is no priority ${wish.priority}`)
      return await new Promise<Release>((resolve, reject) => {
        const waiter: SlotWaiter = {
          ...wish,
          position: -1,
          take: (release) => {
            wish.signal?.removeEventListener('abort', leave)
            resolve(release)
          },
        }
        const leave = () => {
          queue.calls.remove(waiter)
          pump()
          reject(wish.signal?.reason)
        }
        wish.signal?.addEventListener('abort', leave, { once: true })
        if (queue.calls.size() === 0) queue.since = clock.monotonic()
        queue.calls.add(waiter)
        pump()
      })
    },
  }
}
