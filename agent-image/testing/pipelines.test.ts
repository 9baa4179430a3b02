import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Assignment } from '../../operator/api/agent-protocol.ts'
import type { Action } from '../../operator/api/agent-types.ts'
import { code } from '../agent/pipelines/code.ts'
import { deploy } from '../agent/pipelines/deploy.ts'
import { document } from '../agent/pipelines/document.ts'
import { finish } from '../agent/pipelines/finish.ts'
import { fix } from '../agent/pipelines/fix.ts'
import type { Pipeline } from '../agent/pipelines/pipeline.ts'
import { review } from '../agent/pipelines/review.ts'
import { spec } from '../agent/pipelines/spec.ts'
import { verify } from '../agent/pipelines/verify.ts'
import { connectSandbox } from '../agent/sandbox-client.ts'
import { runnerFor } from '../agent/verify/runner.ts'
import { openWorkspace, type Workspace } from '../agent/workspace.ts'
import { assignmentFor } from './assignment.ts'
import { assets, startPod, type TestPod } from './processes.ts'
import { startForge, type TestForge } from './repository.ts'
import { scriptedModel } from './scripted-model.ts'

const token = 'sesame'
const signal = AbortSignal.timeout(600_000)
const head = "import { test } from 'node:test'\nimport assert from 'node:assert/strict'\n"
const specText = `${head}import { slugify } from '../src/slug.js'
test('joins', () => { assert.equal(slugify('a b'), 'a-b') })
test('lowers', () => { assert.equal(slugify('A'), 'a') })
`
const goodCode =
  "export function slugify(text) {\n  return text.toLowerCase().replaceAll(' ', '-')\n}\n"
const fenced = (path: string, text: string): string => `${path}\n\`\`\`js\n${text}\`\`\`\n`

let pod: TestPod
let forge: TestForge
const opened: Workspace[] = []
beforeAll(async () => {
  pod = await startPod(token)
}, 30_000)
afterAll(() => pod.close())
afterEach(async () => {
  for (const workspace of opened.splice(0)) await workspace.close()
  forge.close()
})

/** Runs a pipeline on a repository whose request branch holds `later` on top of `files`. */
async function run(
  pipeline: Pipeline,
  action: Action,
  files: Readonly<Record<string, string>>,
  answers: readonly (string | undefined)[],
  options: { later?: Readonly<Record<string, string>>; overrides?: Partial<Assignment> } = {},
) {
  forge = await startForge({ 'package.json': '{"type":"module"}', ...files }, token)
  const sandbox = connectSandbox(pod.socketPath)
  const settings = {
    workspace: pod.workspace,
    gitRoot: pod.gitRoot,
    token: () => Promise.resolve(token),
    protocols: ['http'],
  }
  const open = async (overrides: Partial<Assignment>): Promise<Workspace> => {
    const workspace = await openWorkspace(
      assignmentFor(forge, action, overrides),
      settings,
      sandbox,
      { signal },
    )
    opened.push(workspace)
    return workspace
  }
  if (options.later !== undefined) {
    const before = await open({ task: 'setup', taskBranch: 'setup' })
    const commit = await before.commit(new Map(Object.entries(options.later)), 'Later\n', {
      signal,
    })
    await before.push(commit, { signal })
    forge.integrate(commit)
  }
  const assignment = assignmentFor(forge, action, options.overrides)
  const workspace = await open(options.overrides ?? {})
  const model = scriptedModel(answers)
  const activities: string[] = []
  const outcome = await pipeline({
    assignment,
    agent: 'otto',
    workspace,
    runner: runnerFor(workspace, sandbox, assets),
    model,
    activity: (text) => activities.push(text),
    signal,
  })
  return { outcome, model, activities }
}

