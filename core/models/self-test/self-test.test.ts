import { beforeAll, describe, expect, test } from 'vitest'
import { loadScripts } from '../../../rehearsal/script.ts'
import { startRehearsal } from '../../../test/support/rehearsal.ts'
import { VirtualClock } from '../../../test/support/virtual-clock.ts'
import type { ModelErrorCode, ModelResult } from '../../api/agent-protocol.ts'
import { systemClock, systemRandom } from '../../base/clock.ts'
import { answerOf } from '../answers/answer.ts'
import { ModelError } from '../errors.ts'
import { createGateway, type Gateway, type GatewayCall } from '../gateway.ts'
import { contextProbe, judgeFile, judgeMemory } from './probes.ts'
import { modelProfile } from '../profile.ts'
import { selfTest } from './self-test.ts'

const { signal } = new AbortController()
const profile = modelProfile.parse({ name: 'smollm2:135m', endpoint: 'http://x' })
const fence = '```'
const good = {
  schema: '{"a_count": 5, "b_more": "red"}',
  fence: `${fence}js\nexport function clamp(value, low, high) {\n  return value\n}\n${fence}`,
  context: 'Marzipan.',
}
type Answers = Readonly<Record<keyof typeof good, string | ModelError>>

/** A model that gives these answers, 50 tokens in 2 seconds after 10 seconds of reading. */
async function run(answers: Partial<Answers>) {
  const clock = new VirtualClock()
  const asked: GatewayCall[] = []
  const call: Gateway['call'] = async (request, options) => {
    asked.push(request)
    const probe = request.purpose.replace('self-test.', '')
    const text = Object.entries({ ...good, ...answers }).find(([name]) => name === probe)?.[1] ?? ''
    options?.onEvent?.({ kind: 'started', model: request.model })
    clock.suspend(10_000)
    options?.onEvent?.({ kind: 'progress', tokens: 16 })
    clock.suspend(2000)
    if (text instanceof ModelError) throw text
    return result(request, text)
  }
  return { result: await selfTest({ call, profile, signal, clock }), asked }
}

const fails = (code: ModelErrorCode) => new ModelError(code, 'the answer was empty')

/** As the gateway makes it of an answer. */
function result(request: GatewayCall, text: string): ModelResult {
  const { blocks, value } = answerOf(request, { text, cut: false }, request.maxTokens)
  const outputTokens = 66
  return {
    kind: 'result',
    model: request.model,
    text,
    blocks,
    inputTokens: 1,
    outputTokens,
    trace: 'x',
    ...(value === undefined ? {} : { value }),
  }
}

