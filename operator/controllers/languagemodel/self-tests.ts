import type { Clock, Logger } from '../../kube/ports.ts'
import { askedContext, type ModelProfile } from '../../models/profile.ts'
import type { ModelServers, TestResult, TestState } from './servers.ts'

type Job = { readonly profile: ModelProfile; readonly digest: string } & (
  | { readonly state: 'running'; readonly cancel: AbortController }
  | { readonly state: 'done'; readonly result: TestResult }
  | { readonly state: 'failed'; readonly message: string; readonly notBefore: number }
)

/** Pause after a test that came to no end. */
const pauseMs = 30_000

/** What self-tests are run with. */
export interface SelfTestsOptions {
  readonly servers: Pick<ModelServers, 'test'>
  readonly onChange: (key: string) => void
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Self-tests that run, outside reconciles: on a CPU one takes minutes. In memory only; after a crash it is run again.
 * Guarantees: one for a model at a time; `onChange` is told the object's key when one ends. A result counts for the
 * weights and the options that were tested.
 */
export class SelfTests {
  readonly #jobs = new Map<string, Job>()
  readonly #options: SelfTestsOptions

  constructor(options: SelfTestsOptions) {
    this.#options = options
  }

  /** Where the test of these weights with these options stands; undefined when it may be started. */
  stateOf(key: string, profile: ModelProfile, digest: string): TestState | undefined {
    const job = this.#jobs.get(key)
    if (job === undefined || !isAbout(job, profile, digest)) return undefined
    if (job.state === 'running') return { kind: 'running' }
    if (job.state === 'done') return { kind: 'done', digest, result: job.result }
    return job.notBefore > this.#options.clock.now()
      ? { kind: 'failed', message: job.message }
      : undefined
  }

  /** Starts a test, in the place of one with other weights or options. */
  start(key: string, profile: ModelProfile, digest: string, probes: boolean): void {
    this.forget(key)
    const { servers, clock, log, onChange } = this.#options
    const cancel = new AbortController()
    const about = { profile, digest }
    this.#jobs.set(key, { ...about, state: 'running', cancel })
    const end = (job: Job): void => {
      if (cancel.signal.aborted) return
      this.#jobs.set(key, job)
      onChange(key)
    }
    servers.test(profile, { probes, signal: cancel.signal }).then(
      (result) => end({ ...about, state: 'done', result }),
      (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error)
        if (!cancel.signal.aborted)
          log.warn({ model: profile.name, err: error }, 'self-test failed')
        end({ ...about, state: 'failed', message, notBefore: clock.now() + pauseMs })
      },
    )
  }

  /** Ends and forgets the test of an object. */
  forget(key: string): void {
    const job = this.#jobs.get(key)
    if (job?.state === 'running') job.cancel.abort(new Error('nobody waits for the test any more'))
    this.#jobs.delete(key)
  }
}

function isAbout(job: Job, profile: ModelProfile, digest: string): boolean {
  return (
    job.digest === digest &&
    job.profile.endpoint === profile.endpoint &&
    // What the server gave becomes known by the test: that is no reason for another.
    askedContext(job.profile) === askedContext(profile)
  )
}
