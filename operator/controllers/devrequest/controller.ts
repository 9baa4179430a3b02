import { type DevRequest, devRequestSpec } from '../../../core/api/devrequest.ts'
import type { BranchState } from '../../../core/api/forge-protocol.ts'
import { git } from '../../../core/api/names.ts'
import { heldBy } from '../../../core/api/task-state.ts'
import { requestConditions } from '../../../core/api/conditions.ts'
import { isTrue } from '../../../core/api/condition-list.ts'
import type { AgentSettings } from '../../settings/config.ts'
import { type Forge, ForgeError } from '../../forge/client.ts'
import { isNotFound } from '../../../core/kube/errors.ts'
import { refOf } from '../../../core/kube/resource.ts'
import {
  type Reconcile,
  type Result,
  done,
  requeueAfter,
} from '../../../core/kube/runtime/controller.ts'
import { Memory } from '../../../core/kube/runtime/memory.ts'
import type { Models } from '../languagemodel/models.ts'
import { Pace } from '../pace.ts'
import { specProblem } from '../../../core/api/schema.ts'
import { type World, byRequest } from '../world.ts'
import { writeStatusIfThere } from '../write-status.ts'
import { changeOf } from './change.ts'
import { createTasks } from './create-tasks.ts'
import { decideRequest } from './decide.ts'
import type { FailedPart } from './failed-part.ts'
import type { RequestObservation } from './observation.ts'
import type { Planning } from './planning.ts'
import {
  type Stalls,
  forgeStall,
  modelStall,
  sourceStall,
  stalled,
  unknownModel,
} from './stalls.ts'
import { finalStatus } from './status.ts'

/** The parts that the controller of DevRequests needs besides the world. */
interface RequestParts {
  readonly forge: Forge
  readonly planning: Planning
  readonly models: Models
  /** Models of the installation by type of agent. */
  readonly modelOfType: AgentSettings['models']
}

/** Takes each DevRequest from its first sight to its delivered branch. */
export function requestReconciler(world: World, parts: RequestParts): Reconcile {
  const until = (request: DevRequest): boolean => isTrue(request, requestConditions.Finished)
  const stalls: Stalls = new Memory(world.requests)
  const branches: Branches = new Memory(world.requests, { until })
  const made = new Memory<DevRequest, Set<string>>(world.requests, { until })
  const pace = new Pace(world.requests, {
    clock: world.clock,
    everyMs: 2_000,
    perSecond: 4,
    until,
  })
  return async function reconcileRequest(key, { signal }): Promise<Result> {
    const { namespace, name } = refOf(key)
    const request = world.requests.get(namespace, name)
    if (request === undefined) return done
    const seen = await observe(
      world,
      parts,
      stalls,
      { branches, mayAsk: pace.isDue(request) },
      request,
      signal,
    )
    const { change, step, nextMs } = decideRequest(seen)
    if (change !== undefined) {
      const waitMs = change.mayWait === true ? pace.take(request) : 0
      if (waitMs > 0) return requeueAfter(waitMs, 'its figures were written a moment ago')
      pace.written(request)
      await writeStatusIfThere(world, world.requests, request, change, { signal })
    }
    switch (step?.kind) {
      case undefined:
        return nextMs === undefined
          ? done
          : requeueAfter(nextMs, seen.stall?.reason ?? 'looks again')
      case 'prepare':
        return prepare(world, parts, stalls, request, signal)
      case 'plan':
        return plan(parts, stalls, seen.request, seen.model)
      case 'replan':
        return plan(parts, stalls, seen.request, seen.model, step.failed)
      case 'create-tasks':
        return createTasks(world, { ...parts, stalls, made }, seen.request, step.tasks, signal)
      case 'finish':
        return finish(world, parts, stalls, seen, signal)
      case 'remove':
        return remove(world, request, signal)
    }
  }
}

/**
 * The forge's last answer about each branch, with the number of merges then: only a merge moves a
 * branch.
 */
type Branches = Memory<DevRequest, { readonly merges: number; readonly branch: BranchState }>

/** Asks the forge for the branch after each merge, but no more often than figures are written. */
async function branchOf(
  parts: RequestParts,
  { branches, mayAsk }: { readonly branches: Branches; readonly mayAsk: boolean },
  request: DevRequest,
  merges: number,
  signal: AbortSignal,
): Promise<BranchState | undefined> {
  const { repository, branch, base = '' } = request.status ?? {}
  if (merges === 0 || repository === undefined || branch === undefined) return undefined
  const last = branches.get(request)
  const known = last?.merges === merges ? last.branch : undefined
  if (known !== undefined || !mayAsk) return known
  const told = await parts.forge.branch(repository, branch, base, { signal }).catch(() => undefined)
  if (told !== undefined) branches.set(request, { merges, branch: told })
  return told
}

