import { systemClock, type Clock } from '../runtime/clock.ts'
import { sameModel } from './model-name.ts'
import type { ModelProfile } from './profile.ts'
import type { PullState } from './pull-job.ts'
import type { Pulls } from './pulls.ts'
import { heldModels, serverVersion } from './server.ts'
import { networkReason } from './transport.ts'

/** Whether a model can be asked now. `message` and `progress` are for people. */
export type ModelHealth =
  | { readonly state: 'ready' }
  | { readonly state: 'missing' }
  | { readonly state: 'unreachable'; readonly message: string }
  | { readonly state: 'pulling'; readonly progress: string }

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
    const held = await heldModels(profile.endpoint, { signal: deadline.signal })
    if (held.some(({ name }) => sameModel(name, profile.name))) return { state: 'ready' }
    if (!profile.pull || options.pulls === undefined) return { state: 'missing' }
    const pull = options.pulls.start(profile, { source: { kind: 'registry' } })
    return { state: 'pulling', progress: inWords(pull) }
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

function inWords(pull: PullState): string {
  if (pull.kind === 'done') return 'it has just been pulled'
  if (pull.kind === 'failed') return `the pull failed: ${pull.reason}`
  return pull.percent === undefined ? pull.status : `${pull.status}: ${pull.percent} %`
}