describe('spec', () => {
  it.each<[string, string | undefined, RegExp]>([
    ['no answer', undefined, /cut off/],
    ['no fence', 'I would test that it works.', /no fenced block/],
    [
      'tests of nothing of the unit',
      fenced('x', `${head}test('a', () => { assert.equal(1 + 1, 2) })\n`),
      /must import/,
    ],
    [
      'a package that is not there',
      fenced('x', `${specText}import left from 'left-pad'\n`),
      /left-pad/,
    ],
    ['a syntax error', fenced('x', `${specText}const = 1\n`), /Syntax error/],
    [
      'a name that is not defined',
      fenced('x', specText.replace("'a-b')", 'wanted)')),
      /wanted is not defined/,
    ],
    [
      'an assertion that does not exist',
      fenced('x', specText.replaceAll('assert.equal', 'assert.equals')),
      /assert.equals is not a function/,
    ],
    [
      'tests that pass without the code',
      fenced(
        'x',
        specText.replaceAll(
          /assert\.equal\(slugify[^)]*\), .*?\)/g,
          'assert.throws(() => slugify(1))',
        ),
      ),
      /pass before the code exists/,
    ],
  ])(
    'refuses %s',
    async (_what, answer, want) => {
      const { outcome, model } = await run(spec, 'spec', {}, [answer])
      expect(outcome).toMatchObject({
        verdict: 'ChecksFailed',
        failure: { reason: 'OutputUnusable' },
      })
      expect(outcome.failure?.message).toMatch(want)
      expect(outcome.commit).toBeUndefined()
      expect(model.asked).toBe(4)
    },
    60_000,
  )

  it('takes no implementation for a test', async () => {
    const { outcome } = await run(spec, 'spec', {}, [fenced('src/slug.js', goodCode)])
    expect(outcome.failure?.message).toMatch(/no fenced block/)
  }, 60_000)

  it('repairs with the facts, and reads no implementation', async () => {
    const body = 'export function other() { return "secret body" }\n'
    const bad = fenced('x', specText.replace("'a-b')", 'wanted)'))
    const { outcome, model } = await run(spec, 'spec', { 'src/slug.js': body }, [
      bad,
      fenced('x', specText),
    ])
    expect(outcome.verdict).toBe('Done')
    expect(forge.git('show', `${outcome.commit ?? ''}:test/slug.test.js`)).toBe(specText)
    expect(model.questions[1]?.purpose).toBe('spec.repair')
    expect(JSON.stringify(model.questions[1]?.sections)).toContain('wanted is not defined')
    expect(JSON.stringify(model.questions)).toContain('export function other()')
    expect(JSON.stringify(model.questions)).not.toContain('secret body')
  }, 60_000)

  it('leaves a unit that no runner can test', async () => {
    const { outcome, model } = await run(spec, 'spec', {}, ['never'], {
      overrides: { files: ['index.html'] },
    })
    expect(outcome.verdict).toBe('NothingChanged')
    expect(model.asked).toBe(0)
  }, 60_000)
})

const withSpec = { 'test/slug.test.js': specText }

