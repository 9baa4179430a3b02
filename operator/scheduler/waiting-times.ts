import { queued } from '../../core/tasks/transitions.ts'
import type { World } from '../controllers/world.ts'
import { writeStatus } from '../controllers/write-status.ts'
import type { Schedule } from './schedule.ts'

type WaitingTask = Schedule['waiting'][number]

/**
 * Since when each task has been waiting for its present reason. Most tasks get an agent within a second or two, so only a
 * reason that lasts for `dwellMs` is written into a status.
 */
export class WaitingTimes {
  readonly #dwellMs: number
  #since = new Map<string, { readonly reason: string; readonly at: number }>()

  constructor(dwellMs: number) {
    this.#dwellMs = dwellMs
  }

  /** The tasks whose reason lasts long enough to be written, and in how many milliseconds the next one will. */
  of(
    waiting: readonly WaitingTask[],
    now: number,
  ): { readonly long: readonly WaitingTask[]; readonly nextMs: number | undefined } {
    const since = new Map<string, { readonly reason: string; readonly at: number }>()
    const long: WaitingTask[] = []
    let nextMs: number | undefined
    for (const one of waiting) {
      const { uid } = one.task.metadata
      const before = this.#since.get(uid)
      const began = before?.reason === one.reason ? before : { reason: one.reason, at: now }
      since.set(uid, began)
      if (one.task.status?.queue?.reason === one.reason) continue
      const left = began.at + this.#dwellMs - now
      if (left <= 0) long.push(one)
      else nextMs = Math.min(nextMs ?? left, left)
    }
    this.#since = since
    return { long, nextMs }
  }
}

/** Writes why a task waits, when the reason is new. A new position alone is not written: positions change all the time. */
export async function writeWaiting(
  world: World,
  { task, position, reason }: WaitingTask,
  signal: AbortSignal,
): Promise<void> {
  if (task.status?.queue?.reason === reason) return
  const change = queued(task, position, reason, world.clock.now())
  await writeStatus(world, world.tasks, task, change, { signal })
}
