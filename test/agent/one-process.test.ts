// Python tests that pass alone and fail where all test files share a process: when that is asked,
// how often, and what the model and the person are told.
import { describe, expect, test } from 'vitest'
import { code, fix } from '../../agent-image/agent/pipelines/code.ts'
import { finish } from '../../agent-image/agent/pipelines/examination.ts'
import { brokenInOneProcess } from '../../agent-image/agent/pipelines/one-process.ts'
import {
  type FailedTest,
  type TestRun,
  wholeFile,
} from '../../agent-image/agent/verify/test-run.ts'
import { runPipeline } from '../support/agent/pipeline-fixture.ts'

const fenced = (path: string, text: string): string => `${path}\n\`\`\`python\n${text}\`\`\`\n`
const project = {
  'package.json': '{}',
  'app/__init__.py': '',
  'app/keep.py': 'def keep(number):\n    return number * 2\n',
  'tests/__init__.py': '',
  'tests/test_keep.py':
    'import unittest\nimport app.keep\nclass Keep(unittest.TestCase):\n    def test_k(self):\n        self.assertEqual(app.keep.keep(2), 4)\n',
}
const spec = {
  'tests/test_slug.py':
    "import unittest\nfrom app.slug import slugify\nclass Slug(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(slugify('A b'), 'a-b')\n    def test_b(self):\n        self.assertEqual(slugify(''), '')\n",
}
const right = "def slugify(text):\n    return text.lower().replace(' ', '-')\n"
const wrong = `import app.keep\napp.keep.keep = lambda number: 0\n\n${right}`
const overrides = { files: ['app/slug.py'] }
const told = 'fails when app/slug.py has been imported in the same process'

describe('code whose import changes what tests of other files use', () => {
  test('is asked for again with the reason, and right code is Done', async () => {
    const answers = [fenced('app/slug.py', wrong), fenced('app/slug.py', right)]
    const { outcome, model } = await runPipeline(code, 'code', project, answers, {
      spec,
      overrides,
    })
    expect(outcome.verdict).toBe('Done')
    expect(model.asked).toBe(2)
    const question = JSON.stringify(model.questions[1])
    expect(question).toContain(`tests/test_keep.py > Keep > test_k passes alone, and ${told}`)
    expect(question).toContain('0 != 4')
  }, 60_000)

  test('is ChecksFailed for the request, whoever delivered it', async () => {
    const later = { 'app/slug.py': wrong }
    const { outcome } = await runPipeline(finish, 'finish', project, ['never'], {
      spec,
      later,
      overrides,
    })
    expect(outcome.verdict).toBe('ChecksFailed')
    expect(outcome.summary).toBe('1 of the tests that must pass does not.')
    expect(outcome.failure?.message).toContain(told)
  }, 60_000)

  test('is seen behind tests that a person named as what decides', async () => {
    const { outcome } = await runPipeline(
      code,
      'code',
      { ...project, ...spec },
      [fenced('app/slug.py', wrong)],
      { overrides, named: ['tests/test_slug.py'] },
    )
    expect(outcome.verdict).toBe('ChecksFailed')
    expect(outcome.failure?.message).toContain(told)
  }, 60_000)

  test('is seen in a fix of code that was there, where the import did nothing before', async () => {
    const files = { ...project, ...spec, 'app/slug.py': right }
    const { outcome } = await runPipeline(fix, 'fix', files, [fenced('app/slug.py', wrong)], {
      overrides,
    })
    expect(outcome.verdict).toBe('ChecksFailed')
    expect(outcome.failure?.message).toContain(told)
  }, 60_000)

  test('is left alone where the import of it broke the tests before the change', async () => {
    const files = { ...project, ...spec, 'app/slug.py': `${wrong}# slow\n` }
    const { outcome } = await runPipeline(fix, 'fix', files, [fenced('app/slug.py', wrong)], {
      overrides,
    })
    expect(outcome.verdict).toBe('Unchecked')
  }, 60_000)
})

const keep = 'tests/test_keep.py > Keep > test_k'
const slug = 'tests/test_slug.py > Slug > test_a'
const other = 'tests/test_other.py > Other > test_o'
const failure = (id: string, message = 'AssertionError: 0 != 4'): FailedTest => {
  const [file = '', ...names] = id.split(' > ')
  return { file, name: names.join(' > '), message, derived: false }
}
const runOf = (passed: readonly string[], failed: readonly FailedTest[] = []): TestRun => ({
  command: 'python3 -m unittest',
  exitCode: failed.length === 0 ? 0 : 1,
  problems: [],
  collected: [...passed, ...failed.flatMap((one) => `${one.file} > ${one.name}`)],
  passed,
  failed,
  skipped: [],
  unrun: [],
  asserted: new Map(),
  swallowed: new Map(),
})
const good = runOf([keep, slug])
const bad = runOf([slug], [failure(keep)])

