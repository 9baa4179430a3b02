// What a DevRequest can wait for. Programs read the reason; `status.waitingFor` says the same in
// words.
import type { RequestReason } from './conditions.ts'

/** Every reason to wait, with what ends the wait. */
export const waitingReasons = {
  Resume: 'a person sets spec.suspend to false',
  Correction:
    'a person makes, changes or deletes an object; the conditions Accepted and Stalled say which one',
  Model: 'the model can be asked',
  Forge: 'the forge answers and has room',
  Source: 'the forge can fetch the repository of spec.source',
  Agent: 'an agent takes the next task',
  Retry: 'the pause before the next attempt of a task is over',
} as const
export type WaitingReason = keyof typeof waitingReasons

/** True when nobody but a person can end the wait. */
export function isForPerson(reason: WaitingReason): boolean {
  return reason === 'Resume' || reason === 'Correction'
}

const ofStalls: Partial<Record<string, WaitingReason>> = {
  ModelUnavailable: 'Model',
  ModelMissing: 'Model',
  ForgeUnavailable: 'Forge',
  ForgeFull: 'Forge',
  SourceUnavailable: 'Source',
} satisfies Partial<Record<RequestReason, WaitingReason>>

/**
 * What an object waits for whose condition `Stalled` has this reason: a person, unless the stall is
 * known to end by itself.
 * Caveat: `ModelMissing` ends by itself for a model that is being pulled, and not for one that
 * nobody has made; the operator knows which it is, and writes it to `status.waitingReason`.
 */
export function waitingReasonOfStall(reason: string): WaitingReason {
  return ofStalls[reason] ?? 'Correction'
}
