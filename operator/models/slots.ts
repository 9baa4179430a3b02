import { priorities, type Priority } from '../api/agent-types.ts'

/** A place at a model; give it back exactly once. */
export type Release = () => void

/** Who wants a slot. */
export interface SlotWish {
  readonly priority: Priority
  /** The DevRequest; those of one priority take turns by owner. */
  readonly owner: string
  /** Comes before the others of its owner and priority: it had a slot already and gave it back only to wait. */
  readonly returning?: boolean
  readonly signal?: AbortSignal | undefined
  /** Calls before it, from 0; told whenever it changes. */
  readonly onPosition?: (position: number) => void
}

/** The slots of one model at one server. */
export interface Slots {
  /** Waits for a slot; rejects with the signal's reason. */
  acquire(wish: SlotWish): Promise<Release>
  waiting(): number
  running(): number
}

interface Waiter extends SlotWish {
  readonly sequence: number
  readonly take: (release: Release) => void
  position: number
}

/**
 * Hands out `capacity` slots: the highest priority first, within it the owner that was served longest ago, within that
 * in order of arrival.
 */
export function createSlots(capacity: number, onChange: () => void = () => undefined): Slots {
  const waiters: Waiter[] = []
  const served = new Map<string, number>()
  let sequence = 0
  let turn = 0
  let running = 0

  /** The waiters in the order in which they would be served. */
  function order(): Waiter[] {
    const left = [...waiters]
    const turns = new Map(served)
    const result: Waiter[] = []
    let now = turn
    while (left.length > 0) {
      const first = left.reduce((best, other) => (before(other, best, turns) ? other : best))
      left.splice(left.indexOf(first), 1)
      turns.set(first.owner, ++now)
      result.push(first)
    }
    return result
  }

  function pump(): void {
    const queue = order()
    while (running < capacity) {
      const next = queue.shift()
      if (next === undefined) break
      waiters.splice(waiters.indexOf(next), 1)
      served.set(next.owner, ++turn)
      running++
      next.take(releaser())
    }
    if (waiters.length === 0 && running === 0) served.clear()
    for (const [position, waiter] of queue.entries()) {
      if (waiter.position === position) continue
      waiter.position = position
      waiter.onPosition?.(position)
    }
    onChange()
  }

  function releaser(): Release {
    let held = true
    return () => {
      if (!held) return
      held = false
      running--
      pump()
    }
  }

  return {
    waiting: () => waiters.length,
    running: () => running,
    async acquire(wish) {
      wish.signal?.throwIfAborted()
      return await new Promise<Release>((resolve, reject) => {
        const waiter: Waiter = {
          ...wish,
          sequence: wish.returning === true ? -++sequence : ++sequence,
          position: -1,
          take: (release) => {
            wish.signal?.removeEventListener('abort', leave)
            resolve(release)
          },
        }
        const leave = () => {
          waiters.splice(waiters.indexOf(waiter), 1)
          pump()
          reject(wish.signal?.reason)
        }
        wish.signal?.addEventListener('abort', leave, { once: true })
        waiters.push(waiter)
        pump()
      })
    },
  }
}

function before(one: Waiter, other: Waiter, served: ReadonlyMap<string, number>): boolean {
  const byPriority = priorities.indexOf(one.priority) - priorities.indexOf(other.priority)
  if (byPriority !== 0) return byPriority < 0
  if (one.owner !== other.owner) {
    const byTurn = (served.get(one.owner) ?? 0) - (served.get(other.owner) ?? 0)
    if (byTurn !== 0) return byTurn < 0
  }
  return one.sequence < other.sequence
}