describe('code', () => {
  it('finds that the work is done already', async () => {
    const { outcome, model } = await run(code, 'code', { ...withSpec, 'src/slug.js': goodCode }, [
      'never',
    ])
    expect(outcome).toMatchObject({ verdict: 'AlreadyDone' })
    expect(model.asked).toBe(0)
  }, 60_000)

  it('takes no candidate that breaks another test, though its own pass', async () => {
    const other = `${head}import { slugify } from '../src/slug.js'\ntest('keeps ü', () => { assert.equal(slugify('ü'), 'ü') })\n`
    const before = 'export function slugify(text) {\n  return text\n}\n'
    const breaking =
      "export function slugify(text) {\n  return text.toLowerCase().replaceAll(' ', '-').replaceAll('ü', 'u')\n}\n"
    const { outcome, model } = await run(
      code,
      'code',
      { ...withSpec, 'test/other.test.js': other, 'src/slug.js': before },
      [fenced('src/slug.js', breaking), fenced('src/slug.js', goodCode)],
    )
    expect(outcome).toMatchObject({ verdict: 'Done' })
    expect(model.asked).toBe(2)
    expect(JSON.stringify(model.questions[1]?.sections)).toContain('keeps ü')
  }, 60_000)

  it.each([
    [
      'TypeScript',
      'module',
      'src/slug.ts',
      'test/slug.test.ts',
      'export const slugify = (text: string): string => text.toLowerCase().replaceAll(" ", "-")\n',
    ],
    [
      'CommonJS',
      'commonjs',
      'src/slug.js',
      'test/slug.test.mjs',
      'exports.slugify = (text) => text.toLowerCase().replaceAll(" ", "-")\n',
    ],
  ])(
    'is tested first and written in %s',
    async (_what, type, file, path, text) => {
      const files = { 'package.json': JSON.stringify({ type }) }
      const overrides = { files: [file] }
      const first = await run(spec, 'spec', files, [fenced('x', specText)], { overrides })
      expect(first.outcome).toMatchObject({ verdict: 'Done', files: [path] })
      const written = forge.git('show', `${first.outcome.commit ?? ''}:${path}`)
      const answer = `${file}\n\`\`\`${file.slice(-2)}\n${text}\`\`\`\n`
      const second = await run(code, 'code', { ...files, [path]: written }, [answer], { overrides })
      expect(second.outcome).toMatchObject({
        verdict: 'Done',
        files: [file],
        evidence: [{ passed: 2 }],
      })
    },
    60_000,
  )

  it('writes only its own files, whatever the answer names', async () => {
    const answer = `test/slug.test.js\n\`\`\`js\n${head}test('x', () => {})\n\`\`\`\n\n${fenced('src/slug.js', goodCode)}`
    const { outcome } = await run(code, 'code', withSpec, [answer])
    expect(outcome).toMatchObject({ verdict: 'Done', files: ['src/slug.js'] })
    expect(forge.git('diff', '--name-only', 'guild/req', outcome.commit ?? '').trim()).toBe(
      'src/slug.js',
    )
  }, 60_000)

  it('repairs only the file that the failure points at', async () => {
    const parts = {
      'src/words.js': "export function words(text) {\n  return text.split(' ')\n}\n",
      bad: "import { words } from './words.js'\nexport function slugify(text) {\n  return words(text).joined('-')\n}\n",
      good: "import { words } from './words.js'\nexport function slugify(text) {\n  return words(text).join('-').toLowerCase()\n}\n",
    }
    const { outcome, model } = await run(
      code,
      'code',
      withSpec,
      [
        fenced('src/words.js', parts['src/words.js']),
        fenced('src/slug.js', parts.bad),
        fenced('src/slug.js', parts.good),
      ],
      { overrides: { files: ['src/words.js', 'src/slug.js'] } },
    )
    expect(outcome).toMatchObject({ verdict: 'Done', files: ['src/words.js', 'src/slug.js'] })
    expect(
      model.questions.map(
        (question) => /File: (\S+)/.exec(JSON.stringify(question.sections))?.[1]?.split('\\n')[0],
      ),
    ).toEqual(['src/words.js', 'src/slug.js', 'src/slug.js'])
    expect(JSON.stringify(model.questions[1]?.sections)).toContain('export function words(text)')
  }, 60_000)

  it('cannot be fooled by code that ends the process', async () => {
    const { outcome } = await run(code, 'code', withSpec, [
      fenced('src/slug.js', 'export function slugify() {\n  process.exit(0)\n}\n'),
    ])
    expect(outcome).toMatchObject({ verdict: 'ChecksFailed', failure: { reason: 'ChecksFailed' } })
  }, 60_000)

  it('says that no answer was usable when none was', async () => {
    const { outcome } = await run(code, 'code', withSpec, [undefined])
    expect(outcome).toMatchObject({
      verdict: 'ChecksFailed',
      failure: { reason: 'OutputUnusable' },
    })
  }, 60_000)

  it('refuses a task that names tests only', async () => {
    const overrides = { files: ['test/slug.test.js'] }
    await expect(run(code, 'code', withSpec, ['never'], { overrides })).rejects.toMatchObject({
      reason: 'Unsupported',
    })
  }, 60_000)
})

