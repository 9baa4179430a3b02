import { systemClock, type Clock } from '../runtime/clock.ts'
import type { ModelProfile } from './profile.ts'
import { listModels, pullModel, serverVersion, type PullProgress } from './server.ts'
import { networkReason } from './transport.ts'

/** Whether a model can be asked now. `message` and `progress` are for people. */
export type ModelHealth =
  | { readonly state: 'ready' }
  | { readonly state: 'missing' }
  | { readonly state: 'unreachable'; readonly message: string }
  | { readonly state: 'pulling'; readonly progress: string }

/** Pulls that are under way; one for the process. */
export interface Pulls {
  /** Starts a pull, or finds the one that runs; says how far it is. A pull that failed says so once and starts anew. */
  start(profile: ModelProfile): string
}

/** Keeps the pulls of this process until `signal`. */
export function createPulls(options: { readonly signal: AbortSignal }): Pulls {
  const running = new Map<string, { progress: string; failed: boolean }>()
  return {
    start(profile) {
      const key = `${profile.endpoint} ${profile.name}`
      const known = running.get(key)
      if (known !== undefined) {
        if (known.failed) running.delete(key)
        return known.progress
      }
      const pull = { progress: 'asked the server for it', failed: false }
      running.set(key, pull)
      void pullModel(profile.endpoint, profile.name, {
        signal: options.signal,
        onProgress: (progress) => {
          pull.progress = inWords(progress)
        },
      }).then(
        () => running.delete(key),
        (error: unknown) => {
          pull.failed = true
          pull.progress = `the pull failed: ${networkReason(error)}`
        },
      )
      return pull.progress
    },
  }
}

function inWords(progress: PullProgress): string {
  return progress.percent === undefined
    ? progress.status
    : `${progress.status}: ${progress.percent} %`
}

/** The server has this long to say what it holds. */
const probeMs = 10_000

/**
 * Looks whether the server answers and holds the model.
 * With `profile.pull` and `pulls`, a model it does not hold is pulled in the background. Never rejects, except with the
 * signal's reason.
 */
export async function probeModel(
  profile: ModelProfile,
  options: {
    readonly signal: AbortSignal
    readonly pulls?: Pulls
    readonly clock?: Pick<Clock, 'after'>
  },
): Promise<ModelHealth> {
  options.signal.throwIfAborted()
  const deadline = new AbortController()
  const stop = () => deadline.abort()
  options.signal.addEventListener('abort', stop, { once: true })
  const cancel = (options.clock ?? systemClock).after(probeMs, stop)
  try {
    await serverVersion(profile.endpoint, { signal: deadline.signal })
    const held = await listModels(profile.endpoint, { signal: deadline.signal })
    if (held.some((name) => sameModel(name, profile.name))) return { state: 'ready' }
    if (!profile.pull || options.pulls === undefined) return { state: 'missing' }
    return { state: 'pulling', progress: options.pulls.start(profile) }
  } catch (error) {
    options.signal.throwIfAborted()
    const reason = deadline.signal.aborted
      ? `no answer within ${probeMs / 1000} seconds`
      : networkReason(error)
    return {
      state: 'unreachable',
      message: `the model server at ${profile.endpoint} cannot be used: ${reason}`,
    }
  } finally {
    cancel()
    options.signal.removeEventListener('abort', stop)
  }
}

/** Whether two names are those of one model: `a` and `a:latest` are. */
export function sameModel(held: string, wanted: string): boolean {
  return fullName(held) === fullName(wanted)
}

/** Ollama adds `:latest` to names without a tag. */
function fullName(name: string): string {
  return name.includes(':') ? name : `${name}:latest`
}