const cases: readonly {
  readonly name: string
  readonly answers: Partial<Answers>
  readonly tier: string
  readonly sentence: RegExp
}[] = [
  {
    name: 'passes all three is good',
    answers: {},
    tier: 'good',
    sentence: /^smollm2:135m follows a form, writes a file and keeps its context$/,
  },
  {
    name: 'forgets the beginning is basic',
    answers: { context: 'I do not know.' },
    tier: 'basic',
    sentence: /short prompts only: it had lost the beginning of a text of about 1200 tokens/,
  },
  {
    name: 'has a smaller context than it was said to have is basic',
    answers: { context: fails('ContextTooSmall') },
    tier: 'basic',
    sentence: /short prompts only/,
  },
  {
    name: 'answers a trivial question wrong is weak',
    answers: { schema: '{"a_count": 0, "b_more": "red"}' },
    tier: 'weak',
    sentence:
      /^smollm2:135m is too weak to plan or to write code: it did not answer a simple question right .*"a_count":0.*Use .* qwen2\.5-coder:7b \(spec\.model, or --set model\.name=/,
  },
  {
    name: 'does not follow a schema is weak',
    answers: { schema: fails('OutputUnusable') },
    tier: 'weak',
    sentence: /write code: it did not follow a form: the answer was empty\. Use/,
  },
  {
    name: 'writes no fenced file is weak',
    answers: { fence: 'You could use Math.min and Math.max for that.' },
    tier: 'weak',
    sentence: /did not put the file that it was asked for into a fenced block/,
  },
  {
    name: 'fails at two things hears of both',
    answers: {
      schema: fails('OutputUnusable'),
      fence: fails('OutputUnusable'),
      context: fails('OutputUnusable'),
    },
    tier: 'weak',
    sentence:
      /did not follow a form: the answer was empty; it did not write a file: the answer was empty\. Use/,
  },
]
test.each(cases)('a model that $name', async ({ answers, tier, sentence }) => {
  const { result: found } = await run(answers)
  expect(found.tier).toBe(tier)
  expect(found.sentence).toMatch(sentence)
  for (const [name, finding] of Object.entries(found.findings)) {
    const right = !Object.hasOwn(answers, name)
    expect(finding.passed, name).toBe(right)
    expect(finding.sentence.length).toBeLessThanOrEqual(300)
  }
})

test.each(['ModelUnavailable', 'ModelMissing', 'Cancelled'] as const)(
  'a model that could not be asked (%s) is not judged',
  async (code) => {
    await expect(run({ fence: fails(code) })).rejects.toMatchObject({ code })
  },
)

test('the speed is that of writing, without waiting and reading', async () => {
  expect((await run({})).result.tokensPerSecond).toBe(25)
})

test('an answer that was too short to measure gives no speed', async () => {
  expect((await run({ fence: fails('OutputUnusable') })).result.tokensPerSecond).toBeUndefined()
})

test('the questions are cheap', async () => {
  const { asked } = await run({})
  expect(asked.map(({ maxTokens }) => maxTokens)).toEqual([60, 120, 20])
})

describe('a file', () => {
  const block = (text: string, path?: string) => ({ text, ...(path === undefined ? {} : { path }) })
  test.each([
    { name: 'with a default export', blocks: [block('export default function clamp(a) {}')] },
    {
      name: 'with a list of exports',
      blocks: [block('const clamp = (a) => a\nexport { clamp };')],
    },
    { name: 'of the older kind', blocks: [block('module.exports = { clamp: (a) => a }')] },
    {
      name: 'beside an example of its use',
      blocks: [block('clamp(1)'), block('export const clamp = (a) => a')],
    },
    {
      name: 'under its path, beside a longer one',
      blocks: [block('export const clamp = 1', 'src/clamp.js'), block('this is { no code at all')],
    },
  ])('$name passes', ({ blocks }) => {
    expect(judgeFile(blocks)).toMatchObject({ passed: true })
  })
  test.each([
    {
      name: 'in another language',
      text: 'def clamp(value, low, high):\n  return value',
      want: /JavaScript/,
    },
    {
      name: 'that breaks off',
      text: 'export function clamp(value) {\n  if (value',
      want: /JavaScript/,
    },
    {
      name: 'with another function',
      text: 'export function limit(value) {}',
      want: /without the function/,
    },
  ])('$name does not pass', ({ text, want }) => {
    expect(judgeFile([block(text)])).toMatchObject({
      passed: false,
      sentence: expect.stringMatching(want),
    })
  })
  test('is never run', () => {
    Reflect.deleteProperty(globalThis, 'ran')
    judgeFile([block('globalThis.ran = true; export function clamp() {}')])
    expect(globalThis).not.toHaveProperty('ran')
  })
})

describe('the long text', () => {
  test.each([
    { contextTokens: 1024, tokens: 256 },
    { contextTokens: 4096, tokens: 1024 },
    { contextTokens: 32_768, tokens: 1200 },
  ])('for a context of $contextTokens has about $tokens tokens', ({ contextTokens, tokens }) => {
    const probe = contextProbe(contextTokens)
    const text = probe.sections.at(-1)?.text ?? ''
    expect(probe.tokens).toBe(tokens)
    expect(Math.abs(text.length / 4 - tokens)).toBeLessThan(20)
    const sentences = text.split('. ').slice(0, 200)
    expect(new Set(sentences).size).toBe(sentences.length)
  })
  test('does not hold the answer', () => {
    const probe = contextProbe(4096)
    expect(judgeMemory(probe.sections.at(-1)?.text ?? '', probe).passed).toBe(false)
    expect(judgeMemory(probe.instruction, probe).passed).toBe(false)
  })
})

describe('the rehearsal model', () => {
  let rules: Awaited<ReturnType<typeof loadScripts>>
  beforeAll(async () => {
    rules = await loadScripts('rehearsal/scripts')
  })

  test.each([1024, 8192])(
    'passes with a context of %i, so that demonstrations go on',
    async (contextTokens) => {
      await using server = await startRehearsal({ rules })
      const { endpoint } = server
      const rehearsal = modelProfile.parse({ name: 'rehearsal', endpoint, contextTokens })
      const gateway = createGateway({
        profile: () => rehearsal,
        clock: systemClock,
        random: systemRandom,
      })
      const { call } = gateway
      const found = await selfTest({ call, profile: rehearsal, signal, clock: systemClock })
      expect(found).toMatchObject({ tier: 'good' })
    },
  )
})