describe('verify and finish', () => {
  const wrongCode = 'export function slugify(text) {\n  return text\n}\n'
  const okTest = { 'test/ok.test.js': `${head}test('ok', () => { assert.ok(1 < 2) })\n` }
  it.each<[string, Pipeline, Record<string, string>, Record<string, string>, string]>([
    ['verify: all is well', verify, okTest, { ...withSpec, 'src/slug.js': goodCode }, 'Done'],
    [
      'verify: a spec test fails',
      verify,
      okTest,
      { ...withSpec, 'src/slug.js': wrongCode },
      'ChecksFailed',
    ],
    ['verify: a spec without its code', verify, okTest, withSpec, 'ChecksFailed'],
    [
      'verify: another test broke',
      verify,
      okTest,
      {
        ...withSpec,
        'src/slug.js': goodCode,
        'test/ok.test.js': `${head}test('ok', () => { assert.ok(2 < 1) })\n`,
      },
      'ChecksFailed',
    ],
    [
      'verify: a test was removed',
      verify,
      okTest,
      {
        ...withSpec,
        'src/slug.js': goodCode,
        'test/ok.test.js': `${head}test('other', () => {})\n`,
      },
      'ChecksFailed',
    ],
    [
      'verify: another unit’s spec fails still',
      verify,
      okTest,
      {
        ...withSpec,
        'src/slug.js': goodCode,
        'test/later.test.js': specText.replaceAll('slug', 'later'),
      },
      'Done',
    ],
    ['finish: all is well', finish, okTest, { ...withSpec, 'src/slug.js': goodCode }, 'Done'],
    [
      'finish: a unit’s spec fails',
      finish,
      okTest,
      { ...withSpec, 'src/slug.js': wrongCode },
      'ChecksFailed',
    ],
    [
      'finish: what failed at the start may fail still',
      finish,
      { 'test/bad.test.js': `${head}test('bad', () => { assert.ok(2 < 1) })\n` },
      { ...withSpec, 'src/slug.js': goodCode },
      'Done',
    ],
  ])(
    '%s',
    async (_what, pipeline, files, later, want) => {
      const { outcome } = await run(pipeline, 'verify', files, ['never'], { later })
      expect(outcome.verdict).toBe(want)
      expect(outcome.failure?.reason).toBe(want === 'Done' ? undefined : 'ChecksFailed')
      expect(outcome.commit).toBeUndefined()
    },
    60_000,
  )

  it('tells a flaky test and does not fail for it', async () => {
    // Passes at first and fails when it is run again at the same place.
    const marker = `${pod.workspace}-flaky`
    const flaky = `${head}import { existsSync, writeFileSync } from 'node:fs'\ntest('now and then', () => {\n  const again = existsSync('${marker}')\n  writeFileSync('${marker}', '')\n  assert.ok(!again)\n})\n`
    const { outcome } = await run(verify, 'verify', okTest, ['never'], {
      later: { ...withSpec, 'src/slug.js': goodCode, 'test/flaky.test.js': flaky },
    })
    expect(outcome.verdict).toBe('Done')
    expect(outcome.notes?.join()).toContain('flaky: test/flaky.test.js > now and then')
  }, 60_000)
})

describe('review', () => {
  const later = { 'src/slug.js': 'export function slugify(text) {\n  return eval(text)\n}\n' }
  const finding = (quote: string): string =>
    JSON.stringify({
      a_quote: quote,
      b_issue: 'It runs its input.',
      c_kind: 'security',
      d_severity: 'high',
    })

  it.each([
    ['keeps a finding that quotes the change', finding('return eval(text)'), 2],
    ['drops a finding that quotes something else', finding('return exec(text)'), 1],
    [
      'drops an answer without a finding',
      JSON.stringify({ a_quote: '', b_issue: '', c_kind: 'none', d_severity: 'none' }),
      1,
    ],
  ])(
    '%s',
    async (_what, answer, want) => {
      const { outcome } = await run(review, 'review', {}, [answer], {
        later,
        overrides: { files: [] },
      })
      expect(outcome.verdict).toBe('Done')
      expect(outcome.notes).toHaveLength(want)
      expect(outcome.notes?.[0]).toContain('runs text as code')
    },
    60_000,
  )
})

describe('document', () => {
  const later = { 'src/slug.js': goodCode }
  it('falls back to the table of facts when the prose invents things', async () => {
    const prose = 'README.md\n```markdown\nCall `makeSlug` for all you need.\n```\n'
    const { outcome, model } = await run(document, 'document', {}, [prose], { later })
    expect(outcome).toMatchObject({ verdict: 'Done', files: ['README.md'] })
    const readme = forge.git('show', `${outcome.commit ?? ''}:README.md`)
    expect(readme).toContain('| `src/slug.js` | `export function slugify(text)` |')
    expect(readme).not.toContain('makeSlug')
    expect(outcome.notes?.join()).toContain('makeSlug')
    expect(model.asked).toBe(2)
  }, 60_000)

  it('has nothing to say where nothing changed', async () => {
    const { outcome } = await run(document, 'document', {}, ['never'])
    expect(outcome.verdict).toBe('NothingChanged')
  }, 60_000)
})

describe('fix and deploy', () => {
  it('rewrites the changed files and breaks no test', async () => {
    const safer = goodCode.replace('text.', 'String(text).')
    const { outcome, model } = await run(fix, 'fix', withSpec, [fenced('src/slug.js', safer)], {
      later: { 'src/slug.js': goodCode },
      overrides: { files: [], goal: 'Make it work for numbers.' },
    })
    expect(outcome).toMatchObject({ verdict: 'Done', files: ['src/slug.js'] })
    expect(model.questions[0]?.purpose).toBe('fix.write')
  }, 60_000)

  it('does not deploy, and says so', async () => {
    const { outcome } = await run(deploy, 'deploy', {}, ['never'])
    expect(outcome).toMatchObject({ verdict: 'Refused', failure: { reason: 'Unsupported' } })
  }, 60_000)
})
