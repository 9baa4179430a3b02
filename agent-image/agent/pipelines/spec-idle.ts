// Runs of a spec before any work: tests that pass because they test nothing or because the code is there already, and files
// that cannot be loaded yet.
import type { Assignment } from '../../../core/api/agent-protocol.ts'
import type { Outcome } from '../outcome.ts'
import { evidenceOf } from '../verify/digest.ts'
import { type Behaviour, nonsense } from '../verify/spec-stubs.ts'
import { type TestRun, testId } from '../verify/test-run.ts'
import { namesOf } from './spec-runs.ts'

/** What is wrong with tests that all pass with code that only stands in for what is asked. */
export const allIdle = (behaviour: Behaviour): string =>
  behaviour === 'nonsense'
    ? `All tests pass with code that gives back '${nonsense}' for everything, so they test nothing. Assert on the exact values that are asked for: that a result equals true, not that it is true-like.`
    : 'All tests pass before the code exists, so they test nothing. Assert on results that need the code.'

/** What is wrong with tests that all pass on the tree as it is. */
export const allHold =
  'All tests pass with the code as it is, without a change. Write tests of what the request asks for and the code does not do yet.'

/**
 * Whether to stop for tests that pass without a change (`holds`). The model gets one chance to ask for what is missing; what
 * it writes after that, or in a later attempt, would be a guess like the one before.
 */
export function mayBeDone(
  { attempt }: Pick<Assignment, 'attempt'>,
  tried: readonly { readonly holds?: true }[],
): boolean {
  if (tried.at(-1)?.holds !== true) return false
  return attempt > 1 || tried.filter(({ holds }) => holds === true).length > 1
}

/** No success: that a model wrote tests which pass says little about what was asked. */
export function passesAlready(files: readonly string[], run: TestRun | undefined): Outcome {
  const message = `Every test that the model wrote passes without a change: ${files.join(', ')} may do this already. If not, say in the request what is missing, with an example that comes out wrong today.`
  return {
    verdict: 'ChecksFailed',
    summary: message,
    evidence: run === undefined ? [] : [evidenceOf(run, '')],
    failure: { reason: 'ChecksFailed', message },
  }
}

/**
 * Tests that say nothing: that pass without an assertion, or that pass in both runs although nothing of the code exists yet.
 */
export function worthlessTests(
  judged: readonly TestRun[],
  runs: readonly TestRun[],
  isNew: boolean,
): string | undefined {
  const [first, second] = runs
  const passed = (first?.passed ?? []).filter((id) => second?.passed.includes(id))
  for (const id of passed) {
    const told = judged.flatMap((run) => run.failed).find((test) => testId(test) === id)
    if (told !== undefined) return `The test ${told.name} is of no use. ${told.message}`
  }
  // What extends code that is there may well say what has to stay as it is.
  return isNew && passed.length > 0
    ? `These tests pass although the code does not exist yet, so they test nothing: ${namesOf(passed)}. Assert on results that need the code.`
    : undefined
}
