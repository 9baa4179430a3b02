// Specs that set something up around their tests: where the code is missing that fails, and what
// follows from it is not a fault of the spec.
import { describe, expect, test, vi } from 'vitest'
import { spec } from '../../agent-image/agent/pipelines/spec.ts'
import { isOwnFault } from '../../agent-image/agent/pipelines/spec-judgement.ts'
import { fenced, runPipeline } from '../support/agent/pipeline-fixture.ts'

vi.setConfig({ testTimeout: 90_000 })

const head =
  "import { test, describe, it, before, after, beforeEach, afterEach } from 'node:test'\nimport assert from 'node:assert/strict'\nimport { openStore } from '../src/store.js'\n"
const python = { 'pyproject.toml': '[project]\nname = "store"\n', 'other.py': 'x = 1\n' }
const pythonHead = 'import threading\nimport unittest\nfrom store import open_store\n\n'

const ended = async (text: string) => {
  const isPython = text.includes('def test')
  const { outcome } = await runPipeline(
    spec,
    'spec',
    isPython ? python : {},
    [isPython ? `x.py\n\`\`\`python\n${pythonHead}${text}\n\`\`\`\n` : fenced('x', head + text)],
    { overrides: { files: [isPython ? 'store.py' : 'src/store.js'] } },
  )
  return outcome
}

describe('hooks that fail because the code is missing', () => {
  test.each<[string, string]>([
    [
      'around the whole file',
      "let s\nbefore(async () => { s = await openStore(); await s.ready() })\nafter(async () => { await s.close() })\ntest('reads', () => { assert.equal(s.get('a'), 1) })",
    ],
    [
      'that clear up what a suite never declared',
      "describe('store', () => { after(() => s.close())\n const s = openStore().begin()\n test('reads', () => { assert.equal(s.get('a'), 1) }) })\ntest('opens', () => { assert.equal(openStore().size, 0) })",
    ],
    [
      'that put their thing where all see it',
      "before(() => { globalThis.store = openStore().begin() })\nafter(() => store.close())\ntest('reads', () => { assert.equal(store.get('a'), 1) })",
    ],
    [
      'for each test',
      "let s\nbeforeEach(async () => { s = openStore(); await s.begin() })\nafterEach(async () => { await s.end() })\ntest('reads', () => { assert.equal(s.get('a'), 1) })\ntest('sizes', () => { assert.equal(s.size, 0) })",
    ],
    [
      'at the end only',
      "const s = openStore()\nafter(() => s.close())\ntest('reads', () => { assert.equal(s.get('a'), 1) })",
    ],
    [
      'that wait for ever',
      "let s\nbefore(async () => { s = openStore(); while (s?.isOpen !== true) await new Promise((r) => setTimeout(r, 20)) }, { timeout: 300 })\nafter(() => s.close())\ntest('reads', () => { assert.equal(s.get('a'), 1) })",
    ],
    [
      'of a module in Python',
      "def setUpModule():\n    global store\n    store = open_store().begin()\n\ndef tearDownModule():\n    store.close()\n\nclass T(unittest.TestCase):\n    def test_reads(self):\n        self.assertEqual(store.get('a'), 1)\n",
    ],
    [
      'of a class in Python, with a thread',
      "class T(unittest.TestCase):\n    @classmethod\n    def setUpClass(cls):\n        cls.s = open_store()\n        cls.t = threading.Thread(target=lambda: cls.s.serve())\n        cls.t.start()\n    @classmethod\n    def tearDownClass(cls):\n        cls.s.close()\n        cls.t.join()\n    def test_reads(self):\n        self.assertEqual(self.s.get('a'), 1)\n",
    ],
    [
      'that are async in Python',
      "class T(unittest.IsolatedAsyncioTestCase):\n    async def asyncSetUp(self):\n        self.s = await open_store()\n    async def asyncTearDown(self):\n        await self.s.close()\n    async def test_reads(self):\n        self.assertEqual(await self.s.get('a'), 1)\n",
    ],
  ])('do not make the spec a bad one: %s', async (_, text) => {
    const outcome = await ended(text)
    expect(outcome.failure?.message ?? outcome.verdict).toBe('Done')
  })
})

describe('what is the fault of the spec is told as such', () => {
  test.each<[string, string, RegExp]>([
    [
      'a hook with a name that is nowhere',
      "after(() => { server.close() })\ntest('reads', () => { assert.equal(openStore().get('a'), 1) })",
      /tests themselves are wrong[^]*server is not defined/,
    ],
    [
      'a hook that fails beside tests of nothing',
      "after(() => { openStore().close() })\ntest('adds', () => { assert.equal([1].concat(2).length, 2) })",
      /All tests pass before the code exists/,
    ],
    [
      'a name that only another function knows',
      'class T(unittest.TestCase):\n    def setUp(self):\n        data = 1\n    def test_reads(self):\n        self.assertEqual(open_store(), data)\n',
      /tests themselves are wrong[^]*data/,
    ],
    [
      'an import that gives no such name',
      "import { readFiles } from 'node:fs'\nlet s\nbefore(() => { s = openStore() })\nafter(() => s.close())\ntest('reads', () => { assert.equal(s.get(readFiles), 1) })",
      /cannot be run[^]*readFiles/,
    ],
  ])('%s', async (_, text, says) => {
    const { verdict, failure } = await ended(text)
    expect(verdict).toBe('ChecksFailed')
    expect(failure?.message).toMatch(says)
  })
})

test.each([
  ['ReferenceError: a is not defined', '', true],
  ['ReferenceError: a is not defined', 'global.a = 1', false],
  ['ReferenceError: a is not defined', "globalThis['a'] = f()", false],
  ['ReferenceError: a is not defined', 'globalThis.ab = f()', true],
  ["NameError: name 'a' is not defined", 'a = 1', true],
  ["NameError: name 'a' is not defined", '    global b, a\n', false],
  ["TypeError: Cannot read properties of undefined (reading 'close')", '', false],
  ["AttributeError: 'NoneType' object has no attribute 'close'", '', false],
])('%s, with %j in the text: the fault of the spec is %s', (message, text, want) => {
  expect(isOwnFault({ message }, text)).toBe(want)
})
