import type { Cancel, Clock, Random } from '../../runtime/clock.ts'
import type { ServerAddress } from './connection.ts'
import { downloadProblem } from './download-problem.ts'
import {
  createFromBlob,
  percentOf,
  pullModel,
  type DownloadOptions,
  type DownloadProgress,
} from './download.ts'

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
export type PullState =
  | (DownloadProgress & {
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
export interface PullJob {
  start(order: PullOrder): PullState
  state(): PullState
  /** Ends it for good. */
  stop(): void
}

const backoff = { baseMs: 5000, capMs: 5 * 60_000 } as const
/** People do not read faster, and every change costs a write to the API server. */
const tellMs = 2000

/**
 * Makes a download that has not begun.
 * One that fails pauses for 5 seconds, doubled with every failure up to 5 minutes, less up to half of it by chance; it is
 * 5 seconds again when the download got further than ever before.
 */
export function createPullJob(options: {
  readonly target: PullTarget
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly random: Pick<Random, 'next'>
  readonly onChange: () => void
}): PullJob {
  const { target, clock, random } = options
  let state: PullState = { kind: 'done' }
  let order: PullOrder | undefined
  let known: DownloadProgress = { status: '', totalBytes: undefined, completedBytes: undefined }
  let attempt = new AbortController()
  let failures = 0
  let most = 0
  let mostAtFailure = 0
  let toldAt = -tellMs
  let timer: Cancel | undefined

  function tell(): void {
    timer?.()
    timer = undefined
    toldAt = clock.monotonic()
    options.onChange()
  }

  function tellSoon(): void {
    const wait = toldAt + tellMs - clock.monotonic()
    if (wait <= 0) tell()
    else timer ??= clock.after(wait, tell)
  }

  function run(order: PullOrder): void {
    show({ ...known, status: 'asked the server for it' })
    timer?.()
    timer = undefined
    attempt = new AbortController()
    if (options.signal.aborted) return
    const { signal } = attempt
    const onProgress = (progress: DownloadProgress) => {
      if (!signal.aborted) advance(progress)
    }
    download(target, order.source, { signal, clock, onProgress }).then(
      () => signal.aborted || end({ kind: 'done' }),
      (error: unknown) => signal.aborted || fail(error),
    )
  }

  /** Figures of the last try stay until this one has its own: a percentage that comes and goes confuses. */
  function show(progress: DownloadProgress): void {
    known = progress.totalBytes === undefined ? { ...known, status: progress.status } : progress
    state = { kind: 'running', ...known, percent: percentOf({ ...known, status: '' }) }
  }

  function advance(progress: DownloadProgress): void {
    show(progress)
    most = Math.max(most, known.completedBytes ?? 0)
    const refusal = refused()
    if (refusal === undefined) return tellSoon()
    attempt.abort()
    end(refusal)
  }

  function refused(): PullState | undefined {
    if (known.totalBytes === undefined) return undefined
    const reason = order?.fits?.(known.totalBytes, known.completedBytes ?? 0)
    return reason === undefined
      ? undefined
      : { kind: 'failed', reason, failures, notBefore: undefined }
  }

  function fail(error: unknown): void {
    failures = most > mostAtFailure ? 1 : failures + 1
    mostAtFailure = most
    const ceiling = Math.min(backoff.capMs, backoff.baseMs * 2 ** Math.min(failures - 1, 10))
    const pause = ceiling * (0.5 + random.next() / 2)
    const reason = downloadProblem(error, target.name)
    end({ kind: 'failed', reason, failures, notBefore: clock.now() + pause })
    timer = clock.after(pause, tell)
  }

  function end(now: PullState): void {
    state = now
    tell()
  }

  return {
    state: () => state,
    start(wanted) {
      const first = order === undefined
      order = wanted
      if (!first && state.kind === 'running') return state
      if (state.kind === 'failed') {
        if (state.notBefore !== undefined && clock.now() < state.notBefore) return state
        const refusal = refused()
        if (refusal !== undefined) {
          state = refusal
          return state
        }
      }
      run(wanted)
      return state
    },
    stop() {
      attempt.abort()
      timer?.()
      timer = undefined
    },
  }
}

async function download(
  target: PullTarget,
  source: PullOrder['source'],
  options: DownloadOptions,
): Promise<void> {
  const { name } = target
  if (source.kind === 'registry') return await pullModel(target, name, options)
  await createFromBlob(target, { name, digest: source.digest }, options)
}
