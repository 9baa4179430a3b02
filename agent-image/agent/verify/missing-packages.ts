// Tests that failed because a package is not installed here, wherever in the code it was asked for: nothing is known of them.
import { type FailedTest, type TestRun, testId } from './test-run.ts'

/** Whether the project says that it depends on a package; Python's by the name of its import. */
export type Declared = (name: string) => boolean

/**
 * A run in which tests that failed for the lack of a package that the project depends on count as not run, and so do the
 * tests around them that failed for nothing else.
 */
export function withoutMissing(run: TestRun, declared: Declared): TestRun {
  const isMissing = ({ missing }: FailedTest): boolean =>
    missing !== undefined && declared(missing.needs)
  const lacking = run.failed.filter(isMissing)
  if (lacking.length === 0) return run
  const rest = run.failed.filter((test) => !isMissing(test))
  const causeOf = (outer: FailedTest): FailedTest | undefined => {
    const within = (inner: FailedTest): boolean => testId(inner).startsWith(`${testId(outer)} > `)
    const others = rest.some((test) => !test.derived && within(test))
    return outer.derived && !others ? lacking.find(within) : undefined
  }
  const unrun = (test: FailedTest, cause: FailedTest): TestRun['unrun'] =>
    cause.missing === undefined ? [] : [{ file: test.file, name: test.name, ...cause.missing }]
  return {
    ...run,
    failed: rest.filter((test) => causeOf(test) === undefined),
    unrun: [
      ...run.unrun,
      ...lacking.flatMap((test) => unrun(test, test)),
      ...rest.flatMap((test) => {
        const cause = causeOf(test)
        return cause === undefined ? [] : unrun(test, cause)
      }),
    ],
  }
}
