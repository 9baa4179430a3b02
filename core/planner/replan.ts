import type { Plan } from '../api/devrequest.ts'
import { plainLine } from '../api/plain-text.ts'
import {
  askerOf,
  type MadePlan,
  type PlanInput,
  type PlanOptions,
  type TranscriptEntry,
} from './plan.ts'
import { revisePlan } from './revise.ts'
import { splitUnit, type FailedUnit } from './split.ts'

/** What a request's plan is revised from. */
export interface ReplanInput extends PlanInput {
  readonly plan: Plan
  readonly failed: FailedUnit
  /** Names of the tasks that succeeded. */
  readonly succeeded: ReadonlySet<string>
}

/**
 * Plans the failed part of a request anew. The new revision says in a warning what was done, or that the unit cannot be
 * split; then its tasks are those of the old one, and the request fails as it would have.
 * Throws as `makePlan` does.
 */
export async function replan(input: ReplanInput, options: PlanOptions): Promise<MadePlan> {
  const { plan, failed, spec, profile, facts, succeeded } = input
  const transcript: TranscriptEntry[] = []
  const { tier } = profile
  const asker = askerOf(input, options)
  const parts = await splitUnit(failed, { asker, tier, facts, request: spec.request, transcript })
  const next =
    parts === undefined
      ? { ...plan, revision: plan.revision + 1 }
      : revisePlan({
          plan,
          request: input.request,
          text: spec.request,
          failed: failed.name,
          parts,
          succeeded,
          limits: spec.limits,
        })
  const said =
    parts === undefined
      ? `Unit ${failed.name} failed and cannot be split.`
      : `Unit ${failed.name} failed and was planned anew in ${parts.length} parts.`
  return {
    plan: {
      ...next,
      warnings: [...next.warnings, plainLine(said, 500)].slice(-20),
      attempts: Math.min(10, plan.attempts + transcript.length),
    },
    transcript,
  }
}
