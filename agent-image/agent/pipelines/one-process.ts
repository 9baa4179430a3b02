// Python tests that pass alone and fail together. Our runner gives each test file a process of its
// own, while unittest and pytest run all files in one: what a module changes outside itself when it
// is imported, or a test and does not put back, is seen only there.
import { counted } from '../../../core/api/plain-text.ts'
import { languageOf } from '../project/project.ts'
import { fileOf } from '../verify/judge-runs.ts'
import { type FailedTest, type TestRun, testId, wholeFile } from '../verify/test-run.ts'
import { type Reruns, freshTree } from './uncertain-results.ts'

/** Tests that the change breaks where all test files share a process. */
export interface SharedFailure {
  readonly failures: readonly FailedTest[]
  /** What happened and what to do, for the model and for people; ends with a line break. */
  readonly sentence: string
  /** The first run in one process. */
  readonly run: TestRun
}

/**
 * Rounds of further runs, of the change and of the base: a test that fails by chance every second
 * time is blamed on the change less than once in sixteen times.
 */
const moreRounds = 1

/**
 * Runs the Python test files of which tests passed at the base and pass now once more, all in one
 * process and in the order of unittest. A test is broken when it fails there each time, and never
 * at the base in one process. One run when nothing fails; undefined then, and where the runs say
 * nothing.
 */
export async function brokenInOneProcess({
  before,
  runs,
  specs,
  changed,
  again,
}: {
  /** The run of the base, each file alone. */
  readonly before: TestRun
  /** The runs of the change, each file alone. */
  readonly runs: readonly TestRun[]
  /** Test files that a model wrote for the change: they run with the others, and do not count. */
  readonly specs: readonly string[]
  /** All files that are changed. */
  readonly changed: readonly string[]
  readonly again: Reruns
}): Promise<SharedFailure | undefined> {
  const isPython = (path: string): boolean => languageOf(path) === 'python'
  if (!changed.some(isPython)) return undefined
  const passes = (id: string): boolean => runs.every((run) => run.passed.includes(id))
  const ids = before.passed.filter((id) => {
    return isPython(fileOf(id)) && !specs.includes(fileOf(id)) && passes(id)
  })
  const own = inOrder(ids.map(fileOf))
  const passing = new Set(runs.at(-1)?.passed.filter(passes).map(fileOf))
  const added = [...passing].filter((path) => isPython(path) && !own.includes(path))
  const files = inOrder([...own, ...added])
  // A file that is the only one has its process for itself anyway.
  if (own.length === 0 || files.length < 2) return undefined
  const together = { ...freshTree, together: { loaded: [] } }
  const first = await again.now(files, together)
  let lost = ids.filter((id) => isLost(first, id))
  for (let round = 0; round <= moreRounds && lost.length > 0; round++) {
    const base = await again.base(own, together)
    lost = lost.filter((id) => base.passed.includes(id))
    if (round === moreRounds || lost.length === 0) break
    const now = await again.now(files, together)
    lost = lost.filter((id) => isLost(now, id))
  }
  if (lost.length === 0) return undefined
  const code = changed.filter((path) => isPython(path) && !files.includes(path))
  const cause = await causeOf(lost, { files, added, code, again })
  const failures = lost.map((id) => failureIn(first, id, cause.words))
  const others = failures.slice(1)
  const which = others.length === 0 ? '' : `, and ${counted(others.length, 'other test')} with it`
  return {
    failures: [...new Map(failures.map((test) => [testId(test), test])).values()],
    sentence: `${lost[0]} passes alone, and fails when ${cause.words}, as with python3 -m unittest or pytest${which}. ${cause.advice}\n`,
    run: first,
  }
}

interface Cause {
  /** The end of a sentence that begins with "it fails when". */
  readonly words: string
  readonly advice: string
}

/** Whether the import of the changed code is enough to make tests fail. */
async function causeOf(
  lost: readonly string[],
  {
    files,
    added,
    code,
    again,
  }: {
    readonly files: readonly string[]
    readonly added: readonly string[]
    readonly code: readonly string[]
    readonly again: Reruns
  },
): Promise<Cause> {
  if (code.length > 0) {
    const place = files.findIndex((path) => added.includes(path))
    const others = files.filter((path) => !added.includes(path))
    const order = others.toSpliced(place === -1 ? 0 : place, 0, ...code)
    const run = await again.now(order, { ...freshTree, together: { loaded: code } })
    if (lost.some((id) => isLost(run, id)))
      return {
        words: `${code.join(', ')} ${code.length === 1 ? 'has' : 'have'} been imported in the same process`,
        advice:
          'What is imported must leave everything outside itself as it was: the attributes of other modules and classes, and the settings of the process.',
      }
  }
  if (added.length === 0)
    return {
      words: 'all test files run in the same process',
      advice: 'What the changed code does outside itself has to be left, or to be put back.',
    }
  return {
    words: `the tests of ${added.join(', ')} are in the same process`,
    advice:
      'What these tests, or the code that they call, change outside themselves has to be put back.',
  }
}

/**
 * Whether a test did not pass in a run in which its file was run. Nothing is known of the others,
 * and of runs with problems.
 */
function isLost(run: TestRun, id: string): boolean {
  if (run.problems.length > 0 || run.passed.includes(id)) return false
  const file = fileOf(id)
  return (
    run.collected.some((other) => fileOf(other) === file) ||
    run.failed.some((test) => test.file === file)
  )
}

function failureIn(run: TestRun, id: string, words: string): FailedTest {
  const file = fileOf(id)
  const name = id.slice(file.length + 3)
  const found =
    run.failed.find((test) => testId(test) === id) ??
    run.failed.find((test) => test.file === file && test.name === wholeFile)
  const why = run.skipped.includes(id) ? 'it is skipped then' : 'it is not reported then'
  const { message, ...rest } = found ?? { file, name, message: why, derived: false }
  return { ...rest, message: `it passes alone, and fails when ${words}\n${message}` }
}

/** The order in which unittest finds files: the names of each folder, sorted. */
function inOrder(files: Iterable<string>): readonly string[] {
  const key = (path: string): string => path.replaceAll('/', '\0')
  return [...new Set(files)].toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
}
