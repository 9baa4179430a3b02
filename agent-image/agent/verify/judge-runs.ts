// Runs of the tests, put side by side: what each test was at the base and is now, and who decides.
import { judge, type JudgedTest, type Judgement, type TestState } from './judgement.ts'
import { type FailedTest, testId, testName, type TestRun, wholeFile } from './test-run.ts'

/** The tests that decide about work. */
export interface Deciders {
  /**
   * Spec files, with the names of the tests that each declares: a test that is declared and not
   * reported did not run.
   */
  readonly specs: ReadonlyMap<string, readonly string[]>
  /** Test files that were there before and that have to do with the files that are changed. */
  readonly related: ReadonlySet<string>
  /** Those of `specs` that a person wrote: what they report counts as it is. */
  readonly named?: ReadonlySet<string>
  /**
   * Ids of spec tests, and of suites, that a condition of the machine may skip: skipped in every
   * run they decide nothing.
   */
  readonly skippable?: ReadonlySet<string>
  /**
   * Ids of spec tests that fail by hand where no error is thrown: right code passes them without an
   * assertion.
   */
  readonly awaiting?: ReadonlySet<string>
  /**
   * Packages that the project says it depends on: a spec that cannot be run for the lack of one is
   * unjudged, not failed.
   */
  readonly declared?: IsDeclared
}

/** Judges runs of a tree against runs of the base. */
export function judgeRuns(
  bases: readonly TestRun[],
  runs: readonly TestRun[],
  deciders: Deciders,
): Judgement {
  const { specs, related, named, skippable, declared = () => false } = deciders
  const before = bases.map((run) => statesOf(withoutMissing(run, declared)))
  const after = runs.map((run) => statesOf(withSpecRules(run, deciders)))
  const ids = new Set([
    // The entry of a file that could not be loaded at the base says something about its tests, and
    // is not a test itself.
    ...before.flatMap(({ states }) => [...states.keys()].filter((id) => nameOf(id) !== wholeFile)),
    ...after.flatMap(({ states }) => [...states.keys()]),
  ])
  for (const [file, names] of specs)
    for (const name of names)
      if (!isReported(file, name, ids)) ids.add(testId({ file, name: testName([name]) }))
  const tests = [...ids].map((id): JudgedTest => {
    const file = fileOf(id)
    const base = before.map((seen) => stateIn(seen, id))
    const now = after.map((seen) => stateIn(seen, id))
    // A test that a person wrote, or that a condition of the machine skips, is skipped for a
    // reason; it decides nothing.
    const mayBeSkipped = named?.has(file) === true || skippable?.has(id) === true
    const isLeftOut = mayBeSkipped && now.every((state) => state === 'skipped')
    const isSpec = specs.has(file) && !(isLeftOut && !base.includes('passed'))
    return { id, base, now, kind: isSpec ? 'spec' : related.has(file) ? 'own' : 'other' }
  })
  return judge(tests)
}

/**
 * A run in which the tests of specs that passed without an assertion, or in spite of one that
 * failed, count as failed, and in which declared tests that were not run do, too, unless they or
 * their file lack a package that the project depends on. Tests of people are left as they are, also
 * those that a person `named` as specs; the specs of a model are not trusted.
 */
