// The last task: everything that was integrated, run once more as a whole. It writes no commit.
import type { Outcome } from '../outcome.ts'
import { flakyNote } from './doubts.ts'
import { evidenceFor, examine, refuted, unbroken } from './examination.ts'
import { countsOf, type Pipeline } from './pipeline.ts'
import { sentencesOf } from './unjudged.ts'

/**
 * Done when what was asked for is proven by tests as a whole: every test file that is new on the branch decides. Unchecked
 * when a unit could not be checked by anything, or when code was written and no test says anything about it.
 */
export const finish: Pipeline = async (context): Promise<Outcome> => {
  const { assignment } = context
  const written = assignment.specs.map(({ path }) => path)
  const examined = await examine(context, (project, base) => [
    ...new Set([...written, ...project.testFiles.filter((path) => !base.files.includes(path))]),
  ])
  const { judgement, runs, unjudged } = examined
  const notRun = sentencesOf(unjudged)
  const notes = [
    ...judgement.still
      .slice(0, 5)
      .map(({ id }) => `did not pass at the start and does not pass now: ${id}`),
    ...judgement.flaky.map(({ id }) => flakyNote(id)),
    ...notRun.slice(0, 5),
    ...assignment.done.slice(0, 10).map((task) => `${task.action}: ${task.title}`),
  ]
  const bad = await refuted(context, examined)
  if (bad !== undefined) return { ...bad, notes }
  const evidence = await evidenceFor(context, runs, [])
  const counts = `Run twice: ${countsOf(runs.at(-1) ?? { passed: [], failed: [] })}; ${unbroken(examined)}.`
  const close = notRun.map((sentence) => ` ${sentence}.`).join('')
  const outcome = (verdict: Outcome['verdict'], words: string): Outcome => ({
    verdict,
    summary: `${counts}${words}${close}`,
    evidence,
    notes,
  })
  const { unchecked } = assignment
  if (unchecked.length > 0)
    return outcome(
      'Unchecked',
      ` Nothing could check ${unchecked.map(({ unit }) => unit).join(', ')}: look at it before you use it.`,
    )
  if (judgement.verdict === 'proven') {
    const count = judgement.proof.length
    return outcome('Done', ` ${count} of these tests did not pass at the start.`)
  }
  const wroteCode = assignment.done.some(({ action }) => action === 'code' || action === 'fix')
  return wroteCode
    ? outcome('Unchecked', ' No test says that the new code does what is asked.')
    : outcome('NothingChanged', ' No code was written.')
}
