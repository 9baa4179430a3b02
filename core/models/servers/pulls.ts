import type { Clock, Random } from '../../base/clock.ts'
import {
  createPullJob,
  type PullJob,
  type PullOrder,
  type PullState,
  type PullTarget,
} from './pull-job.ts'

/** The downloads of this process. They run in the background; a look at them never waits. */
export interface Pulls {
  /**
   * Sees to it that the download runs, and says where it is. One that runs goes on; one that failed starts again when its
   * pause is over or `fits` has come round; one that is done starts again, because whoever asks has not found the model.
   * Ollama keeps what it has of a model, so nothing is fetched twice. To change the source, cancel first.
   */
  start(target: PullTarget, order: PullOrder): PullState
  /** Undefined for one that nobody started. */
  look(target: PullTarget): PullState | undefined
  /** What the other downloads that run at the same server will take on its disk in all, as far as their sizes are known. */
  othersBytes(target: PullTarget): number
  /** Ends and forgets it, for a model that is not wanted any more, or in another way. `onChange` is not told. */
  cancel(target: PullTarget): void
}

/**
 * Makes the downloads of this process; they end with `signal`.
 * `onChange` is told at once of an end and when a pause is over, and of progress every two seconds at most.
 */
export function createPulls(options: {
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly random: Pick<Random, 'next'>
  readonly onChange?: (target: PullTarget) => void
}): Pulls {
  const { signal, clock, random, onChange } = options
  const jobs = new Map<string, PullJob>()
  signal.addEventListener('abort', () => jobs.forEach((job) => job.stop()), { once: true })
  return {
    start(target, order) {
      const key = keyOf(target)
      const job =
        jobs.get(key) ??
        createPullJob({ target, signal, clock, random, onChange: () => onChange?.(target) })
      jobs.set(key, job)
      return job.start(order)
    },
    look: (target) => jobs.get(keyOf(target))?.state(),
    othersBytes(target) {
      const others = [...jobs].filter(
        ([key]) => key !== keyOf(target) && key.startsWith(keyOf({ ...target, name: '' })),
      )
      return others
        .map(([, job]) => job.state())
        .reduce((sum, state) => sum + (state.kind === 'running' ? (state.totalBytes ?? 0) : 0), 0)
    },
    cancel(target) {
      jobs.get(keyOf(target))?.stop()
      jobs.delete(keyOf(target))
    },
  }
}

function keyOf(target: PullTarget): string {
  return `${target.endpoint} ${target.name}`
}
