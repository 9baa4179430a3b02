import { isDeepStrictEqual } from 'node:util'
import {
  type ConditionUpdate,
  conditionOf,
  withConditions,
  withoutCondition,
} from '../../../core/api/condition-list.ts'
import { type ModelReason, modelConditions, modelReasons } from '../../../core/api/conditions.ts'
import type { LanguageModel, LanguageModelStatus, Tier } from '../../../core/api/language-model.ts'
import { inGiB, isCloudName } from '../../../core/models/servers/model.ts'
import type { Change, Decision, Notice } from '../write-status.ts'
import type { PullState, SelfTestState, ServerView } from '../../../core/models/fleet/fleet.ts'
import { words } from './messages.ts'

/** Everything that a decision about one model rests on. */
export interface ModelObservation {
  readonly model: LanguageModel
  /** Why the spec is invalid, if it is. */
  readonly invalid: string | undefined
  /** Name of an earlier LanguageModel of the same model, if there is one. */
  readonly duplicateOf: string | undefined
  readonly server: ServerView
  readonly pull: PullState | undefined
  readonly test: SelfTestState | undefined
  readonly limits: ModelLimits
  /** Whether there are unfinished requests: the model is looked at more often then. */
  readonly inUse: boolean
  readonly now: number
}

/** The limits that the installation sets. */
export interface ModelLimits {
  /** No model may be pulled from a registry. */
  readonly airGapped: boolean
  /** Memory of the operator's own model server; undefined when the settings give none. */
  readonly memoryBytes: number | undefined
}

/** Work that takes long, so it runs beside the reconciles. */
type ModelStep = 'pull' | 'test'

interface ModelDecision extends Decision<LanguageModelStatus, ModelStep> {
  /** Always given: a model server causes no event when it loses a model. */
  readonly nextMs: number
}

/**
 * A model is looked at again after this time while requests are unfinished, or while it is not
 * ready.
 */
const soonMs = 5_000
/** Any other model is looked at again after this time. */
const idleMs = 60_000

/** The first thing that a model lacks, or that it is ready. */
interface Finding {
  readonly ready: boolean
  readonly reason: ModelReason
  readonly message: string
  readonly stalled?: boolean
  readonly step?: ModelStep
}

/** Decides about one model. */
export function decideModel(seen: ModelObservation): ModelDecision {
  const { model, server, pull, now } = seen
  const finding = withOthers(seen, findingOf(seen))
  const before = model.status ?? {}
  const held = server.kind === 'reachable' ? server.held : undefined
  const at = new Date(now).toISOString()
  const updates: ConditionUpdate[] = [
    {
      type: modelConditions.Ready,
      status: finding.ready ? 'True' : 'False',
      reason: finding.reason,
      message: finding.message,
    },
  ]
  const { message } = finding
  const pulling = finding.reason === modelReasons.Pulling
  if (pulling)
    updates.push({ type: modelConditions.Pulling, status: 'True', reason: finding.reason, message })
  if (finding.stalled === true)
    updates.push({ type: modelConditions.Stalled, status: 'True', reason: finding.reason, message })
  const { generation } = model.metadata
  let conditions = withConditions(before.conditions ?? [], updates, at, generation)
  if (!pulling) conditions = withoutCondition(conditions, modelConditions.Pulling)
  if (finding.stalled !== true) conditions = withoutCondition(conditions, modelConditions.Stalled)
  const { progress: _, tier: _tier, ...rest } = before
  const tier = tierOf(seen)
  const status: LanguageModelStatus = {
    ...rest,
    ...(held === undefined ? {} : heldStatus(held)),
    ...testStatus(seen),
    ...(tier === undefined ? {} : { tier }),
    ...(pulling && pull?.kind === 'running' ? { progress: `${pull.percent}%` } : {}),
    observedGeneration: generation,
    conditions: [...conditions],
  }
  const isNew = !isDeepStrictEqual(withoutAges(before), withoutAges(status))
  return {
    change: isNew ? changeOf(model, status, finding) : undefined,
    step: finding.step,
    nextMs: seen.inUse || !finding.ready ? soonMs : idleMs,
  }
}

