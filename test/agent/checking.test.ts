import { describe, expect, test } from 'vitest'
import { deploy } from '../../agent-image/agent/pipelines/pipeline.ts'
import { document } from '../../agent-image/agent/pipelines/document.ts'
import { finish, verify } from '../../agent-image/agent/pipelines/examination.ts'
import { fix } from '../../agent-image/agent/pipelines/code.ts'
import type { Pipeline } from '../../agent-image/agent/pipelines/pipeline.ts'
import { review } from '../../agent-image/agent/pipelines/review.ts'
import {
  forge,
  pod,
  fenced,
  goodCode,
  head,
  runPipeline,
  specText,
  slugSpec,
} from '../support/agent/pipeline-fixture.ts'

describe('verify and finish', () => {
  const wrongCode = 'export function slugify(text) {\n  return text\n}\n'
  const okTest = { 'test/ok.test.js': `${head}test('ok', () => { assert.ok(1 < 2) })\n` }
  test.each<[string, Pipeline, Record<string, string>, Record<string, string>, string]>([
    ['verify: all is well', verify, okTest, { 'src/slug.js': goodCode }, 'Done'],
    ['verify: a spec test fails', verify, okTest, { 'src/slug.js': wrongCode }, 'ChecksFailed'],
    ['verify: a spec without its code', verify, okTest, {}, 'ChecksFailed'],
    [
      'verify: another test broke',
      verify,
      okTest,
      {
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
        'src/slug.js': goodCode,
        'test/later.test.js': specText.replaceAll('slug', 'later'),
      },
      'Done',
    ],
    ['finish: all is well', finish, okTest, { 'src/slug.js': goodCode }, 'Done'],
    ['finish: a unit’s spec fails', finish, okTest, { 'src/slug.js': wrongCode }, 'ChecksFailed'],
    [
      'finish: what failed at the start may fail still',
      finish,
      { 'test/bad.test.js': `${head}test('bad', () => { assert.ok(2 < 1) })\n` },
      { 'src/slug.js': goodCode },
      'Done',
    ],
  ])(
    '%s',
    async (_what, pipeline, files, later, want) => {
      const { outcome } = await runPipeline(pipeline, 'verify', files, ['never'], {
        spec: slugSpec,
        later,
      })
      expect(outcome.verdict).toBe(want)
      expect(outcome.failure?.reason).toBe(want === 'Done' ? undefined : 'ChecksFailed')
      expect(outcome.commit).toBeUndefined()
    },
    60_000,
  )

  // A file next to the work tree counts how often something was run.
  const counted = (name: string) => {
    const counter = JSON.stringify(`${pod.workspace}-${name}`)
    return `import fs from 'node:fs'
const times = fs.existsSync(${counter}) ? fs.readFileSync(${counter}).length : 0
fs.writeFileSync(${counter}, 'x'.repeat(times + 1))
`
  }

  test('tells a test that was flaky before, and does not fail for it', async () => {
    const flaky = `${counted('flaky')}${head}test('now and then', () => { assert.equal(times % 2, 0) })\n`
    const files = { ...okTest, 'test/flaky.test.js': flaky }
    const { outcome } = await runPipeline(verify, 'verify', files, ['never'], {
      spec: slugSpec,
      later: { 'src/slug.js': goodCode },
    })
    expect(outcome.verdict).toBe('Done')
    expect(outcome.notes?.join()).toContain('flaky: test/flaky.test.js > now and then')
    expect(outcome.summary).toContain('is broken, and 1 test passes only now and then')
  }, 60_000)

  test('tells a test that fails once and then never again', async () => {
    const late = `${counted('late')}${head}test('late', () => { assert.notEqual(times, 1) })\n`
    const files = { ...okTest, 'test/late.test.js': late }
    const { outcome } = await runPipeline(verify, 'verify', files, ['never'], {
      spec: slugSpec,
      later: { 'src/slug.js': goodCode },
    })
    expect(outcome).toMatchObject({ verdict: 'Done' })
    expect(outcome.notes?.join()).toContain('flaky: test/late.test.js > late')
  }, 60_000)

  test.each([
    ['first', 'times % 2 === 0'],
    ['last', 'times % 2 === 1'],
    ['second of three', 'times % 3 === 1'],
  ])(
    'finds broken what the change makes fail now and then: the %s',
    async (name, fails) => {
      const was = 'export const items = () => 3\n'
      const now = `${counted(name)}export const items = () => (${fails} ? 4 : 3)\n`
      const files = {
        ...okTest,
        'src/items.js': was,
        'test/items.test.js': `${head}import { items } from '../src/items.js'\ntest('three', () => { assert.equal(items(), 3) })\n`,
      }
      const { outcome } = await runPipeline(finish, 'verify', files, ['never'], {
        spec: slugSpec,
        later: { 'src/slug.js': goodCode, 'src/items.js': now },
      })
      expect(outcome).toMatchObject({ verdict: 'ChecksFailed' })
      expect(outcome.failure?.message).toContain('test/items.test.js > three')
    },
    60_000,
  )
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

  test.each([
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
      const { outcome } = await runPipeline(review, 'review', {}, [answer], {
        later,
        overrides: { files: [] },
      })
      expect(outcome.verdict).toBe('Done')
      expect(outcome.notes).toHaveLength(want)
      expect(outcome.notes?.[0]).toContain('runs text as code')
      const suggested = want === 2 ? '1 suggestion' : '0 suggestions'
      expect(outcome.summary).toBe(`Reviewed 1 file: 1 certain finding, ${suggested} by the model.`)
    },
    60_000,
  )
})

describe('document', () => {
  const later = { 'src/slug.js': goodCode }
  test('falls back to the table of facts when the prose invents things', async () => {
    const prose = 'README.md\n```markdown\nCall `makeSlug` for all you need.\n```\n'
    const { outcome, model } = await runPipeline(document, 'document', {}, [prose], { later })
    expect(outcome).toMatchObject({ verdict: 'Done', files: ['README.md'] })
    const readme = forge.git('show', `${outcome.commit ?? ''}:README.md`)
    expect(readme).toContain('| `src/slug.js` | `export function slugify(text)` |')
    expect(readme).not.toContain('makeSlug')
    expect(outcome.notes?.join()).toContain('makeSlug')
    expect(model.asked).toBe(2)
  }, 60_000)

  test('has nothing to say where nothing changed', async () => {
    const { outcome } = await runPipeline(document, 'document', {}, ['never'])
    expect(outcome.verdict).toBe('NothingChanged')
  }, 60_000)
})

describe('fix and deploy', () => {
  test('rewrites the changed files and breaks no test', async () => {
    const safer = goodCode.replace('text.', 'String(text).')
    const { outcome, model } = await runPipeline(fix, 'fix', {}, [fenced('src/slug.js', safer)], {
      spec: slugSpec,
      later: { 'src/slug.js': goodCode },
      overrides: { files: [], goal: 'Make it work for numbers.' },
    })
    // No test failed before, so none can say that the finding is mended.
    expect(outcome).toMatchObject({ verdict: 'Unchecked', files: ['src/slug.js'] })
    expect(model.questions[0]?.purpose).toBe('fix.write')
  }, 60_000)

  test('does not deploy, and says so', async () => {
    const { outcome } = await runPipeline(deploy, 'deploy', {}, ['never'])
    expect(outcome).toMatchObject({ verdict: 'Refused', failure: { reason: 'Unsupported' } })
  }, 60_000)
})