async function observe(
  world: World,
  parts: RequestParts,
  stalls: Stalls,
  asking: { readonly branches: Branches; readonly mayAsk: boolean },
  request: DevRequest,
  signal: AbortSignal,
): Promise<RequestObservation> {
  const { metadata, status } = request
  const checked = devRequestSpec.safeParse(request.spec)
  // A request that was stored before the schema changed may lack fields that have a default now.
  const spec = checked.data ?? request.spec
  // A request that is over no longer depends on its model and its branch.
  const over = isTrue(request, requestConditions.Finished)
  const tasks = world.tasks
    .byIndex(byRequest, `${metadata.namespace}/${metadata.name}`)
    .filter((task) => task.metadata.ownerReferences?.some((owner) => owner.uid === metadata.uid))
  const holders = new Set(tasks.flatMap((task) => heldBy(task)?.podUid ?? []))
  // A request keeps its model: a default that changes later must not move a request that has begun.
  const wanted = spec.model ?? status?.model ?? parts.models.defaultName
  const model = parts.models.find(wanted)?.spec.model ?? wanted
  const trouble =
    over || status?.repository === undefined ? undefined : parts.models.troubleOf(model)
  const merges = tasks.filter((task) => task.status?.result?.merged !== undefined).length
  const branch = over ? undefined : await branchOf(parts, asking, request, merges, signal)
  return {
    request: { ...request, spec },
    invalid: specProblem(checked),
    model,
    tasks,
    agents: world.agents.list().filter((agent) => holders.has(agent.status?.podUid ?? '')),
    planning: parts.planning.stateOf(request),
    stall: stalls.get(request) ?? modelStall(trouble) ?? parts.planning.stallOf(request),
    branch,
    recorded: over && [request, ...tasks].every((one) => world.audit.holds(one)),
    now: world.clock.now(),
  }
}

async function prepare(
  world: World,
  parts: RequestParts,
  stalls: Stalls,
  request: DevRequest,
  signal: AbortSignal,
): Promise<Result> {
  const { metadata, spec } = request
  const source = spec.source ?? { template: { name: 'empty' as const } }
  const branch = git.resultBranch(metadata.name)
  const repository = source.repository?.name ?? `${metadata.name}-${metadata.uid.slice(0, 5)}`
  try {
    const state = await parts.forge.ensure(
      repository,
      {
        source: source as Parameters<Forge['ensure']>[1]['source'],
        branch,
        title: metadata.name,
      },
      { signal },
    )
    stalls.delete(request)
    await write(
      world,
      request,
      {
        ...request.status,
        repository: state.repository,
        base: state.base,
        branch,
        head: state.head,
        commits: 0,
      },
      signal,
    )
    return done
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error
    return stalled(stalls, request, sourceStall(error, metadata))
  }
}

function plan(
  parts: RequestParts,
  stalls: Stalls,
  request: DevRequest,
  model: string,
  failed?: FailedPart,
): Result {
  const asksModel = request.spec.plan === undefined
  const { names } = parts.models
  const stall = !names.includes(model)
    ? unknownModel(model, names)
    : asksModel
      ? modelStall(parts.models.troubleOf(model))
      : undefined
  if (stall !== undefined) return stalled(stalls, request, stall)
  stalls.delete(request)
  parts.planning.start(request, failed)
  return done
}

async function finish(
  world: World,
  parts: RequestParts,
  stalls: Stalls,
  seen: RequestObservation,
  signal: AbortSignal,
): Promise<Result> {
  const { request } = seen
  const { repository, branch, base } = request.status ?? {}
  if (repository === undefined || branch === undefined) return done
  try {
    const last = await parts.forge.branch(repository, branch, base ?? '', { signal })
    stalls.delete(request)
    await write(world, request, finalStatus({ ...seen, stall: undefined, branch: last }), signal)
    return done
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error
    return stalled(stalls, request, forgeStall(error, request.metadata.namespace))
  }
}

async function remove(world: World, request: DevRequest, signal: AbortSignal): Promise<Result> {
  const { namespace, name, uid } = request.metadata
  await world.client
    .delete(world.requests.resource, { namespace, name, uid }, { signal })
    .catch((error: unknown) => {
      if (!isNotFound(error)) throw error
    })
  return done
}

async function write(
  world: World,
  request: DevRequest,
  status: NonNullable<DevRequest['status']>,
  signal: AbortSignal,
): Promise<void> {
  await writeStatusIfThere(world, world.requests, request, changeOf(request, status), { signal })
}