function findingOf(seen: ModelObservation): Finding {
  const { model, server, pull, test, limits } = seen
  const { spec } = model
  if (seen.invalid !== undefined)
    return halted(modelReasons.InvalidSpec, words.invalid(seen.invalid))
  if (seen.duplicateOf !== undefined)
    return halted(modelReasons.Duplicate, words.duplicate(spec.model, seen.duplicateOf))
  // The API server refuses such a name, but may have stored one before it had that rule.
  if (isCloudName(spec.model)) return halted(modelReasons.InvalidSpec, words.cloud(spec.model))
  if (server.kind === 'unreachable')
    return halted(
      modelReasons.ServerUnreachable,
      words.unreachable(server.message, model.metadata.namespace),
    )
  const { held, neededBytes } = server
  if (held === undefined) return absent(model, pull, limits)
  if (held.remoteHost !== undefined)
    return halted(modelReasons.InvalidSpec, words.remote(spec.model, held.remoteHost))
  if (limits.memoryBytes !== undefined && (neededBytes ?? 0) > limits.memoryBytes)
    return halted(
      modelReasons.NotEnoughMemory,
      words.memory(spec, neededBytes ?? 0, limits.memoryBytes),
    )
  const tested =
    (test?.kind === 'done' && counts(model, test.result.tier)) || isTested(model, held.digest)
  if (!tested) {
    if (test?.kind === 'failed')
      return halted(modelReasons.ServerUnreachable, words.untested(spec.model, test.message))
    return {
      ready: false,
      reason: modelReasons.Testing,
      message: words.testing(spec.model),
      ...(test?.kind === 'running' ? {} : { step: 'test' }),
    }
  }
  const found = test?.kind === 'done' ? test.result.summary : model.status?.test?.summary
  return {
    ready: true,
    reason: tierOf(seen) === 'weak' ? modelReasons.TooWeak : modelReasons.Ready,
    message:
      spec.tier === undefined
        ? (found ?? words.ready(spec.model))
        : words.given(spec.model, spec.tier),
  }
}

/**
 * A model can be used as soon as one of its servers holds it; the other servers pull it meanwhile.
 */
function withOthers(seen: ModelObservation, finding: Finding): Finding {
  const { model, server, pull, limits } = seen
  if (server.kind === 'unreachable' || server.lacking === undefined || finding.stalled === true)
    return finding
  const { reason, message, step } = absent(model, pull, limits)
  // Each change of this message wakes every request of the model, so it holds no percentage.
  const problem =
    reason === modelReasons.Pulling ? words.pulling(model.spec.model, undefined) : message
  return {
    ...finding,
    message: `${finding.message}; ${words.lacking(server.lacking, problem)}`,
    ...(finding.step === undefined && step !== undefined ? { step } : {}),
  }
}

/**
 * The finding about a model that the server does not hold: it is pulled, or a person has to copy
 * it.
 */
function absent(
  { metadata, spec }: LanguageModel,
  pull: PullState | undefined,
  limits: ModelLimits,
): Finding {
  if (spec.source === 'preloaded')
    return halted(
      modelReasons.NotHeld,
      words.preloaded(spec.model, metadata.namespace, limits.airGapped),
    )
  if (spec.source === 'pull' && limits.airGapped)
    return halted(modelReasons.AirGapped, words.airGapped(spec.model))
  if (pull?.kind === 'failed')
    return {
      ...halted(modelReasons.PullFailed, pull.message),
      ...(pull.mayTry ? { step: 'pull' } : {}),
    }
  return {
    ready: false,
    reason: modelReasons.Pulling,
    message: words.pulling(spec.model, pull),
    ...(pull?.kind === 'running' ? {} : { step: 'pull' }),
  }
}

function halted(reason: ModelReason, message: string): Finding {
  return { ready: false, reason, message, stalled: true }
}

/** Whether the status tells of a test of these weights with the context that the spec asks for. */
function isTested(model: LanguageModel, digest: string): boolean {
  const { spec, status } = model
  return (
    status?.test?.digest === digest &&
    status.test.contextTokens === spec.contextTokens &&
    counts(model, status.test.tier)
  )
}

