import type { DevRequest, Plan } from '../../api/devrequest.ts'
import type { Clock, Logger } from '../../kube/ports.ts'
import { givenHash } from '../../planner/hash.ts'
import type { FailedPart } from './failed-part.ts'
import type { PlanningState, Stall } from './observation.ts'

/** What the planner gives for one request. */
export interface Planned {
  readonly plan: Plan
  readonly tokens: number
}

/** Plans a request; with `failed`, that part of its plan anew. May take minutes; asked again after a failure. */
export type MakePlan = (
  request: DevRequest,
  options: { readonly failed?: FailedPart | undefined; readonly signal: AbortSignal },
) => Promise<Planned>

type Job = {
  readonly key: string
  /** The revision of the plan that it makes. */
  readonly revision: number
  /** `givenHash` of what the person gave. */
  readonly given: string | undefined
} & (
  | { readonly state: 'running'; readonly cancel: AbortController; readonly failures: number }
  | { readonly state: 'done'; readonly planned: Planned }
  | {
      readonly state: 'failed'
      readonly stall: Stall
      readonly failures: number
      /** Not started again before; milliseconds since 1970. */
      readonly notBefore: number
    }
)

/** Pause after a failed try; it doubles with every further one, up to the longest. */
const pauseMs = 5_000
const longestPauseMs = 120_000

/**
 * Plans that are being made, outside reconciles: a model may take minutes. In memory only; after a crash the request is
 * planned again, and the first plan that is stored wins.
 * Guarantees: one job for a request at a time; a pause after each that failed; nothing is told of one whose request has
 * another `spec.plan` by now; `onChange` is told the request's key when one ends.
 */
export class Planning {
  readonly #jobs = new Map<string, Job>()
  readonly #make: MakePlan
  readonly #stallOf: (error: unknown) => Stall
  readonly #onChange: (key: string) => void
  readonly #clock: Clock
  readonly #log: Logger

  constructor(options: {
    readonly make: MakePlan
    /** Turns what the planner threw into words for the request. */
    readonly stallOf: (error: unknown) => Stall
    readonly onChange: (key: string) => void
    readonly clock: Clock
    readonly log: Logger
  }) {
    this.#make = options.make
    this.#stallOf = options.stallOf
    this.#onChange = options.onChange
    this.#clock = options.clock
    this.#log = options.log
  }

  stateOf(request: DevRequest): PlanningState {
    const job = this.#jobOf(request)
    if (job?.state === 'done') return { state: 'done', ...job.planned }
    return { state: job?.state === 'running' ? 'running' : 'idle' }
  }

  /** Why the last try ended without a plan. */
  stallOf(request: DevRequest): Stall | undefined {
    const job = this.#jobOf(request)
    return job?.state === 'failed' ? job.stall : undefined
  }

  /** Starts a job unless one runs, has a plan, or failed a moment ago. Returns how long to wait in that last case. */
  start(request: DevRequest, failed?: FailedPart): number {
    const { uid, namespace, name } = request.metadata
    const key = `${namespace}/${name}`
    const job = this.#jobOf(request)
    if (job === undefined) this.forget(uid)
    if (job?.state === 'running' || job?.state === 'done') return 0
    const waitMs = (job?.notBefore ?? 0) - this.#clock.now()
    if (waitMs > 0) return waitMs
    const cancel = new AbortController()
    const failures = job?.failures ?? 0
    const revision = (request.status?.plan?.revision ?? 0) + 1
    const about = { key, revision, given: givenHash(request.spec.plan) }
    this.#jobs.set(uid, { ...about, state: 'running', cancel, failures })
    const end = (next: Job): void => {
      if (cancel.signal.aborted) return
      this.#jobs.set(uid, next)
      this.#onChange(key)
    }
    this.#make(request, { failed, signal: cancel.signal }).then(
      (planned) => end({ ...about, state: 'done', planned }),
      (error: unknown) => {
        if (cancel.signal.aborted) return
        this.#log.warn({ request: name, err: error }, 'planning did not succeed')
        const pause = Math.min(longestPauseMs, pauseMs * 2 ** Math.min(failures, 10))
        const notBefore = this.#clock.now() + pause
        const stall = this.#stallOf(error)
        end({ ...about, state: 'failed', stall, failures: failures + 1, notBefore })
      },
    )
    return 0
  }

  /** The job of a request, unless it plans what the person has changed since. */
  #jobOf({ metadata, spec }: DevRequest): Job | undefined {
    const job = this.#jobs.get(metadata.uid)
    // Most requests have no job, at most reconciles.
    return job !== undefined && job.given === givenHash(spec.plan) ? job : undefined
  }

  /** Ends and forgets the job of a request whose plan is stored in this revision, by whomever. */
  settle({ metadata, status }: Pick<DevRequest, 'metadata' | 'status'>): void {
    const job = this.#jobs.get(metadata.uid)
    if (job !== undefined && (status?.plan?.revision ?? 0) >= job.revision)
      this.forget(metadata.uid)
  }

  /** Ends and forgets the job of a request. */
  forget(uid: string): void {
    const job = this.#jobs.get(uid)
    if (job?.state === 'running') job.cancel.abort(new Error('nobody waits for the plan any more'))
    this.#jobs.delete(uid)
  }

  /** Ends and forgets the jobs of requests that had this key and are gone; `uid` is the one that has it now. */
  forgetOthers(key: string, uid: string | undefined): void {
    for (const [other, job] of this.#jobs) if (job.key === key && other !== uid) this.forget(other)
  }
}
