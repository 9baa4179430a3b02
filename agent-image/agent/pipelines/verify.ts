// Verification of one unit: its spec decides, and nothing that passed before may be anything else now.
import type { Outcome } from '../outcome.ts'
import { findSpec } from '../project.ts'
import { flakyNote } from './doubts.ts'
import { evidenceFor, examine, refuted, unbroken } from './examination.ts'
import { countsOf, type Pipeline } from './pipeline.ts'
import { sentencesOf } from './unjudged.ts'

/**
 * Done when a test that did not pass at the request's base passes in both runs, every spec test of the unit passed in both,
 * and nothing that passed at the base is anything but passed. Unchecked when nothing broke and nothing is proven.
 */
export const verify: Pipeline = async (context): Promise<Outcome> => {
  const { assignment } = context
  const spec = findSpec(assignment)
  const examined = await examine(context, () => (spec === undefined ? [] : [spec]))
  const { judgement, runs, unjudged } = examined
  const notes = [
    ...judgement.flaky.map(({ id }) => flakyNote(id)),
    ...(spec === undefined ? ['the unit has no spec tests; only the other tests were run'] : []),
    ...sentencesOf(unjudged).slice(0, 5),
  ]
  const bad = await refuted(context, examined)
  if (bad !== undefined) return { ...bad, notes }
  const evidence = await evidenceFor(context, runs, [])
  const counts = `Run twice: ${countsOf(runs.at(-1) ?? { passed: [], failed: [] })}`
  if (judgement.verdict === 'proven')
    return {
      verdict: 'Done',
      summary: `${counts}; ${judgement.proof.length} of them did not pass at the start; ${unbroken(examined)}.`,
      evidence,
      notes,
    }
  const why = assignment.unchecked.find(({ unit }) => unit === assignment.unit)?.why
  return {
    verdict: 'Unchecked',
    summary: `${counts}; ${unbroken(examined)}. No test says that ${assignment.unit ?? 'the work'} does what is asked.${why === undefined ? '' : ` ${why}`}`,
    evidence,
    notes,
  }
}
