// Specs that replace what they are to test and call the replacement, and those that replace only
// what that uses.
import { describe, expect, test } from 'vitest'
import { specProblems } from './spec-gate.ts'
import { unitOf } from './spec-imports.ts'

const jsHead =
  "import { test, mock, beforeEach } from 'node:test'\nimport assert from 'node:assert/strict'\nimport * as mod from '../src/slug.js'\nimport slug, { Slugger, slugify, makeSlugger } from '../src/slug.js'\nimport { store } from '../src/store.js'\n"
const pyHead =
  'import unittest\nfrom unittest import mock\nfrom unittest.mock import MagicMock, patch\nimport slug\nfrom slug import Slugger, slugify\nimport store\n'
const isUnit = unitOf(
  'test/slug.test.js',
  { files: ['src/slug.js'], known: ['src/slug.js', 'src/store.js'], mains: new Map() },
  new Map([['src/slug.js', new Set(['slugify'])]]),
)
const isPythonUnit = unitOf(
  'tests/test_slug.py',
  { files: ['slug.py'], known: ['slug.py', 'store.py'], mains: new Map() },
  new Map([['slug.py', new Set(['slugify'])]]),
)
const node = (body: string): string =>
  specProblems('test/slug.test.js', jsHead + body, undefined, 'module', isUnit).join('\n')
const inTest = (body: string): string => node(`test('a', async (t) => { ${body} })`)
const python = (body: string, decorator = '', parameters = ''): string =>
  specProblems(
    'tests/test_slug.py',
    `${pyHead}class T(unittest.TestCase):\n${decorator && `    ${decorator}\n`}    def test_a(self${parameters}):\n${body.replace(/^/gm, '        ')}\n`,
    undefined,
    'module',
    isPythonUnit,
  ).join('\n')
const refused = /A test calls a replacement of what it is to test/

describe('a replacement of what is tested, called by the test, is refused', () => {
  test.each([
    [
      "const o = { ...mod }; t.mock.method(o, 'slugify', () => 'a'); assert.equal(o.slugify('A'), 'a')",
    ],
    [
      "const o = Object.assign({}, mod); t.mock.method(o, 'slugify', () => 'a'); assert.equal(o.slugify('A'), 'a')",
    ],
    [
      "const api = { slugify: mod.slugify }; mock.method(api, 'slugify', () => 'a'); assert.equal(api.slugify('A'), 'a')",
    ],
    [
      "t.mock.method(Slugger.prototype, 'run', () => 'a'); assert.equal(new Slugger().run('A'), 'a')",
    ],
    ["t.mock.method(slug, 'slugify', () => 'a'); assert.equal(slug.slugify('A'), 'a')"],
    ["const s = new Slugger(); s.run = () => 'a'; assert.equal(s.run('A'), 'a')"],
    [
      "const s = await makeSlugger(); s.run = t.mock.fn(() => 'a'); assert.equal(await s.run('A'), 'a')",
    ],
    [
      "Slugger.prototype.run = function () { return 'a' }; assert.equal(new Slugger().run('A'), 'a')",
    ],
    [
      "const alias = slug; Object.defineProperty(alias, 'slugify', { value: () => 'a' }); assert.equal(alias.slugify('A'), 'a')",
    ],
    ["Object.assign(slug, { slugify: () => 'a' }); assert.equal(slug.slugify('A'), 'a')"],
    ["const o = { ...mod, slugify: () => 'a' }; assert.equal(o.slugify('A'), 'a')"],
    [
      "t.mock.method(slug, 'slugify'); slug.slugify.mock.mockImplementation(() => 'a'); assert.equal(slug.slugify('A'), 'a')",
    ],
    [
      "const m = t.mock.method(slug, 'slugify'); m.mock.mockImplementation(() => 'a'); assert.equal(slug.slugify('A'), 'a')",
    ],
    ["const f = mock.fn(slugify, () => 'a'); assert.equal(f('A'), 'a')"],
    ["t.mock.method(slug, 'slugify', () => 'a'); assert.equal(slug.slugify.call(null, 'A'), 'a')"],
    [
      "class Own extends Slugger {}; t.mock.method(Own.prototype, 'run', () => 'a'); assert.equal(new Own().run('A'), 'a')",
    ],
  ])('js: %s', (body) => {
    expect(inTest(body)).toMatch(refused)
  })

  test('in a hook, for each test', () => {
    expect(
      node(
        "let s\nbeforeEach(() => { s = new Slugger(); mock.method(s, 'run', () => 'a') })\ntest('a', () => { assert.equal(s.run('A'), 'a') })",
      ),
    ).toMatch(refused)
  })

  test.each([
    ["slug.slugify = lambda text: 'a'\nself.assertEqual(slug.slugify('A'), 'a')"],
    ["setattr(slug, 'slugify', lambda text: 'a')\nself.assertEqual(slug.slugify('A'), 'a')"],
    ["s = Slugger()\ns.run = MagicMock(return_value='a')\nself.assertEqual(s.run('A'), 'a')"],
    ["Slugger.run = lambda self, text: 'a'\nself.assertEqual(Slugger().run('A'), 'a')"],
    [
      "with mock.patch.object(slug, 'slugify', return_value='a'):\n    self.assertEqual(slug.slugify('A'), 'a')",
    ],
    ["with patch('slug.slugify', lambda text: 'a'):\n    self.assertEqual(slug.slugify('A'), 'a')"],
    [
      "with patch.multiple(slug, slugify=lambda text: 'a'):\n    self.assertEqual(slug.slugify('A'), 'a')",
    ],
    [
      "import types\no = types.SimpleNamespace(**vars(slug))\no.slugify = lambda text: 'a'\nself.assertEqual(o.slugify('A'), 'a')",
    ],
  ])('python: %s', (body) => {
    expect(python(body)).toMatch(refused)
  })

  test('python: by a decorator', () => {
    const body = "self.assertEqual(Slugger().run('A'), 'a')"
    expect(python(body, "@patch.object(Slugger, 'run', return_value='a')", ', m')).toMatch(refused)
  })
})

