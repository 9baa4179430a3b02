// A package.json of the person's that Node refuses stops every file of its package. That is said
// before a model is asked, and of no file that stops nothing.
import { describe, expect, test, vi } from 'vitest'
import { code, fix } from '../../agent-image/agent/pipelines/code.ts'
import { spec } from '../../agent-image/agent/pipelines/spec.ts'
import {
  fenced,
  goodCode,
  runPipeline,
  slugSpec,
  specText,
} from '../support/agent/pipeline-fixture.ts'

vi.setConfig({ testTimeout: 90_000 })

describe('a package.json that Node refuses', () => {
  test.each<[string, string, RegExp]>([
    ['is empty', '', /package\.json is empty/],
    ['holds blank lines only', '\n \n', /package\.json is empty/],
    ['holds a list', '[]', /holds a list where it has to hold an object/],
    ['holds nothing but a number', '42\n', /holds a number where/],
    [
      'has a comma too many',
      '{\n  "type": "module",\n}\n',
      /is no JSON: line 3: Expected double-quoted/,
    ],
    ['lacks a comma', '{\n  "name": "a"\n  "type": "module"\n}\n', /line 3: Expected ','/],
    ['is cut off', '{\n  "type": "module"', /ends in line 2/],
    ['begins with a comment', '// mine\n{}', /line 1: Unexpected token '\/'/],
    [
      'has a merge conflict',
      '{\n<<<<<<< HEAD\n"name": "a"\n=======\n"name": "b"\n>>>>>>> theirs\n}\n',
      /mark of a merge conflict in line 2/,
    ],
    [
      'has a list as its type',
      '{\n  "name": "a",\n  "type": []\n}\n',
      /has a list as its type in line 3/,
    ],
    ['has a number as its name', '{ "name": 1 }', /has a number as its name in line 1/],
    ['is written in UTF-16', '\uFEFF{}', /package\.json is written in UTF-16/],
  ])('is named with its fault when it %s, and no model is asked', async (what, text, want) => {
    const bytes = what.includes('UTF-16') ? Buffer.from(text, 'utf16le') : text
    const { outcome, model } = await runPipeline(
      spec,
      'spec',
      { 'package.json': bytes as string },
      [],
    )

    expect(outcome).toMatchObject({ verdict: 'Refused', failure: { reason: 'Unsupported' } })
    expect(outcome.failure?.message).toMatch(want)
    expect(outcome.failure?.message).toMatch(/Mend it, or ask for that alone/)
    expect(model.asked).toBe(0)
  })

  test('stops code, whose tests are there, as well', async () => {
    const files = { 'package.json': '{,}', ...slugSpec }
    const { outcome, model } = await runPipeline(code, 'code', files, [], {
      named: Object.keys(slugSpec),
    })

    expect(outcome.failure?.message).toMatch(/package\.json is no JSON: line 1/)
    expect(model.asked).toBe(0)
  })

  test('stops a fix', async () => {
    const files = { 'package.json': '{,}', 'src/slug.js': goodCode }
    const { outcome, model } = await runPipeline(fix, 'fix', files, [])

    expect(outcome).toMatchObject({ verdict: 'Refused' })
    expect(model.asked).toBe(0)
  })

  test('stops the files of its own folder only', async () => {
    const files = { 'src/package.json': '{"type": null}' }
    const { outcome } = await runPipeline(spec, 'spec', files, [])
    expect(outcome.failure?.message).toMatch(/^src\/package\.json has null as its type in line 1/)

    const elsewhere = await runPipeline(spec, 'spec', { 'lib/package.json': '[]' }, [
      fenced('test/slug.test.js', specText),
    ])
    expect(elsewhere.outcome.verdict).toBe('Done')
  })

  test('stops code that loads a file of its package', async () => {
    const files = {
      'lib/package.json': '[',
      'lib/a.js': 'export const a = 1\n',
      'src/slug.js': "import { a } from '../lib/a.js'\nexport const b = a\n",
    }
    const { outcome } = await runPipeline(spec, 'spec', files, [])

    expect(outcome.failure?.message).toMatch(/^lib\/package\.json is no JSON: it ends in line 1/)
  })

  test('may be mended by a request that names it', async () => {
    const mended = '{ "type": "module" }\n'
    const overrides = { files: ['package.json', 'src/slug.js'] }
    const files = { 'package.json': '{ "type": "module", }\n' }
    const tests = await runPipeline(spec, 'spec', files, [], { overrides })
    expect(tests.outcome.verdict).toBe('NothingChanged')
    expect(tests.outcome.summary).toMatch(/package\.json is no JSON.*goes without spec tests/)

    const { outcome } = await runPipeline(
      code,
      'code',
      files,
      [`package.json\n\`\`\`json\n${mended}\`\`\`\n`, fenced('src/slug.js', goodCode)],
      { overrides },
    )
    expect(outcome.verdict).toMatch(/Unchecked|Done/)
    expect(outcome.files).toEqual(['package.json', 'src/slug.js'])
  })
})

describe('a file that stops no test', () => {
  test.each<[string, Readonly<Record<string, string>>]>([
    ['package.json with a byte order mark', { 'package.json': '\uFEFF{ "type": "module" }' }],
    [
      'package.json with a comma too many inside',
      { 'package.json': '{"type":"module","files":["a",]}' },
    ],
    ['package.json with a list of scripts', { 'package.json': '{"type":"module","scripts":[]}' }],
    ['package.json with a type that does not exist', { 'package.json': '{"type":"esm"}' }],
    ['package.json of a fixture', { 'test/fixtures/bad/package.json': '[]' }],
    ['tsconfig.json', { 'tsconfig.json': '{ "compilerOptions": {' }],
    ['pyproject.toml and setup.cfg', { 'pyproject.toml': '[tool', 'setup.cfg': '<<<<<<< HEAD' }],
    ['.gitattributes', { '.gitattributes': '[attr\n* banana=' }],
    ['pnpm-workspace.yaml', { 'pnpm-workspace.yaml': 'packages: [' }],
  ])('is let be: %s', async (_, files) => {
    const { outcome } = await runPipeline(spec, 'spec', files, [
      fenced('test/slug.test.js', specText),
    ])

    expect(outcome.failure?.message ?? outcome.verdict).toBe('Done')
  })

  test('is let be where Node is not used: package.json beside Python', async () => {
    const text =
      'import unittest\nfrom store import get\n\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(get(1), 1)\n'
    const { outcome } = await runPipeline(
      spec,
      'spec',
      { 'package.json': '[]', 'pyproject.toml': '[tool' },
      [`x.py\n\`\`\`python\n${text}\`\`\`\n`],
      { overrides: { files: ['store.py'] } },
    )

    expect(outcome.failure?.message ?? outcome.verdict).toBe('Done')
  })
})
