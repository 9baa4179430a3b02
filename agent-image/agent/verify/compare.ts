import { type FailedTest, type TestRun, testId, wholeFile } from './test-run.ts'

/** What changed between two runs of the tests. */
export interface Comparison {
  /** Failed before, pass now. */
  readonly fixed: readonly string[]
  /** Passed before, and now fail or are no longer reported. */
  readonly newlyFailing: readonly FailedTest[]
  /** Failed before and fail now. */
  readonly still: readonly FailedTest[]
  /** Fail now, and were not there before. */
  readonly newAndFailing: readonly FailedTest[]
}

/** Compares a run with the one before the change. A test that vanished counts as newly failing. */
export function compareRuns(before: TestRun, after: TestRun): Comparison {
  const passedBefore = new Set(before.passed)
  const failedBefore = new Set(before.failed.map(testId))
  const filesBefore = new Set([...before.failed, ...before.collected.map(fileOf)].map(fileName))
  const passedAfter = new Set(after.passed)
  const collectedAfter = new Set(after.collected)
  const newlyFailing: FailedTest[] = []
  const still: FailedTest[] = []
  const newAndFailing: FailedTest[] = []
  const brokenFiles = new Set<string>()
  for (const test of after.failed) {
    if (passedBefore.has(testId(test))) newlyFailing.push(test)
    else if (failedBefore.has(testId(test))) still.push(test)
    else if (test.name === wholeFile && filesBefore.has(test.file)) {
      brokenFiles.add(test.file)
      newlyFailing.push(test)
    } else newAndFailing.push(test)
  }
  for (const id of before.passed) {
    if (collectedAfter.has(id)) continue
    const file = fileOf(id)
    // One entry for the file says it already.
    if (brokenFiles.has(file)) continue
    const name = id.slice(file.length + 3)
    newlyFailing.push({ file, name, message: 'it is no longer reported', derived: false })
  }
  return {
    fixed: [...failedBefore].filter((id) => passedAfter.has(id)),
    newlyFailing,
    still,
    newAndFailing,
  }
}

function fileOf(id: string): string {
  return id.slice(0, id.indexOf(' > '))
}

function fileName(entry: string | FailedTest): string {
  return typeof entry === 'string' ? entry : entry.file
}