describe('what tested code uses may be replaced, and spies may be set', () => {
  test.each([
    [
      "t.mock.method(globalThis, 'fetch', async () => ({ ok: true })); assert.equal(await slugify('A'), 'a')",
    ],
    ["t.mock.method(store, 'get', () => 'a'); assert.equal(store.get('x'), slugify('A'))"],
    [
      "const clock = { now: () => 0 }; t.mock.method(clock, 'now', () => 9); assert.equal(clock.now(), 9); assert.equal(slugify(clock), 'a')",
    ],
    ["const s = new Slugger(); t.mock.method(s, 'lower', (x) => x); assert.equal(s.run('A'), 'A')"],
    [
      "const spy = t.mock.method(slug, 'slugify'); assert.equal(slug.slugify('A'), 'a'); assert.equal(spy.mock.callCount(), 1)",
    ],
    ["const spy = t.mock.fn(slugify); assert.equal(spy('A'), 'a')"],
    ["const f = t.mock.fn(() => 'a'); assert.equal(slugify('A'), f())"],
    [
      "t.mock.method(slug, 'lower', () => 'x'); assert.equal(slug.slugify('A'), 'x'); t.mock.restoreAll(); assert.equal(slug.lower('A'), 'a')",
    ],
    [
      "const s = new Slugger({ onError: () => {} }); s.onitem = () => {}; assert.equal(s.run('A'), 'a')",
    ],
    [
      "const s = new Slugger(); s.limit = 3; assert.equal(s.limit, 3); assert.equal(s.run('A'), 'a')",
    ],
    ["const deps = { ...store, now: () => 1 }; assert.equal(slugify('A', deps), deps.now())"],
  ])('js: %s', (body) => {
    expect(inTest(body)).toBe('')
  })

  test('of one test does not count for another', () => {
    expect(
      node(
        "test('a', (t) => { t.mock.method(slug, 'lower', () => 'x'); assert.equal(slug.slugify('A'), 'x') })\ntest('b', () => { assert.equal(slug.lower('A'), 'a') })",
      ),
    ).toBe('')
  })

  test.each([
    [
      "with patch('slug.fetch', return_value='a'):\n    self.assertEqual(slug.slugify('A'), 'a')\nself.assertEqual(slug.fetch('x'), 'y')",
    ],
    [
      "with patch.object(store, 'get', return_value='a') as get:\n    self.assertEqual(store.get(), slug.slugify('A'))",
    ],
    ["with patch('sys.argv', ['slug', 'A']):\n    self.assertEqual(slug.main(), 'a')"],
    [
      "s = Slugger()\ns.lower = MagicMock(return_value='x')\nself.assertEqual(s.run('A'), 'x')\ns.lower.assert_called_once_with('A')",
    ],
    [
      "with patch.object(slug, 'slugify', wraps=slug.slugify) as spy:\n    self.assertEqual(slug.slugify('A'), 'a')\n    spy.assert_called_once()",
    ],
    ["m = MagicMock(side_effect=slugify)\nself.assertEqual(m('A'), 'a')"],
    ["s = Slugger()\ns.limit = 3\nself.assertEqual(s.run('A'), 'a')"],
  ])('python: %s', (body) => {
    expect(python(body)).toBe('')
  })
})
