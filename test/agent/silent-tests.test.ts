// Tests of a person's own that are to decide and assert nothing: they pass with any code that
// loads, so they prove none.
import { describe, expect, test, vi } from 'vitest'
import { code } from '../../agent-image/agent/pipelines/code.ts'
import { fenced, head, runPipeline } from '../support/agent/pipeline-fixture.ts'

vi.setConfig({ testTimeout: 90_000 })

const js = `${head}import { slugify, Slugger } from '../src/slug.js'\n`
const jsCode = fenced(
  'src/slug.js',
  'export function slugify(text) {\n  return text\n}\nexport class Slugger {\n  run(text) {\n    return text\n  }\n}\n',
)
const py =
  'import unittest\nfrom slug import slugify, Slugger\n\nclass T(unittest.TestCase):\n    def test_mine(self):\n'
const pyCode =
  'slug.py\n```python\ndef slugify(text):\n    return text\n\n\nclass Slugger:\n    def run(self, text):\n        return text\n```\n'

const ended = async (body: string, more: Record<string, string> = {}) => {
  const isPython = body.startsWith('py: ')
  const text = body.replace(/^py: /, '')
  const path = isPython ? 'tests/test_slug.py' : 'test/slug.test.js'
  const files = {
    ...(isPython ? { 'pyproject.toml': '[project]\nname = "slug"\n' } : {}),
    ...more,
    [path]: isPython ? `${py}${text.replace(/^/gm, '        ')}\n` : `${js}${text}\n`,
  }
  const { outcome } = await runPipeline(
    code,
    'code',
    files,
    [isPython ? pyCode : jsCode],
    // A spec that is at the base is one that a person named.
    { overrides: { files: [isPython ? 'slug.py' : 'src/slug.js'] }, named: [path] },
  )
  return outcome
}

describe('code is not proven by tests that assert nothing', () => {
  test.each([
    ["test('mine', () => { slugify('A b') })"],
    ["test('mine', () => { try { assert.equal(slugify('A b'), 'a-b') } catch {} })"],
    ["test('mine', () => { new Slugger().run('A b').length })"],
    [
      "test('mine', async () => { await Promise.allSettled([slugify('A b')].map(async (x) => assert.equal(x, 'a-b'))) })",
    ],
    ["py: slugify('A b')"],
    ["py: try:\n    self.assertEqual(slugify('A b'), 'a-b')\nexcept AssertionError:\n    pass"],
    ["py: Slugger().run('A b').strip()"],
  ])('%s', async (body) => {
    const { verdict, summary } = await ended(body)
    expect(verdict).toBe('Unchecked')
    expect(summary).toMatch(
      /(?:slug\.test\.js > mine|test_slug\.py > T > test_mine) asserts nothing/,
    )
  })
})

describe('code is proven by tests that can fail, whatever they fail by', () => {
  test.each<[string, Record<string, string>?]>([
    ["test('mine', () => { assert.equal(slugify('A b'), 'A b') })"],
    ["test('mine', () => { if (slugify('A b') !== 'A b') throw new Error('no') })"],
    ["test('mine', () => { if (!slugify('A b')) throw new Error('empty') })"],
    [
      "import { same } from '../lib/same.js'\ntest('mine', () => { same(slugify('A b'), 'A b') })",
      { 'lib/same.js': 'export const same = (a, b) => { if (a !== b) throw new Error(`${a}`) }\n' },
    ],
    [
      "test('idle', () => { slugify('x') })\ntest('mine', () => { assert.equal(slugify('A b'), 'A b') })",
    ],
    ["py: self.assertEqual(slugify('A b'), 'A b')"],
    ["py: if slugify('A b') != 'A b':\n    raise ValueError('no')"],
    ["py: if not slugify('A b'):\n    raise ValueError('empty')"],
  ])('%s', async (body, more) => {
    const { verdict, summary } = await ended(body, more)
    expect(`${verdict}: ${summary}`).toMatch(/^Done: /)
  })

  test('that failed by themselves before', async () => {
    const { verdict } = await ended(
      "test('mine', () => { if (slugify('A b') !== 'A b') throw new Error('no') })",
      {
        'src/slug.js': 'export const slugify = () => 1\nexport class Slugger {}\n',
      },
    )
    expect(verdict).toBe('Done')
  })
})
