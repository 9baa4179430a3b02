// The names of a spec's tests, and the test that the coder is not shown.
import type { CodeFacts, TestFact } from '../code/facts.ts'
import { factsOf } from '../code/read-code.ts'
import { languageOf } from '../project/project.ts'
import { testId, testName, type TestRun } from './test-run.ts'

/**
 * Names of the tests that a file declares, in order, as their language reads them. Names that are
 * only known at run time are left out. `facts` are those of the text; a Python file needs them.
 */
export function declaredTests(
  path: string,
  text: string,
  facts: CodeFacts = factsOf(path, text),
): readonly string[] {
  return facts.tests.flatMap((test) => (test.name === undefined ? [] : [test.name]))
}

/**
 * The name by which a run reports a test: with its suites; undefined when it is only known at run
 * time.
 */
export function reportedName(
  test: Pick<TestFact, 'name' | 'suites' | 'repeated'>,
): string | undefined {
  const names: string[] = []
  for (const name of [...test.suites, test.name]) {
    if (test.repeated || name === undefined) return undefined
    names.push(name)
  }
  return testName(names)
}

/**
 * Rules for the judgement of a spec's tests, taken from its text, by the names that a run reports.
 */
interface SpecRules {
  /**
   * Names that a run has to report: those of tests that no condition around them may keep from
   * being declared.
   */
  readonly declared: readonly string[]
  /**
   * Ids of tests and suites that a condition of the machine may skip; when skipped they say
   * nothing.
   */
  readonly skippable: ReadonlySet<string>
  /**
   * Ids of tests that fail by hand where no error is thrown, so that they may pass without an
   * assertion.
   */
  readonly awaiting: ReadonlySet<string>
}

/** The rules for the tests of the file at `path`. */
export function specRules(path: string, facts: CodeFacts): SpecRules {
  const ids = (tests: readonly TestFact[]): readonly string[] =>
    tests.flatMap((test) => {
      const name = reportedName(test)
      return name === undefined ? [] : [testId({ file: path, name })]
    })
  const within = facts.tests.filter(({ skippable }) => skippable === 'suite')
  const suites = within.flatMap((test) => suiteIds(path, test))
  return {
    declared: facts.tests.flatMap(({ name, skippable }) =>
      name === undefined || skippable === 'suite' ? [] : [name],
    ),
    skippable: new Set([
      ...ids(facts.tests.filter(({ skippable }) => skippable !== undefined)),
      ...suites,
    ]),
    awaiting: new Set(ids(facts.tests.filter(({ awaitsError }) => awaitsError === true))),
  }
}

/**
 * Ids of the suites around a test, the outermost first; without those whose name is only known at
 * run time.
 */
export function suiteIds(path: string, { suites }: Pick<TestFact, 'suites'>): readonly string[] {
  const ids: string[] = []
  const names: string[] = []
  for (const name of suites) {
    if (name === undefined) break
    names.push(name)
    ids.push(testId({ file: path, name: testName(names) }))
  }
  return ids
}

/** Declared tests of a file that a run did not report. */
export function unreportedTests(
  path: string,
  text: string,
  run: Pick<TestRun, 'collected'>,
  facts: CodeFacts = factsOf(path, text),
): readonly string[] {
  const own = run.collected.filter((id) => id.startsWith(`${path} > `))
  const exact = new Set(own)
  return facts.tests.flatMap((test) => {
    const { name } = test
    if (name === undefined) return []
    const whole = reportedName(test)
    // A Python method also counts when a class that inherits it ran it.
    const isExact = whole !== undefined && facts.language === 'node'
    const last = testName([name])
    const found =
      exact.has(testId({ file: path, name: whole ?? last })) ||
      (!isExact && own.some((id) => id.endsWith(` > ${last}`) || id.includes(` > ${last} #`)))
    return found ? [] : [name]
  })
}

export interface HeldBack {
  /** The file as the coder sees it. */
  readonly visible: string
  /** Names, as runs report them, of the tests it does not see. */
  readonly hidden: ReadonlySet<string>
}

/** With fewer tests than this, each is needed to show what is wanted. */
const fewest = 4

/**
 * Holds back the last test that can be cut out of a file with four or more. Guarantees: what is
 * left is a valid file that declares all the other tests, and the name of the hidden one stands
 * nowhere in it. Where that cannot be had, the coder sees the whole file.
 */
export function holdBack(
  path: string,
  text: string,
  facts: CodeFacts = factsOf(path, text),
): HeldBack {
  const all: HeldBack = { visible: text, hidden: new Set() }
  const names = facts.tests.map((test) => reportedName(test))
  if (facts.tests.length < fewest || new Set(names).size !== names.length) return all
  for (const test of facts.tests.toReversed()) {
    const hidden = reportedName(test)
    const nests = facts.tests.some(
      (other) => other !== test && other.start >= test.start && other.end <= test.end,
    )
    if (hidden === undefined || test.name === undefined || !test.removable || nests) continue
    const visible = without(text, test)
    if (tellsOf(visible, test.name) || !declaresTheOthers(path, visible, facts, test)) continue
    return { visible, hidden: new Set([hidden]) }
  }
  return all
}

/** The text without a test and the blank lines that it leaves. */
function without(text: string, test: TestFact): string {
  const before = text.slice(0, test.start)
  const after = text.slice(test.end)
  const line = before.slice(before.lastIndexOf('\n') + 1)
  const head = line.trim() === '' ? before.slice(0, before.length - line.length) : before
  const tail = after.replace(/^[ \t;]*\r?\n/, '')
  const gap = head.endsWith('\n\n') ? tail.replace(/^(?:[ \t]*\r?\n)+/, '') : tail
  return `${head}${gap}`.trimEnd().concat('\n')
}

/**
 * Whether a text holds a test's name. A name of few letters stands everywhere, so only its literals
 * count.
 */
function tellsOf(text: string, name: string): boolean {
  if (name.length < 6)
    return ["'", '"', '`'].some((quote) => text.includes(`${quote}${name}${quote}`))
  for (let at = text.indexOf(name); at !== -1; at = text.indexOf(name, at + 1)) {
    const isWord = /\w/.test(text.charAt(at - 1)) || /\w/.test(text.charAt(at + name.length))
    if (!isWord) return true
  }
  return false
}

/**
 * The text is read again, so that a cut in an odd place cannot hide more than one test. Python was
 * read in the sandbox.
 */
function declaresTheOthers(
  path: string,
  visible: string,
  facts: CodeFacts,
  test: TestFact,
): boolean {
  if (languageOf(path) === 'python') return true
  const left = factsOf(path, visible)
  const want = facts.tests.filter((other) => other !== test).map((other) => reportedName(other))
  const have = left.tests.map((other) => reportedName(other))
  return left.parsed.kind === 'fine' && JSON.stringify(have) === JSON.stringify(want)
}