/** Runs in one process, one after the other; all that is asked for is kept. */
async function judged(
  now: readonly TestRun[],
  base: readonly TestRun[],
  given: { before?: TestRun; run?: TestRun; changed?: readonly string[] } = {},
) {
  const asked: string[] = []
  const next = (name: string, runs: readonly TestRun[]) => {
    const left = [...runs]
    return (files: readonly string[]): Promise<TestRun> => {
      asked.push(`${name} ${files.join(' ')}`)
      const run = left.shift()
      return run === undefined
        ? Promise.reject(new Error(`one ${name} too many`))
        : Promise.resolve(run)
    }
  }
  const found = await brokenInOneProcess({
    before: given.before ?? runOf([keep]),
    runs: [given.run ?? good],
    specs: ['tests/test_slug.py'],
    changed: given.changed ?? ['app/slug.py'],
    again: { now: next('now', now), base: next('base', base) },
  })
  return { found, asked }
}

describe('the run in one process', () => {
  const both = 'now tests/test_keep.py tests/test_slug.py'

  test('is one run when nothing fails, with the files in the order of unittest', async () => {
    expect(await judged([good], [])).toEqual({ found: undefined, asked: [both] })
    const deep = 'tests/a/test_a.py > A > test_a'
    const late = 'tests/a_b.py > B > test_b'
    const before = runOf([late, keep, deep])
    const { asked } = await judged([good], [], { before, run: runOf([late, slug, keep, deep]) })
    expect(asked).toEqual([
      'now tests/a/test_a.py tests/a_b.py tests/test_keep.py tests/test_slug.py',
    ])
  })

  test.each<[string, Parameters<typeof judged>[2]]>([
    ['no Python is changed', { changed: ['src/slug.js', 'README.md'] }],
    ['no test of Python passed before', { before: runOf(['test/a.test.js > a']) }],
    ['what passed before passes no longer', { run: runOf([slug]) }],
    ['there is one file only', { run: runOf([keep]) }],
  ])('is not made where %s', async (_what, given) => {
    expect(await judged([], [], given)).toEqual({ found: undefined, asked: [] })
  })

  test.each<[string, readonly TestRun[], readonly TestRun[]]>([
    ['the test fails at the base in one process, too', [bad], [runOf([], [failure(keep)])]],
    ['the test passes the second time', [bad, good], [runOf([keep])]],
    ['the test fails at the base the second time', [bad, bad], [runOf([keep]), runOf([])]],
    ['the file cannot share a process, or no time was left', [runOf([slug])], []],
    ['the run cannot be believed', [{ ...bad, problems: ['the tests did not end in time'] }], []],
    ['only tests of a model fail', [runOf([keep], [failure(slug)])], []],
  ])('says nothing against the change where %s', async (_what, now, base) => {
    expect((await judged(now, base)).found).toBeUndefined()
  })

  test.each<[string, TestRun, string]>([
    ['fails', bad, '0 != 4'],
    [
      'ended its process',
      runOf([], [failure(`tests/test_keep.py > ${wholeFile}`, 'it ended')]),
      'it ended',
    ],
    [
      'is skipped',
      { ...runOf([slug]), collected: [keep, slug], skipped: [keep] },
      'it is skipped then',
    ],
    [
      'is no longer reported',
      runOf(['tests/test_keep.py > Keep > test_l', slug]),
      'it is not reported then',
    ],
  ])('counts against the change where the test %s each time', async (_what, run, message) => {
    const base = runOf([keep])
    const { found, asked } = await judged([run, run, run], [base, base])
    expect(found?.failures[0]?.message).toContain(message)
    expect(found?.failures[0]?.message).toContain(told)
    expect(asked).toEqual([
      both,
      'base tests/test_keep.py',
      both,
      'base tests/test_keep.py',
      'now tests/test_keep.py app/slug.py',
    ])
  })

  test('names the tests where the import alone breaks nothing', async () => {
    const base = runOf([keep, other])
    const run = runOf([slug], [failure(keep), failure(other)])
    const { found } = await judged([run, run, runOf([keep, other])], [base, base], {
      before: base,
      run: runOf([keep, other, slug]),
    })
    expect(found?.sentence).toBe(
      `${keep} passes alone, and fails when the tests of tests/test_slug.py are in the same process, as with python3 -m unittest or pytest, and 1 other test with it. What these tests, or the code that they call, change outside themselves has to be put back.\n`,
    )
  })
})
