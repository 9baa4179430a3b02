// The words for what stalls a request: a reason from a fixed table, and the next thing that a
// person can do.
import { requestReasons } from '../../../core/api/conditions.ts'
import type { DevRequest } from '../../../core/api/devrequest.ts'
import type { Metadata } from '../../../core/api/schema.ts'
import { ForgeError } from '../../forge/client.ts'
import { ModelError } from '../../../core/models/errors.ts'
import type { Memory } from '../../../core/kube/runtime/memory.ts'
import { type Result, requeueAfter } from '../../../core/kube/runtime/controller.ts'
import type { ModelTrouble } from '../languagemodel/models.ts'
import type { Stall } from './observation.ts'

/** Ends a text with one full stop: messages of the forge have theirs, other messages have none. */
const ended = (text: string): string => (text.endsWith('.') ? text : `${text}.`)

/**
 * Words for a forge that cannot make the repository of a request. A wrong source makes the spec
 * invalid: only a person can correct it.
 */
export function sourceStall(
  error: ForgeError,
  { name, namespace }: Pick<Metadata, 'name' | 'namespace'>,
): Stall {
  if (error.code !== 'BadRequest') return forgeStall(error, namespace)
  return {
    reason: requestReasons.InvalidSpec,
    message: error.message.includes('forge.sources.')
      ? `${ended(error.message)} The DevRequest goes on by itself then.`
      : `${ended(error.message)} spec.source of a DevRequest cannot change: kubectl delete devrequest -n ${namespace} ${name}, then make a new one with another source.`,
  }
}

/** Words for a forge that cannot do its part. */
export function forgeStall(error: ForgeError, namespace: string): Stall {
  switch (error.code) {
    case 'SourceUnavailable':
      return {
        reason: requestReasons.SourceUnavailable,
        message: `${ended(error.message)} Check spec.source (make a new DevRequest when it is wrong) and that the forge may reach it; it is tried again by itself.`,
      }
    case 'DiskFull':
      return {
        reason: requestReasons.ForgeFull,
        message: `${ended(error.message)} Make room on the volume of statefulset/guildhall-forge, or enlarge its claim; the work goes on by itself then.`,
      }
    default:
      return {
        reason: requestReasons.ForgeUnavailable,
        message: `${ended(error.message)} Look at: kubectl logs -n ${namespace} statefulset/guildhall-forge; it is tried again by itself.`,
      }
  }
}

/** Words for a model that cannot be asked; undefined when it can. */
export function modelStall(trouble: ModelTrouble | undefined): Stall | undefined {
  if (trouble === undefined) return undefined
  const { isMissing, isForPerson, message } = trouble
  return {
    reason: isMissing ? requestReasons.ModelMissing : requestReasons.ModelUnavailable,
    message,
    waitsFor: isForPerson ? 'Correction' : 'Model',
  }
}

/** Words for a model that no LanguageModel names. */
export function unknownModel(model: string, known: readonly string[]): Stall {
  return {
    reason: requestReasons.ModelMissing,
    message: `spec.model ${model} is not set up; known: ${known.join(', ')}. Make a LanguageModel for it, add it to models in the chart's values, or make a DevRequest with one of these.`,
    waitsFor: 'Correction',
  }
}

/** Words for a task that cannot be made because an AgentTask of somebody else has its name. */
export function taskNameTaken(name: string, namespace: string): Stall {
  return {
    reason: requestReasons.Pending,
    message: `AgentTask ${name} is there already and belongs to somebody else. Delete it: kubectl delete agenttask -n ${namespace} ${name}; the request goes on by itself then.`,
  }
}

/** Words for an error that planning threw. */
export function planningStall(error: unknown, namespace: string): Stall {
  if (error instanceof ForgeError) return forgeStall(error, namespace)
  if (error instanceof ModelError && error.code !== 'ModelMissing')
    return {
      reason: requestReasons.ModelUnavailable,
      message: `planning waits for the model: ${error.message}; it is tried again by itself`,
    }
  const message = error instanceof Error ? error.message : String(error)
  return {
    reason: requestReasons.ModelUnavailable,
    message: `planning failed: ${message}; it is tried again by itself. kubectl logs -n ${namespace} deploy/guildhall-operator has the details.`,
  }
}

/** The stall of each request whose last step did not succeed; forgotten when the step succeeds. */
export type Stalls = Memory<DevRequest, Stall>

/** A stalled step is tried again after this time. */
export const stallPauseMs = 5_000

/** Notes a stall. When its message is new the next reconcile comes at once, to write it. */
export function stalled(stalls: Stalls, request: DevRequest, stall: Stall): Result {
  const isNews = stalls.get(request)?.message !== stall.message
  stalls.set(request, stall)
  return requeueAfter(isNews ? 0 : stallPauseMs, stall.reason)
}