export function withSpecRules(
  given: TestRun,
  {
    specs,
    named = new Set(),
    awaiting = new Set(),
    declared = () => false,
  }: Omit<Deciders, 'related'>,
): TestRun {
  const run = withoutMissing(given, declared)
  const worthless = new Map<string, string>()
  for (const id of run.passed) {
    if (!specs.has(fileOf(id)) || named.has(fileOf(id))) continue
    const swallowed = run.swallowed.get(id)
    if (swallowed !== undefined)
      worthless.set(id, `An assertion failed and the test went on: ${swallowed}`)
    else if (!asserts(run, id) && !awaiting.has(id))
      worthless.set(id, 'It passed without a single assertion: nothing was checked.')
  }
  const isMissing = (needs: string | undefined): boolean => needs !== undefined && declared(needs)
  const failed = [...specs].flatMap(([file, names]) => {
    if (run.failed.some((test) => test.file === file && test.name === wholeFile)) return []
    const unrun = run.unrun.find((entry) => entry.file === file)
    if (unrun?.name === undefined && isMissing(unrun?.needs)) return []
    return names
      .filter((name) => !isReported(file, name, run.collected))
      .map((name) =>
        failure(file, testName([name]), `It was not run${unrun ? `: ${unrun.why}` : ''}.`),
      )
  })
  for (const { file, name, why, needs } of run.unrun)
    if (specs.has(file) && !named.has(file) && name !== undefined && !isMissing(needs))
      failed.push(failure(file, name, `It was not run: ${why}.`))
  if (worthless.size === 0 && failed.length === 0) return run
  return {
    ...run,
    passed: run.passed.filter((id) => !worthless.has(id)),
    failed: [
      ...run.failed,
      ...[...worthless].map(([id, message]) => failure(fileOf(id), nameOf(id), message)),
      ...failed,
    ],
  }
}

function failure(file: string, name: string, message: string): FailedTest {
  return { file, name, message, derived: false }
}

/** Whether a run reported a declared test, which may stand in a suite. */
function isReported(file: string, name: string, ids: Iterable<string>): boolean {
  const last = testName([name])
  const own = testId({ file, name: last })
  for (const id of ids)
    if (id === own || (id.startsWith(`${file} > `) && id.endsWith(` > ${last}`))) return true
  return false
}

/** Whether a test asserted something, itself or in one of its subtests that passed. */
export function asserts(run: TestRun, id: string): boolean {
  if ((run.asserted.get(id) ?? 0) > 0) return true
  return run.passed.some(
    (other) => other.startsWith(`${id} > `) && (run.asserted.get(other) ?? 0) > 0,
  )
}

interface RunStates {
  readonly states: ReadonlyMap<string, TestState>
  /** Files that could not be run to their end. */
  readonly broken: ReadonlySet<string>
  /** Files that could not be run here at all. */
  readonly unjudged: ReadonlySet<string>
}

function statesOf(run: TestRun): RunStates {
  const states = new Map<string, TestState>()
  for (const { file, name } of run.unrun)
    if (name !== undefined) states.set(testId({ file, name }), 'unjudged')
  const broken = new Set(
    run.failed.filter(({ name }) => name === wholeFile).map(({ file }) => file),
  )
  for (const id of run.skipped) states.set(id, 'skipped')
  // Passes that a file reported before it broke off were not confirmed by its end.
  for (const id of run.passed) states.set(id, broken.has(fileOf(id)) ? 'failed' : 'passed')
  for (const test of run.failed) states.set(testId(test), 'failed')
  return {
    states,
    broken,
    unjudged: new Set(run.unrun.filter(({ name }) => name === undefined).map(({ file }) => file)),
  }
}

/**
 * The state of a test in a run, which may not have reported it because its file could not be run.
 */
function stateIn({ states, broken, unjudged }: RunStates, id: string): TestState {
  const state = states.get(id)
  if (state !== undefined) return state
  const file = fileOf(id)
  if (unjudged.has(file)) return 'unjudged'
  return broken.has(file) ? 'failed' : 'absent'
}

export function fileOf(id: string): string {
  return id.slice(0, id.indexOf(' > '))
}

function nameOf(id: string): string {
  return id.slice(id.indexOf(' > ') + 3)
}

/**
 * Whether the project says that it depends on a package; a package of Python is given by the name
 * of its import.
 */
type IsDeclared = (name: string) => boolean

/**
 * A run in which tests that failed for the lack of a package that the project depends on count as
 * not run, and so do the tests around them that failed for nothing else.
 */
export function withoutMissing(run: TestRun, declared: IsDeclared): TestRun {
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
