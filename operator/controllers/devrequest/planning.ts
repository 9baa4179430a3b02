import type { DevRequest, Plan } from '../../api/devrequest.ts'
import type { Logger } from '../../kube/ports.ts'
import type { PlanningState, Stall } from './decide.ts'

/** What the planner gives for one request. */
export interface Planned {
  readonly plan: Plan
  readonly tokens: number
}

type Job =
  | { readonly state: 'running'; readonly cancel: AbortController }
  | { readonly state: 'done'; readonly planned: Planned }
  | { readonly state: 'failed'; readonly stall: Stall }

/**
 * Plans that are being made, outside reconciles: a model may take minutes. In memory only; after a crash the request is
 * planned again, and the first plan that is stored wins.
 * Guarantees: one job for a request at a time; `onChange` is told the request's key when one ends.
 */
export class Planning {
  readonly #jobs = new Map<string, Job>()
  readonly #make: (request: DevRequest, signal: AbortSignal) => Promise<Planned>
  readonly #stallOf: (error: unknown) => Stall
  readonly #onChange: (key: string) => void
  readonly #log: Logger

  constructor(options: {
    readonly make: (request: DevRequest, signal: AbortSignal) => Promise<Planned>
    /** Turns what the planner threw into words for the request. */
    readonly stallOf: (error: unknown) => Stall
    readonly onChange: (key: string) => void
    readonly log: Logger
  }) {
    this.#make = options.make
    this.#stallOf = options.stallOf
    this.#onChange = options.onChange
    this.#log = options.log
  }

  stateOf(request: DevRequest): PlanningState {
    const job = this.#jobs.get(request.metadata.uid)
    if (job?.state === 'done') return { state: 'done', ...job.planned }
    return { state: job?.state === 'running' ? 'running' : 'idle' }
  }

  /** Why the last try ended without a plan. */
  stallOf(request: DevRequest): Stall | undefined {
    const job = this.#jobs.get(request.metadata.uid)
    return job?.state === 'failed' ? job.stall : undefined
  }

  /** Starts a job unless one runs or has a plan. */
  start(request: DevRequest): void {
    const { uid, namespace, name } = request.metadata
    const job = this.#jobs.get(uid)
    if (job?.state === 'running' || job?.state === 'done') return
    const cancel = new AbortController()
    this.#jobs.set(uid, { state: 'running', cancel })
    const end = (next: Job): void => {
      if (cancel.signal.aborted) return
      this.#jobs.set(uid, next)
      this.#onChange(`${namespace}/${name}`)
    }
    this.#make(request, cancel.signal).then(
      (planned) => end({ state: 'done', planned }),
      (error: unknown) => {
        this.#log.warn({ request: name, err: error }, 'planning did not succeed')
        end({ state: 'failed', stall: this.#stallOf(error) })
      },
    )
  }

  /** Ends and forgets the job of a request that is gone or planned. */
  forget(uid: string): void {
    const job = this.#jobs.get(uid)
    if (job?.state === 'running') job.cancel.abort(new Error('the request is gone'))
    this.#jobs.delete(uid)
  }
}
