// Tests that leave something in the project are asked for again; the code is not blamed for it.
import { describe, expect, test } from 'vitest'
import { code } from '../../agent-image/agent/pipelines/code.ts'
import { spec } from '../../agent-image/agent/pipelines/spec.ts'
import { fenced, head, runPipeline } from '../support/agent/pipeline-fixture.ts'

const store = `import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
export function save(path, text) { writeFileSync(path, text) }
export function make(path) { mkdirSync(path) }
export function remove(path) { rmSync(path) }
export function once(path) { if (existsSync(path)) throw new Error('it is there'); writeFileSync(path, '1') }
`
const project = { 'src/store.js': store, 'data.json': '{"a":1}\n' }
const imports = `${head}import { slugify } from '../src/slug.js'\nimport * as store from '../src/store.js'\n`
const asks = "test('joins', () => { assert.equal(slugify('a b'), 'a-b') })\n"
const write = (body: string): string => fenced('x', `${imports}${asks}${body}`)

describe('a spec that leaves something in the project is asked for again', () => {
  test.each<[string, string, RegExp]>([
    [
      'a file that the project’s own code writes',
      "test('b', () => { store.save('out.txt', '1'); assert.equal(slugify('B'), 'b') })\n",
      /leave out\.txt in the project/,
    ],
    [
      'a database',
      "import { DatabaseSync } from 'node:sqlite'\nconst db = new DatabaseSync('shop.db')\ntest('b', () => { db.exec('create table if not exists t (a)'); assert.equal(slugify('B'), 'b') })\n",
      /leave shop\.db in the project/,
    ],
    [
      'a folder',
      "test('b', () => { store.make('cache'); assert.equal(slugify('B'), 'b') })\n",
      /leave cache\/ in the project/,
    ],
    [
      'a changed file of the project',
      "test('b', () => { store.save('data.json', '{\"a\":2}'); assert.equal(slugify('B'), 'b') })\n",
      /change data\.json/,
    ],
    [
      'a hole where a file of the project was',
      "test('b', () => { store.remove('data.json'); assert.equal(slugify('B'), 'b') })\n",
      /remove data\.json/,
    ],
    [
      'a file whose name is put together, and that the next run stumbles over',
      "test('b', () => { store.once(['o', 'ut'].join('')); assert.equal(1 + slugify.length * 0, 1) })\n",
      /leave out in the project, and so this no longer passes: .*> b/,
    ],
  ])(
    '%s',
    async (_what, body, want) => {
      const good = fenced('x', `${imports}${asks}`)
      const { outcome, model } = await runPipeline(spec, 'spec', project, [write(body), good])
      expect(outcome.verdict).toBe('Done')
      expect(model.asked).toBe(2)
      expect(JSON.stringify(model.questions[1])).toMatch(want)
    },
    60_000,
  )
})

describe('a spec that leaves nothing of its own is taken', () => {
  test.each<[string, string, Readonly<Record<string, string>>]>([
    [
      'it removes the file in a hook',
      "import { rmSync } from 'node:fs'\nimport { after } from 'node:test'\nafter(() => rmSync('out.txt', { force: true }))\ntest('b', () => { store.save('out.txt', '1'); assert.equal(slugify('B'), 'b') })\n",
      {},
    ],
    [
      'it removes the file at the end of a test that fails before the code exists',
      "import { rmSync } from 'node:fs'\ntest('b', () => { store.save('out.txt', '1'); assert.equal(slugify('B'), 'b'); rmSync('out.txt') })\n",
      {},
    ],
    [
      'it works in a folder for temporary files',
      "import { mkdtempSync } from 'node:fs'\nimport { tmpdir } from 'node:os'\ntest('b', () => { store.save(`${mkdtempSync(`${tmpdir()}/a-`)}/out.txt`, '1'); assert.equal(slugify('B'), 'b') })\n",
      {},
    ],
    [
      'the project writes a log when it is loaded',
      "test('says app.log', () => { assert.equal(slugify('app.log'), 'app.log') })\n",
      {
        'src/store.js': `import { appendFileSync } from 'node:fs'\nappendFileSync('app.log', 'loaded')\n`,
      },
    ],
    [
      'the project keeps what it is told where it always does, and no test minds',
      "test('b', () => { store.keep('1'); assert.equal(slugify('B'), 'b') })\n",
      {
        'src/store.js':
          "import { writeFileSync } from 'node:fs'\nexport const keep = (text) => writeFileSync('kept.txt', text)\n",
      },
    ],
  ])(
    '%s',
    async (_what, body, files) => {
      const { outcome, model } = await runPipeline(spec, 'spec', { ...project, ...files }, [
        write(body),
      ])
      expect(outcome, JSON.stringify(outcome)).toMatchObject({ verdict: 'Done' })
      expect(model.asked).toBe(1)
    },
    60_000,
  )
})

describe('with the code, what the tests leave is told as theirs', () => {
  const appends = fenced(
    'src/slug.js',
    "import { appendFileSync } from 'node:fs'\nexport const log = (text) => appendFileSync('app.log', `${text}\\n`)\n",
  )
  test.each<[string, string, Readonly<Record<string, string>>, string, RegExp]>([
    [
      'the tests pass once',
      `${head}import { readFileSync } from 'node:fs'\nimport { log } from '../src/slug.js'\ntest('logs', () => { log('a'); assert.equal(readFileSync('app.log', 'utf8'), 'a\\n') })\n`,
      {},
      appends,
      /The tests in test\/slug\.test\.js leave app\.log in the project, and only so do tests fail/,
    ],
    [
      'a person’s test cannot pass behind them',
      `${head}import { existsSync } from 'node:fs'\nimport { log } from '../src/slug.js'\ntest('logs', () => { log('a'); assert.equal(existsSync('app.log'), true) })\n`,
      {
        'test/z.test.js': `${head}import { existsSync } from 'node:fs'\ntest('is clean', () => { assert.equal(existsSync('app.log'), false) })\n`,
      },
      appends,
      /The tests in test\/slug\.test\.js leave app\.log in the project/,
    ],
    [
      'what nobody asked for is the code’s doing',
      `${head}import { slugify } from '../src/slug.js'\ntest('joins', () => { assert.equal(slugify('a b'), 'a-b') })\n`,
      {},
      fenced(
        'src/slug.js',
        "import { existsSync, writeFileSync } from 'node:fs'\nexport function slugify(text) {\n  if (existsSync('seen.txt')) return ''\n  writeFileSync('seen.txt', '1')\n  return text.replaceAll(' ', '-')\n}\n",
      ),
      /^The tests pass once, and fail when they are run again/,
    ],
  ])(
    '%s',
    async (_what, text, files, answer, want) => {
      const { outcome } = await runPipeline(code, 'code', files, [answer], {
        spec: { 'test/slug.test.js': text },
      })
      expect(outcome.verdict).toBe('ChecksFailed')
      expect(outcome.failure?.message).toMatch(want)
    },
    60_000,
  )
})