/**
 * Whether a test is enough: without a tier from its questions it is, as long as a person gives the
 * tier.
 */
function counts({ spec }: LanguageModel, found: Tier | undefined): boolean {
  return spec.tier !== undefined || found !== undefined
}

/** The tier that a person gave, else the tier that the questions showed; undefined before that. */
function tierOf({ model, test }: ModelObservation): Tier | undefined {
  const found = test?.kind === 'done' ? test.result.tier : undefined
  return model.spec.tier ?? found ?? model.status?.test?.tier
}

function heldStatus(held: { readonly digest: string; readonly sizeBytes: number }) {
  const { digest, sizeBytes } = held
  if (sizeBytes === 0) return { digest }
  return { digest, sizeBytes, size: inGiB(sizeBytes) }
}

function testStatus({ model, server, test, now }: ModelObservation): LanguageModelStatus {
  const { spec } = model
  const capabilities = server.kind === 'reachable' ? server.capabilities : undefined
  const told = capabilities === undefined ? {} : { capabilities: [...capabilities].slice(0, 16) }
  if (test?.kind !== 'done') return told
  const { tier, tokensPerSecond, contextTokens, summary } = test.result
  const before = model.status?.test
  const isSame =
    before?.digest === test.digest &&
    before.contextTokens === spec.contextTokens &&
    before.tier === tier
  return {
    ...told,
    contextTokens: contextTokens ?? spec.contextTokens,
    ...(tokensPerSecond === undefined ? {} : { tokensPerSecond: Math.round(tokensPerSecond) }),
    test: {
      digest: test.digest,
      contextTokens: spec.contextTokens,
      at: isSame ? before.at : new Date(now).toISOString(),
      ...(tier === undefined ? {} : { tier }),
      summary: summary.slice(0, 1000),
    },
  }
}

/** The Event of another reason, or of another quarter of a pull. */
function noticeOf(
  model: LanguageModel,
  status: LanguageModelStatus,
  finding: Finding,
): Notice | undefined {
  const { reason, message } = finding
  const before = conditionOf(model, modelConditions.Ready)?.reason
  if (reason !== before) {
    const quiet = reason === modelReasons.Testing || reason === modelReasons.Pending
    if (quiet) return undefined
    const fine = finding.stalled !== true && reason !== modelReasons.TooWeak
    return { type: fine ? 'Normal' : 'Warning', reason, action: 'Prepare', message }
  }
  const [was, is] = [quarterOf(model.status?.progress), quarterOf(status.progress)]
  return is > was ? { type: 'Normal', reason, action: 'Prepare', message } : undefined
}

function quarterOf(progress: string | undefined): number {
  return Math.floor(Number(progress?.replace('%', '') ?? 0) / 25)
}

/** The status without its outbox and the times of its conditions, on which no decision rests. */
function withoutAges(status: LanguageModelStatus): unknown {
  const { audit: _, ...rest } = status
  return {
    ...rest,
    conditions: status.conditions?.map(({ lastTransitionTime: _at, ...condition }) => condition),
  }
}

/** A status whose Ready has another reason is a transition. */
function changeOf(
  model: LanguageModel,
  status: LanguageModelStatus,
  finding: Finding,
): Change<LanguageModelStatus> {
  const before = conditionOf(model, modelConditions.Ready)
  const notice = noticeOf(model, status, finding)
  return {
    status,
    act:
      finding.reason === before?.reason
        ? undefined
        : { action: finding.reason, message: recordOf(model, status) },
    notices: notice === undefined ? [] : [notice],
  }
}

/**
 * The text of the audit record. It holds names and figures only, since messages may quote a server.
 */
function recordOf({ spec }: LanguageModel, { digest, tier }: LanguageModelStatus): string {
  return [
    `model ${spec.model}`,
    ...(digest === undefined ? [] : [`digest ${digest.replace('sha256:', '').slice(0, 12)}`]),
    ...(tier === undefined ? [] : [`tier ${tier}`]),
  ].join(', ')
}
