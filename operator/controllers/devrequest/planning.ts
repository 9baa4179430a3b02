import type { DevRequest, Plan } from '../../../core/api/devrequest.ts'
import { exponential } from '../../../core/base/backoff.ts'
import type { Clock } from '../../../core/base/clock.ts'
import type { Logger } from '../../../core/base/logger.ts'
import { keyOf } from '../../../core/kube/resource.ts'
import { givenHash } from '../../../core/planner/tasks.ts'
import { Job } from '../../../core/base/jobs.ts'
import { Memory, type Remembered } from '../../../core/kube/runtime/memory.ts'
import type { FailedPart } from './failed-part.ts'
import type { PlanningState, Stall } from './observation.ts'
import { counted } from '../../../core/api/plain-text.ts'
import { type Forge, ForgeError } from '../../forge/client.ts'
import type { Gateway } from '../../../core/models/gateway.ts'
import type { ModelProfile } from '../../../core/models/profile.ts'
import { type RepositoryReader, readFacts } from '../../../core/planner/facts.ts'
import { type MadePlan, type PlanInput, makePlan } from '../../../core/planner/plan.ts'
import { replan } from '../../../core/planner/replan.ts'

/** The planner's plan for one request. */
export interface Planned {
  readonly plan: Plan
  readonly tokens: number
}

/**
 * Plans a request; with `failed`, plans that part of it again. It may take minutes, and is called
 * again after a failure.
 */
export type MakePlan = (
  request: DevRequest,
  options: { readonly failed?: FailedPart | undefined; readonly signal: AbortSignal },
) => Promise<Planned>

interface PlanJob {
  readonly job: Job<Planned>
  /** The revision of the plan that the job makes. */
  readonly revision: number
  /** `givenHash` of the plan that the person gave, when the job began. */
  readonly given: string | undefined
}

interface PlanningOptions {
  readonly requests: Remembered<DevRequest>
  readonly make: MakePlan
  /** Turns an error of the planner into words for the request. */
  readonly stallOf: (error: unknown) => Stall
  readonly onChange: (key: string) => void
  readonly clock: Clock
  readonly log: Logger
}

const pauses = { baseMs: 5_000, capMs: 120_000 } as const

/**
 * Makes plans beside the reconciles, because a model may take minutes. After a crash the request is
 * planned again, and the first plan that is stored wins.
 * Guarantees: one job for a request at a time; the job ends when the request is gone, has another
 * `spec.plan`, or holds a plan of that revision; `onChange` gets the request's key when a job ends
 * or may begin again.
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

  /**
   * Begins a plan, unless one is being made or is made. After a failure `onChange` says when it may
   * begin again.
   */
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

/**
 * Builds the function that plans one request: the forge gives facts, the model units, and rules
 * turn units into tasks.
 */
export function planMaker(parts: {
  readonly forge: Forge
  readonly gateway: Gateway
  readonly profileOf: (name: string) => ModelProfile | undefined
  readonly log: Logger
}): MakePlan {
  return async function planRequest(request, { failed, signal }) {
    const { metadata, spec, status } = request
    const profile = parts.profileOf(status?.model ?? '')
    if (status?.repository === undefined || status.base === undefined || profile === undefined)
      throw new TypeError(`request ${metadata.name} is not prepared`)
    // A failed part is planned again on the branch's head, which holds the work of the other parts.
    const commit = failed === undefined ? status.base : (status.head ?? status.base)
    const reader = readerOf(parts.forge, status.repository, commit)
    const input: PlanInput = {
      request: metadata.name,
      requestUid: metadata.uid,
      spec,
      profile,
      facts: await readFacts(reader, spec.request, { signal }),
      call: parts.gateway.call,
      usedTokens: status.tokens ?? 0,
    }
    const { plan: made, transcript } = await (failed === undefined
      ? makePlan(input, { signal })
      : planAgain(input, request, failed, signal))
    const plan = { ...made, revision: (status.plan?.revision ?? 0) + 1 }
    const used = parts.gateway.tokens({
      request: metadata.name,
      requestUid: metadata.uid,
      task: '',
    })
    const { hash, revision, source, replaced } = plan
    parts.log.info(
      { request: metadata.name, plan: hash, revision, source, tasks: plan.tasks.length, replaced },
      `request ${metadata.name} planned: ${counted(plan.tasks.length, 'task')} in ${counted(plan.waves.length, 'wave')}`,
    )
    parts.log.debug({ request: metadata.name, transcript }, 'planning transcript')
    return { plan, tokens: used.inputTokens + used.outputTokens }
  }
}

async function planAgain(
  input: PlanInput,
  { metadata, status }: DevRequest,
  { unit, evidence, succeeded }: FailedPart,
  signal: AbortSignal,
): Promise<MadePlan> {
  const plan = status?.plan
  const code = plan?.tasks.find((task) => task.unit === unit && task.action === 'code')
  if (plan === undefined || code === undefined)
    throw new TypeError(`request ${metadata.name} has no unit ${unit}`)
  const { goal, files, doneWhen } = code
  const failed = { name: unit, goal, files, doneWhen: doneWhen || goal, evidence }
  return replan({ ...input, plan, failed, succeeded: new Set(succeeded) }, { signal })
}

function readerOf(forge: Forge, repository: string, commit: string): RepositoryReader {
  return {
    readTree: async (options) => forge.tree(repository, commit, options),
    readFile: async (path, options) => {
      const text = await forge.file(repository, commit, path, options)
      if (text === undefined) throw new ForgeError('NotFound', `${path} is not in ${commit}`)
      return text
    },
  }
}
