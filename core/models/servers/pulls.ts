import { halfJitter } from '../../base/backoff.ts'
import type { Clock, Random } from '../../base/clock.ts'
import { Job, type JobContext } from '../../base/jobs.ts'
import {
  createFromBlob,
  type PullSource,
  type PullOptions,
  pullProblem,
  type PullProgress,
  percentOf,
  pullModel,
} from './pull.ts'
import type { ServerAddress } from './transport.ts'

/** The pulls of this process. They run in the background, and none of these methods waits. */
export interface Pulls {
  /**
   * Makes sure that the pull runs, and says where it is. A pull that failed starts again when its
   * pause is over or `fits` agrees now; one that is done starts again, because the caller has not
   * found the model. Ollama keeps the layers that it has, so it pulls nothing twice. To change the
   * source, cancel first.
   */
  start(target: PullTarget, order: PullOrder): PullJobState
  /** Undefined for a pull that was never started. */
  look(target: PullTarget): PullJobState | undefined
  /**
   * Bytes that the other running pulls of the same server will take on its disk, for those whose
   * size is known.
   */
  othersBytes(target: PullTarget): number
  /** Ends the pull and forgets it, without a call of `onChange`. */
  cancel(target: PullTarget): void
}

/**
 * Makes the pulls of this process; they end with `signal`.
 * `onChange` is called at once when a pull ends and when a pause is over, and for progress every
 * two seconds at most.
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

/** Which model at which server; both together have one pull. */
export interface PullTarget extends ServerAddress {
  /** As Ollama names it. */
  readonly name: string
}

/** How to pull it. */
export interface PullOrder {
  readonly source: PullSource
  /**
   * Called as soon as the size is known, and again when it is known better. A sentence says why the
   * model does not fit, and ends the pull. `completedBytes` of the total are on the server's disk
   * already.
   */
  readonly fits?: (totalBytes: number, completedBytes: number) => string | undefined
}

/** Where a pull is. */
export type PullJobState =
  | (PullProgress & {
      readonly kind: 'running'
      /** 0 to 99; undefined while the size is unknown. */
      readonly percent: number | undefined
    })
  | {
      readonly kind: 'failed'
      /** A sentence that says what to do. */
      readonly reason: string
      /** Failures in a row, without any progress between them. */
      readonly failures: number
      /** How long it rests after this failure; undefined when `fits` ended the pull. */
      readonly pauseMs: number | undefined
      /** `start` changes nothing until the rest is over. */
      readonly isResting: boolean
    }
  | { readonly kind: 'done' }

/** One pull with its tries and pauses. */
interface PullJob {
  start(order: PullOrder): PullJobState
  state(): PullJobState
  /** Ends it for good. */
  stop(): void
}

const pauses = { baseMs: 5000, capMs: 5 * 60_000 } as const

/**
 * Makes a pull that has not begun.
 * After a failure it pauses for 5 seconds, doubled with every failure up to 5 minutes, less up to
 * half of it by chance. The pause is 5 seconds again when the pull got further than ever before.
 */
function createPullJob(options: {
  readonly target: PullTarget
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly random: Pick<Random, 'next'>
  readonly onChange: () => void
}): PullJob {
  const { target, clock, random, onChange } = options
  let order: PullOrder | undefined
  /**
   * The figures of the last try stay until the next one has its own, because a percentage that
   * comes and goes confuses.
   */
  let known: PullProgress = { status: '', totalBytes: undefined, completedBytes: undefined }
  let most = 0
  /** Why the model does not fit; undefined while that is not known. */
  let misfit: string | undefined
  const job = new Job<void, PullProgress>({
    clock,
    onChange,
    pauseMs: (failures) =>
      misfit === undefined ? halfJitter(pauses, failures - 1, random) : undefined,
  })

  function show(progress: PullProgress): void {
    known = progress.totalBytes === undefined ? { ...known, status: progress.status } : progress
  }

  function findMisfit(): string | undefined {
    const { totalBytes, completedBytes = 0 } = known
    misfit = totalBytes === undefined ? undefined : order?.fits?.(totalBytes, completedBytes)
    return misfit
  }

  function state(): PullJobState {
    const now = job.state
    switch (now.kind) {
      case 'running':
        return { kind: 'running', ...known, percent: percentOf({ ...known, status: '' }) }
      case 'failed': {
        const { error, failures, pauseMs, isResting } = now
        if (misfit !== undefined)
          return { kind: 'failed', reason: misfit, failures, pauseMs: undefined, isResting: false }
        const reason = pullProblem(error, target.name)
        return { kind: 'failed', reason, failures, pauseMs, isResting }
      }
      default:
        return { kind: 'done' }
    }
  }

  async function pull(
    { source }: PullOrder,
    { signal, report }: JobContext<PullProgress>,
  ): Promise<void> {
    const refused = new AbortController()
    await pullFrom(target, source, {
      signal: AbortSignal.any([signal, refused.signal]),
      clock,
      onProgress(progress) {
        show(progress)
        const completed = known.completedBytes ?? 0
        const hasAdvanced = completed > most
        most = Math.max(most, completed)
        if (findMisfit() === undefined) report(known, hasAdvanced)
        else refused.abort()
      },
    })
    refused.signal.throwIfAborted()
  }

  return {
    state,
    start(wanted) {
      order = wanted
      const { state: now } = job
      const mayStart = now.kind === 'failed' ? !now.isResting : now.kind !== 'running'
      if (options.signal.aborted || !mayStart) return state()
      if (job.state.kind === 'failed' && findMisfit() !== undefined) return state()
      show({ ...known, status: 'asked the server for it' })
      job.start((context) => pull(wanted, context))
      return state()
    },
    stop: () => job.stop('the model is not wanted any more'),
  }
}

async function pullFrom(
  target: PullTarget,
  source: PullSource,
  options: PullOptions,
): Promise<void> {
  const { name } = target
  if (source.kind === 'registry') return await pullModel(target, name, options)
  await createFromBlob(target, { name, digest: source.digest }, options)
}
