// A request whose code is there already: the tests that a model writes for it pass before any work.
import { describe, expect, test, vi } from 'vitest'
import { spec } from '../../agent-image/agent/pipelines/spec.ts'
import { fenced, goodCode, head, runPipeline, specText } from '../support/agent/pipeline-fixture.ts'

vi.setConfig({ testTimeout: 60_000 })

const python = {
  'slug.py': "def slugify(text):\n    return text.lower().replace(' ', '-')\n",
  'pyproject.toml': '[project]\nname = "slug"\n',
}
const pythonSpec = `import unittest
from slug import slugify

class Slug(unittest.TestCase):
    def test_joins(self):
        self.assertEqual(slugify('A b'), 'a-b')
`
const commonjs = {
  'package.json': '{"type":"commonjs"}',
  'src/slug.js': "exports.slugify = (text) => text.toLowerCase().replaceAll(' ', '-')\n",
}
const weak = `${head}import { slugify } from '../src/slug.js'
test('is a function', () => { assert.equal(typeof slugify, 'function') })
`

describe('tests that all pass without a change end as what they are', () => {
  test.each<[string, Record<string, string>, readonly string[], string]>([
    ['of a module', { 'src/slug.js': goodCode }, [fenced('x', specText)], 'src/slug.js'],
    ['of CommonJS', commonjs, [fenced('x', specText)], 'src/slug.js'],
    ['of Python', python, [`test_slug.py\n\`\`\`python\n${pythonSpec}\`\`\`\n`], 'slug.py'],
    [
      'other ones in each answer',
      { 'src/slug.js': goodCode },
      [fenced('x', specText), fenced('x', specText.replaceAll('joins', 'binds'))],
      'src/slug.js',
    ],
    [
      'weak ones',
      { 'src/slug.js': 'export const slugify = () => 1\n' },
      [fenced('x', weak)],
      'src/slug.js',
    ],
  ])('%s', async (_, files, answers, file) => {
    const { outcome, model } = await runPipeline(spec, 'spec', files, answers, {
      overrides: { files: [file] },
    })
    expect(outcome).toMatchObject({ verdict: 'ChecksFailed', failure: { reason: 'ChecksFailed' } })
    expect(outcome.failure?.message).toContain(
      `Every test that the model wrote passes without a change: ${file} may do this already.`,
    )
    expect(outcome.commit).toBeUndefined()
    expect(outcome.evidence?.[0]).toMatchObject({ failed: 0 })
    expect(model.asked).toBe(2)
    const asked = JSON.stringify(model.questions[1]?.sections)
    expect(asked).toContain('All tests pass with the code as it is')
  })

  test('after one try in a later attempt', async () => {
    const files = { 'src/slug.js': goodCode }
    const answer = fenced('x', specText)
    const { outcome, model } = await runPipeline(spec, 'spec', files, [answer], {
      overrides: { attempt: 2 },
    })
    expect(outcome.failure?.message).toContain('may do this already')
    expect(model.asked).toBe(1)
  })
})

describe('tests that ask for something that is missing are taken', () => {
  test('after some that all passed', async () => {
    const more = specText.replace(
      "test('lowers'",
      "test('trims', () => { assert.equal(slugify(' a '), 'a') })\ntest('lowers'",
    )
    const answers = [fenced('x', specText), fenced('x', more)]
    const { outcome } = await runPipeline(spec, 'spec', { 'src/slug.js': goodCode }, answers)
    expect(outcome.verdict).toBe('Done')
  })

  test('and what passes by a stand-in for code that is not there is not told as done', async () => {
    const never = specText.replaceAll(
      /assert\.equal\(slugify[^)]*\), .*?\)/g,
      'assert.throws(() => slugify(1))',
    )
    const files = { 'src/slug.js': 'export const other = 1\n' }
    const { outcome } = await runPipeline(spec, 'spec', files, [fenced('x', never)])
    expect(outcome.failure).toMatchObject({ reason: 'OutputUnusable' })
    expect(outcome.failure?.message).toContain('pass before the code exists')
  })
})
