import { describe, expect, test } from 'vitest'
import { code } from '../../agent-image/agent/pipelines/code.ts'
import { spec } from '../../agent-image/agent/pipelines/spec.ts'
import {
  forge,
  fenced,
  goodCode,
  head,
  runPipeline,
  specText,
  slugSpec,
} from '../support/agent/pipeline-fixture.ts'

describe('spec', () => {
  test.each<[string, string | undefined, RegExp]>([
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
      const { outcome, model } = await runPipeline(spec, 'spec', {}, [answer])
      expect(outcome).toMatchObject({
        verdict: 'ChecksFailed',
        failure: { reason: 'OutputUnusable' },
      })
      expect(outcome.failure?.message).toMatch(want)
      expect(outcome.commit).toBeUndefined()
      // The same answer again is not progress: the third of its kind is the last.
      expect(model.asked).toBe(3)
    },
    60_000,
  )

  test('takes no implementation for a test', async () => {
    const { outcome } = await runPipeline(spec, 'spec', {}, [fenced('src/slug.js', goodCode)])
    expect(outcome.failure?.message).toMatch(/no fenced block/)
  }, 60_000)

  test('repairs with the facts, and reads no implementation', async () => {
    const body = 'export function other() { return "secret body" }\n'
    const bad = fenced('x', specText.replace("'a-b')", 'wanted)'))
    const { outcome, model } = await runPipeline(spec, 'spec', { 'src/slug.js': body }, [
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

  test('leaves a unit that no runner can test', async () => {
    const { outcome, model } = await runPipeline(spec, 'spec', {}, ['never'], {
      overrides: { files: ['index.html'] },
    })
    expect(outcome.verdict).toBe('NothingChanged')
    expect(model.asked).toBe(0)
  }, 60_000)
})

describe('code', () => {
  test('finds that the work is done already', async () => {
    const { outcome, model } = await runPipeline(
      code,
      'code',
      { 'src/slug.js': goodCode },
      ['never'],
      { spec: slugSpec },
    )
    expect(outcome).toMatchObject({ verdict: 'AlreadyDone' })
    expect(model.asked).toBe(0)
  }, 60_000)

  test('takes no candidate that breaks another test, though its own pass', async () => {
    const other = `${head}import { slugify } from '../src/slug.js'\ntest('keeps ü', () => { assert.equal(slugify('ü'), 'ü') })\n`
    const before = 'export function slugify(text) {\n  return text\n}\n'
    const breaking =
      "export function slugify(text) {\n  return text.toLowerCase().replaceAll(' ', '-').replaceAll('ü', 'u')\n}\n"
    const { outcome, model } = await runPipeline(
      code,
      'code',
      { 'test/other.test.js': other, 'src/slug.js': before },
      [fenced('src/slug.js', breaking), fenced('src/slug.js', goodCode)],
      { spec: slugSpec },
    )
    expect(outcome).toMatchObject({ verdict: 'Done' })
    expect(model.asked).toBe(2)
    expect(JSON.stringify(model.questions[1]?.sections)).toContain('keeps ü')
  }, 60_000)

  test.each([
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
      const first = await runPipeline(spec, 'spec', files, [fenced('x', specText)], { overrides })
      expect(first.outcome).toMatchObject({ verdict: 'Done', files: [path] })
      const written = forge.git('show', `${first.outcome.commit ?? ''}:${path}`)
      const answer = `${file}\n\`\`\`${file.slice(-2)}\n${text}\`\`\`\n`
      const second = await runPipeline(code, 'code', files, [answer], {
        spec: { [path]: written },
        overrides,
      })
      expect(second.outcome).toMatchObject({
        verdict: 'Done',
        files: [file],
        evidence: [{ passed: 2 }],
      })
    },
    60_000,
  )

  test('writes only its own files, whatever the answer names', async () => {
    const answer = `test/slug.test.js\n\`\`\`js\n${head}test('x', () => {})\n\`\`\`\n\n${fenced('src/slug.js', goodCode)}`
    const { outcome } = await runPipeline(code, 'code', {}, [answer], { spec: slugSpec })
    expect(outcome).toMatchObject({ verdict: 'Done', files: ['src/slug.js'] })
    expect(forge.git('diff', '--name-only', 'guild/req', outcome.commit ?? '').trim()).toBe(
      'src/slug.js',
    )
  }, 60_000)

  test('repairs only the file that the failure points at', async () => {
    const parts = {
      'src/words.js': "export function words(text) {\n  return text.split(' ')\n}\n",
      bad: "import { words } from './words.js'\nexport function slugify(text) {\n  return words(text).joined('-')\n}\n",
      good: "import { words } from './words.js'\nexport function slugify(text) {\n  return words(text).join('-').toLowerCase()\n}\n",
    }
    const { outcome, model } = await runPipeline(
      code,
      'code',
      {},
      [
        fenced('src/words.js', parts['src/words.js']),
        fenced('src/slug.js', parts.bad),
        fenced('src/slug.js', parts.good),
      ],
      { spec: slugSpec, overrides: { files: ['src/words.js', 'src/slug.js'] } },
    )
    expect(outcome).toMatchObject({ verdict: 'Done', files: ['src/words.js', 'src/slug.js'] })
    expect(
      model.questions.map(
        (question) => /File: (\S+)/.exec(JSON.stringify(question.sections))?.[1]?.split('\\n')[0],
      ),
    ).toEqual(['src/words.js', 'src/slug.js', 'src/slug.js'])
    expect(JSON.stringify(model.questions[1]?.sections)).toContain('export function words(text)')
  }, 60_000)

  test('cannot be fooled by code that ends the process', async () => {
    const { outcome } = await runPipeline(
      code,
      'code',
      {},
      [fenced('src/slug.js', 'export function slugify() {\n  process.exit(0)\n}\n')],
      { spec: slugSpec },
    )
    expect(outcome).toMatchObject({ verdict: 'ChecksFailed', failure: { reason: 'ChecksFailed' } })
  }, 60_000)

  test('says that no answer was usable when none was', async () => {
    const { outcome } = await runPipeline(code, 'code', {}, [undefined], { spec: slugSpec })
    expect(outcome).toMatchObject({
      verdict: 'ChecksFailed',
      failure: { reason: 'OutputUnusable' },
      evidence: expect.arrayContaining([
        expect.objectContaining({ command: 'answer 1 of the model', exitCode: -1 }),
      ]) as unknown,
    })
  }, 60_000)

  test('refuses a task that names tests only', async () => {
    const overrides = { files: ['test/slug.test.js'] }
    await expect(
      runPipeline(code, 'code', {}, ['never'], { spec: slugSpec, overrides }),
    ).rejects.toMatchObject({
      reason: 'Unsupported',
    })
  }, 60_000)
})
