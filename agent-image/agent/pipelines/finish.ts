// The last task: everything that was integrated, run once more as a whole. It writes no commit.
import { compareRuns } from '../verify/compare.ts'
import { testId } from '../verify/test-run.ts'
import type { Pipeline } from './pipeline.ts'
import { conclude, examine } from './verify.ts'

/**
 * Done when no test of the integrated branch fails that did not fail at the base already. New tests count: a spec that
 * is not fulfilled ends the request here.
 */
export const finish: Pipeline = async (context) => {
  const { assignment } = context
  const examined = await examine(context)
  const [first, second] = examined.runs
  if (first === undefined || second === undefined) throw new Error('an examination has two runs')
  const later = new Set(second.failed.map(testId))
  const unfulfilled = compareRuns(examined.before, first).newAndFailing.filter((test) =>
    later.has(testId(test)),
  )
  const still = compareRuns(examined.before, first).still.map(
    (test) => `failed at the start and fails still: ${testId(test)}`,
  )
  const done = assignment.done.map((task) => `${task.action}: ${task.title}`)
  return conclude(
    context,
    examined,
    [...examined.broken, ...unfulfilled],
    [...still.slice(0, 5), ...examined.flaky.map((id) => `flaky: ${id}`), ...done.slice(0, 10)],
    'the integrated branch',
  )
}
