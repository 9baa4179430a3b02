import { halfJitter } from '../../base/backoff.ts'
import type { Clock, Random } from '../../base/clock.ts'
import { Job, type JobContext } from '../../base/jobs.ts'
import {
  createFromBlob,
  type PullOptions,
  pullProblem,
  type PullProgress,
  percentOf,
  pullModel,
} from './pull.ts'
import type { ServerAddress } from './transport.ts'

/** The downloads of this process. They run in the background; a look at them never waits. */
export interface Pulls {
  /**
   * Sees to it that the download runs, and says where it is. One that runs goes on; one that failed starts again when its
   * pause is over or `fits` has come round; one that is done starts again, because whoever asks has not found the model.
   * Ollama keeps what it has of a model, so nothing is fetched twice. To change the source, cancel first.
   */
  start(target: PullTarget, order: PullOrder): PullJobState
  /** Undefined for one that nobody started. */
  look(target: PullTarget): PullJobState | undefined
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

/** Which model at which server; there is one download for both together. */
export interface PullTarget extends ServerAddress {
  /** As Ollama names it. */
  readonly name: string
}

/** How to download it. */
export interface PullOrder {
  /** From the registry, or from a file of weights that the server holds as a blob. */
  readonly source:
    | { readonly kind: 'registry' }
    | { readonly kind: 'blob'; readonly digest: string }
  /**
   * Asked as soon as the size is known, and again when it is known better: a sentence says why it cannot be, and ends the
   * download. `completedBytes` of the total are on the server's disk already.
   */
  readonly fits?: (totalBytes: number, completedBytes: number) => string | undefined
}

/** Where a download is. */
export type PullJobState =
  | (PullProgress & {
      readonly kind: 'running'
      /** 0 to 99; undefined while the size is unknown. */
      readonly percent: number | undefined
    })
  | {
      readonly kind: 'failed'
      /** A sentence with what to do. */
      readonly reason: string
      /** In a row, without any progress between them. */
      readonly failures: number
      /** `start` changes nothing before this time (as `clock.now()`); undefined when `fits` spoke against it. */
      readonly notBefore: number | undefined
    }
  | { readonly kind: 'done' }

/** One download with its tries and pauses. */
interface PullJob {
  start(order: PullOrder): PullJobState
  state(): PullJobState
  /** Ends it for good. */
  stop(): void
}

const pauses = { baseMs: 5000, capMs: 5 * 60_000 } as const

/**
 * Makes a download that has not begun.
 * One that fails pauses for 5 seconds, doubled with every failure up to 5 minutes, less up to half of it by chance; it is
 * 5 seconds again when the download got further than ever before.
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
  /** Figures of the last try stay until the next one has its own: a percentage that comes and goes confuses. */
  let known: PullProgress = { status: '', totalBytes: undefined, completedBytes: undefined }
  let most = 0
  /** Why it does not fit, as far as is known. */
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
        const { error, failures } = now
        if (misfit !== undefined)
          return { kind: 'failed', reason: misfit, failures, notBefore: undefined }
        const reason = pullProblem(error, target.name)
        return { kind: 'failed', reason, failures, notBefore: now.notBefore }
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
    await download(target, source, {
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
      const mayStart = job.state.kind !== 'running' && job.restMs === 0
      if (options.signal.aborted || !mayStart) return state()
      if (job.state.kind === 'failed' && findMisfit() !== undefined) return state()
      show({ ...known, status: 'asked the server for it' })
      job.start((context) => pull(wanted, context))
      return state()
    },
    stop: () => job.stop('nobody waits for the download any more'),
  }
}

async function download(
  target: PullTarget,
  source: PullOrder['source'],
  options: PullOptions,
): Promise<void> {
  const { name } = target
  if (source.kind === 'registry') return await pullModel(target, name, options)
  await createFromBlob(target, { name, digest: source.digest }, options)
}
