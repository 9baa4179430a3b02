import { type LanguageModel, languageModelSpec } from '../../../core/api/language-model.ts'
import { refOf } from '../../../core/kube/resource.ts'
import type { ModelProfile } from '../../../core/models/profile.ts'
import {
  type Reconcile,
  type Result,
  done,
  requeueAfter,
} from '../../../core/kube/runtime/controller.ts'
import { Memory } from '../../../core/kube/runtime/memory.ts'
import { specProblem } from '../../../core/api/schema.ts'
import type { World } from '../world.ts'
import { writeStatusIfThere } from '../write-status.ts'
import { type ModelLimits, type ModelObservation, decideModel } from './decide.ts'
import { type Installation, type Models, profileOf } from './models.ts'
import { type SelfTests, isSameModel } from './self-tests.ts'
import type { ModelServers, ServerView } from '../../../core/models/fleet/fleet.ts'
import type { PullSource } from '../../../core/models/servers/pull.ts'

/** The parts that the controller of LanguageModels needs besides the world. */
interface ModelParts {
  readonly servers: ModelServers
  readonly models: Models
  readonly tests: SelfTests
  readonly limits: ModelLimits
  readonly installation: Installation
}

/**
 * A pull that runs for a LanguageModel. It ends when the object is deleted, or names another model
 * or source.
 */
interface WantedPull {
  readonly profile: ModelProfile
  readonly source: string
}

/** Makes each LanguageModel ready, and says in its status what it still lacks. */
export function modelReconciler(world: World, parts: ModelParts): Reconcile {
  const pulls = new Memory<LanguageModel, WantedPull>(world.models, {
    until: (model, { profile, source }) =>
      model.metadata.deletionTimestamp !== undefined ||
      !isSameModel(profileOf(model, parts.installation), profile) ||
      sourceKeyOf(model) !== source,
    onForgotten: ({ profile }) => parts.servers.cancelPull(profile),
  })
  return async function reconcileModel(key, { signal }): Promise<Result> {
    const { namespace, name } = refOf(key)
    const model = world.models.get(namespace, name)
    if (model === undefined || model.metadata.deletionTimestamp !== undefined) return done
    const profile = profileOf(model, parts.installation)
    const seen = await observe(world, parts, model, profile, signal)
    const { change, step, nextMs } = decideModel(seen)
    // Pulls and self-tests run beside the reconciles, so a status that cannot be written does not
    // hold them up.
    if (step === 'pull' && pulls.set(model, { profile, source: sourceKeyOf(model) }))
      parts.servers.pull(profile, sourceOf(model))
    if (step === 'test' && seen.server.kind === 'reachable') {
      const { held } = seen.server
      const probes = model.spec.tier === undefined
      if (held !== undefined) parts.tests.start(model, profile, held.digest, probes)
    }
    if (change !== undefined)
      await writeStatusIfThere(world, world.models, model, change, { signal })
    return requeueAfter(nextMs, 'looks at its server again')
  }
}

async function observe(
  world: World,
  parts: ModelParts,
  model: LanguageModel,
  profile: ModelProfile,
  signal: AbortSignal,
): Promise<ModelObservation> {
  const invalid = specProblem(languageModelSpec.safeParse(model.spec))
  const duplicateOf = parts.models.duplicateOf(model)
  const server: ServerView =
    invalid === undefined && duplicateOf === undefined
      ? await parts.servers.look(profile, { signal })
      : { kind: 'unreachable', message: 'the server was not asked' }
  const held = server.kind === 'reachable' ? server.held : undefined
  return {
    model,
    invalid,
    duplicateOf,
    server,
    pull: parts.servers.pullState(profile),
    test: held === undefined ? undefined : parts.tests.stateOf(model, profile, held.digest),
    // The settings give the memory of the operator's own server only.
    limits: {
      ...parts.limits,
      memoryBytes:
        profile.endpoint === parts.installation.endpoint ? parts.limits.memoryBytes : undefined,
    },
    inUse: world.requests.list().some(({ status }) => status?.completionTime === undefined),
    now: world.clock.now(),
  }
}

/** The source as a text to compare: a pull from another source is ended. */
function sourceKeyOf({ spec }: LanguageModel): string {
  return [spec.source, spec.blob?.digest ?? ''].join(' ')
}

function sourceOf({ spec }: LanguageModel): PullSource {
  return spec.source === 'blob' && spec.blob !== undefined
    ? { kind: 'blob', digest: spec.blob.digest }
    : { kind: 'registry' }
}
