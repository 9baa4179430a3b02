// Faults of a generated spec, seen from its code before it runs. Each refusal is a sentence for the
// model.
import type { CodeFacts, Concern, ConcernKind } from '../code/facts.ts'
import type { ModuleKind } from '../code/modules.ts'
import { factsOf } from '../code/read-code.ts'

/** People do not read more tests than this, and one request does not ask for more. */
const mostTests = 40

type Sentences = Readonly<Record<ConcernKind, string>>

const common = {
  random: 'Do not use random values.',
  clock: 'Do not use the clock.',
  network: 'Do not use the network; only localhost can be reached.',
  process: 'Do not start or end processes.',
  worker: 'Start a worker only with a file of the project, not with a program in a text.',
  skip: 'Do not skip tests or mark them as todo or only. A condition may ask about the machine, and nothing else.',
  trivial:
    'An assertion compares something with itself or is always true, and its test has no other.',
  swallowed:
    'A catch hides the failure of an assertion. Use assert.throws or assert.rejects instead.',
  replaced:
    'A test calls a replacement of what it is to test, so it holds whatever the code does. Call the real one; replace only what that uses.',
  builtins: 'Do not change the runtime or the test framework.',
  // Tests may read other tests and the files next to them.
  'reads-tests': '',
} as const

const nodeSentences: Sentences = {
  ...common,
  framework: 'Use node:assert/strict only, no expect() and no other framework than node:test.',
  require: 'Use import, not require.',
  files: 'Do not write or remove files outside of a folder made with mkdtemp in os.tmpdir().',
  floating:
    'An assertion is in a promise that is neither awaited nor returned, so it comes too late. Await it.',
  late: 'An assertion is in a timer or event callback that the test does not wait for. Await a promise that resolves in it.',
  'never-run': 'Something that looks like a test is not run.',
  'bare-raises': 'assert.throws needs the function that is to throw.',
  unasserted:
    'A value is compared and not asserted, so nothing comes of it. Write assert.equal(actual, expected).',
  'only-fails': `A test fails by assert.fail or an error of its own only, so right code never meets an assertion. ${howToAssert(false)}`,
}

const pythonSentences: Sentences = {
  ...common,
  framework: 'Use unittest only, no pytest.',
  require: 'Use import.',
  files: 'Do not write or remove files outside of a folder made with tempfile.',
  swallowed: 'An except hides the failure of an assertion. Use assertRaises instead.',
  floating:
    'A coroutine with assertions is not awaited. Await it in a test of unittest.IsolatedAsyncioTestCase.',
  late: 'An assertion runs in a thread or callback whose failure the test does not see. Assert in the test itself.',
  'never-run':
    'A test is never run, or not to its end: tests are methods of a class of unittest.TestCase (async ones of unittest.IsolatedAsyncioTestCase), take no other parameters and do not yield.',
  'bare-raises': 'assertRaises needs a `with` block, or the function that is to raise.',
  unasserted:
    'A value is compared and not asserted, so nothing comes of it. Write self.assertEqual(actual, expected).',
  'only-fails': `A test fails by self.fail or an AssertionError of its own only, so right code never meets an assertion. ${howToAssert(true)}`,
}

/**
 * The problems of a spec; empty when there are none. `facts` are those of the text; a Python file
 * needs them, and is refused without. `kind` is the kind of module as which Node loads the file;
 * `require` is allowed in CommonJS. `isUnit` says whether an import leads to the code under test,
 * which a spec must not replace; without it every module of the project counts.
 */
export function specProblems(
  path: string,
  text: string,
  facts: CodeFacts = factsOf(path, text),
  kind: ModuleKind = 'module',
  isUnit: (module: string) => boolean = () => true,
): readonly string[] {
  const { parsed, tests } = facts
  const python = facts.language === 'python'
  if (parsed.kind === 'wrong') return [`Syntax error in line ${parsed.line}: ${parsed.message}`]
  if (parsed.kind === 'unread') return [`${path} cannot be judged: ${parsed.why}.`]
  const problems: string[] = []
  if (tests.length === 0)
    problems.push(
      python
        ? 'There is no test method (def test_…) in a unittest.TestCase.'
        : "There is no test written as test('name', () => { … }).",
    )
  if (tests.length > mostTests)
    problems.push(
      `There are ${tests.length} tests; write at most 6, one for each thing that is asked.`,
    )
  const twice = repeatedNames(facts)
  if (twice !== undefined) problems.push(`Two tests have the same name: ${twice}.`)
  const idle = tests.filter((test) => test.assertions === 0 && !test.skip && !test.todo)
  if (idle.length > 0)
    problems.push(
      `Every test needs at least one assertion; there is none in: ${idle
        .slice(0, 3)
        .map((test) => test.name ?? `the test in line ${test.line}`)
        .join(', ')}. ${howToAssert(python)}`,
    )
  const concerns = facts.concerns.filter(
    (concern) =>
      (concern.kind !== 'require' || kind === 'module') &&
      (concern.module === undefined || isUnit(concern.module)),
  )
  return [...problems, ...concernSentences(concerns, python ? pythonSentences : nodeSentences)]
}

function howToAssert(python: boolean): string {
  return python
    ? 'Write self.assertEqual(actual, expected), or `with self.assertRaises(ValueError):` for errors.'
    : 'Write assert.equal(actual, expected), or assert.throws(() => …, TypeError) for errors.'
}

/** One sentence for each kind, with the first places. */
function concernSentences(concerns: readonly Concern[], sentences: Sentences): readonly string[] {
  const told = concerns.filter((concern) => sentences[concern.kind] !== '')
  const byKind = Map.groupBy(told, (concern) => concern.kind)
  return [...byKind].map(([kind, found]) => {
    const places = found
      .slice(0, 2)
      .map((concern) => `line ${concern.line}: ${concern.code}`)
      .join('; ')
    return `${sentences[kind]} (${places})`
  })
}

/** The first name that two tests of one suite have. */
function repeatedNames({ tests }: CodeFacts): string | undefined {
  const seen = new Set<string>()
  for (const test of tests) {
    if (test.name === undefined || test.repeated) continue
    const key = JSON.stringify([test.suites, test.name])
    if (seen.has(key)) return test.name
    seen.add(key)
  }
  return undefined
}
