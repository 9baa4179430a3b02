import type { DevRequest, Plan } from '../../../core/api/devrequest.ts'
import { exponential } from '../../../core/base/backoff.ts'
import type { Clock, Logger } from '../../../core/base/ports.ts'
import { keyOf } from '../../../core/kube/resource.ts'
import { givenHash } from '../../../core/planner/hash.ts'
import { Job } from '../../../core/base/jobs.ts'
import { Memory, type Remembered } from '../../../core/kube/runtime/memory.ts'
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

interface PlanJob {
  readonly job: Job<Planned>
  /** The revision of the plan that it makes. */
  readonly revision: number
  /** `givenHash` of the plan that the person gave. */
  readonly given: string | undefined
}

interface PlanningOptions {
  readonly requests: Remembered<DevRequest>
  readonly make: MakePlan
  /** Turns what the planner threw into words for the request. */
  readonly stallOf: (error: unknown) => Stall
  readonly onChange: (key: string) => void
  readonly clock: Clock
  readonly log: Logger
}

const pauses = { baseMs: 5_000, capMs: 120_000 } as const

/**
 * Plans that are being made, beside the reconciles: a model may take minutes. After a crash the request is planned again,
 * and the first plan that is stored wins.
 * Guarantees: one job for a request at a time; it ends when the request is gone, has another `spec.plan`, or has a plan of
 * that revision, by whomever; `onChange` is told the request's key when one ends or may begin again.
 */
export class Planning {
  readonly #jobs: Memory<DevRequest, PlanJob>
  readonly #options: PlanningOptions

  constructor(options: PlanningOptions) {
    this.#options = options
    this.#jobs = new Memory(options.requests, {
      until: ({ spec, status }, { given, revision }) =>
        given !== givenHash(spec.plan) || (status?.plan?.revision ?? 0) >= revision,
      onForgotten: ({ job }) => job.stop('nobody waits for the plan any more'),
    })
  }

  stateOf(request: DevRequest): PlanningState {
    const state = this.#jobs.get(request)?.job.state
    if (state?.kind === 'done') return { state: 'done', ...state.result }
    return { state: state?.kind === 'running' ? 'running' : 'idle' }
  }

  /** Why the last try ended without a plan. */
  stallOf(request: DevRequest): Stall | undefined {
    const state = this.#jobs.get(request)?.job.state
    return state?.kind === 'failed' ? this.#options.stallOf(state.error) : undefined
  }

  /** Begins a plan unless one is being made, is made, or failed a moment ago: then `onChange` is told when it may begin. */
  start(request: DevRequest, failed?: FailedPart): void {
    const { make, onChange, clock, log } = this.#options
    const { metadata, spec, status } = request
    const known = this.#jobs.get(request)
    if (known?.job.state.kind === 'done') return
    const { job } = known ?? {
      job: new Job<Planned>({
        clock,
        pauseMs(failures, error) {
          log.warn({ request: metadata.name, err: error }, 'planning did not succeed')
          return exponential(pauses, failures - 1)
        },
        onChange: () => onChange(keyOf(metadata)),
      }),
    }
    const revision = (status?.plan?.revision ?? 0) + 1
    if (known === undefined) this.#jobs.set(request, { job, revision, given: givenHash(spec.plan) })
    job.start(({ signal }) => make(request, { failed, signal }))
  }
}
