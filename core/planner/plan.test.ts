import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ModelResult } from '../api/agent-protocol.ts'
import type { Unit } from '../api/devrequest.ts'
import { ModelError } from '../models/errors.ts'
import type { GatewayCall } from '../models/gateway.ts'
import { planProblems } from './check-plan.ts'
import type { RepositoryFacts } from './facts.ts'
import { makePlan, type PlanInput } from './plan.ts'

const facts: RepositoryFacts = {
  files: ['README.md', 'package.json'],
  truncated: false,
  language: 'node',
  languageAssumed: false,
  manifest: 'package.json: name tools, ES modules, test: node --test',
  readme: '',
  symbols: [],
}
const limits = { maxTasks: 30, maxParallel: 10, taskTimeoutSeconds: 1800, maxAttempts: 3 }
const request =
  'Write slugify in src/slug.js and wrap(text, width) in src/wrap.js. Describe both in the README.'

interface Ask {
  readonly calls: GatewayCall[]
  readonly call: PlanInput['call']
}
/**
 * Answers the nth call with the nth thing; a ModelError is thrown. The last one goes on for ever.
 */
function answering(...answers: readonly unknown[]): Ask {
  const calls: GatewayCall[] = []
  return {
    calls,
    call: async (asked) => {
      const answer = answers[Math.min(calls.length, answers.length - 1)]
      calls.push(asked)
      if (answer instanceof ModelError) throw answer
      const text = typeof answer === 'string' ? answer : JSON.stringify(answer)
      const counts = { inputTokens: 1, outputTokens: 1, trace: 't' }
      return {
        kind: 'result',
        model: 'm',
        text,
        blocks: [],
        value: answer,
        ...counts,
      } satisfies ModelResult
    },
  }
}

function inputOf(
  ask: Ask,
  changes: Partial<PlanInput['spec']> = {},
  tier: 'good' | 'weak' = 'good',
): PlanInput {
  return {
    request: 'hello',
    spec: { request, priority: 'normal', limits, ...changes },
    profile: { name: 'm', tier },
    facts,
    call: ask.call,
  }
}

const unit = (goal: string, file: string, d_after = 0) => ({
  a_goal: goal,
  b_files: [file],
  c_done_when: 'it works',
  d_after,
})
const good = {
  a_units: [unit('slugify', 'src/slug.js'), unit('wrap(text, width)', 'src/wrap.js')],
  b_docs: true,
  c_deploy: false,
}
const codeFiles = (made: Awaited<ReturnType<typeof makePlan>>) =>
  made.plan.tasks.filter((task) => task.action === 'code').map((task) => task.files)

test('a good answer becomes a plan at once: notes, then units', async () => {
  const ask = answering('two functions', good)
  const made = await makePlan(inputOf(ask), {})
  expect(ask.calls.map((call) => call.purpose)).toEqual(['plan.notes', 'plan.units'])
  expect(ask.calls[1]?.sections.find((one) => one.title === 'Notes')?.text).toBe('two functions')
  expect(made.plan).toMatchObject({ source: 'model', model: 'm', attempts: 2, warnings: [] })
  expect(made.plan.waves[2]).toEqual(['hello-code-slug', 'hello-code-wrap'])
  expect(made.transcript.map((entry) => entry.outcome)).toEqual(['used', 'used'])
  expect(made.transcript[1]?.text).toBe(JSON.stringify(good))
})

test.each([
  ['cut in the middle', 'slugify in src/slug.js, wr', 'slugify in src/slug.js, wr'],
  ['a copy of the example', 'zqLampHours tells the hours of the', undefined],
  ['without end', 'I must think. '.repeat(100), undefined],
  ['empty', '', undefined],
])('notes that are %s help only when they are about the request', async (_, text, want) => {
  const ask = answering(new ModelError('OutputUnusable', 'it was given up', { text }), good)
  const made = await makePlan(inputOf(ask), {})
  expect(ask.calls[1]?.sections.find((one) => one.title === 'Notes')?.text).toBe(want)
  expect(made.plan.source).toBe('model')
})

test('the same answers give the same plan, and another unit another hash', async () => {
  const hash = async (value: unknown) =>
    (await makePlan(inputOf(answering('n', value)), {})).plan.hash
  expect(await hash(good)).toBe(await hash(structuredClone(good)))
  expect(await hash({ ...good, b_docs: false })).toBe(await hash(good))
  const other = {
    ...good,
    a_units: [unit('slugify and wrap', 'src/slug.js'), unit('b', 'src/wrap.js')],
  }
  expect(await hash(other)).not.toBe(await hash(good))
})

test('notes that were cut are used as far as they came', async () => {
  const cut = new ModelError('OutputUnusable', 'it was cut off', { text: 'two functions, and' })
  const ask = answering(cut, good)
  const made = await makePlan(inputOf(ask), {})
  const notes = ask.calls[1]?.sections.find((one) => one.title === 'Notes')
  expect(notes?.text).toBe('two functions, and')
  expect(made.transcript[0]?.outcome).toBe('used all the same: it was cut off')
})

test('a forgotten part is asked for again, with what failed', async () => {
  const half = { ...good, a_units: good.a_units.slice(0, 1) }
  const ask = answering('n', half, good)
  const made = await makePlan(inputOf(ask), {})
  expect(ask.calls.map((call) => call.purpose)).toEqual(['plan.notes', 'plan.units', 'plan.repair'])
  const failed = ask.calls[2]?.sections.find((one) => one.title === 'What failed')
  expect(failed?.text).toContain('no unit mentions src/wrap.js')
  expect(codeFiles(made)).toEqual([['src/slug.js'], ['src/wrap.js']])
  expect(made.plan.warnings).toEqual([])
})

test('the best answer is kept when the repairs do not help, and the plan says what is missing', async () => {
  const half = { ...good, a_units: good.a_units.slice(0, 1) }
  const ask = answering('n', half)
  const made = await makePlan(inputOf(ask), {})
  // The same answer a second time ends the asking.
  expect(ask.calls).toHaveLength(3)
  expect(made.plan.source).toBe('model')
  expect(made.plan.warnings.join()).toContain('src/wrap.js')
  const outcomes = made.transcript.map((entry) => entry.outcome)
  expect(outcomes[1]).toMatch(/^used all the same: no unit mentions/)
  expect(outcomes[2]).toMatch(/^no unit mentions/)
})

test.each([
  ['prose', 'I cannot do that'],
  ['nothing but a copy of the example', { ...good, a_units: [unit('x', 'src/zq-lamp.js')] }],
  ['an answer that was cut', new ModelError('OutputUnusable', 'it was cut off', { text: '{"a_' })],
])('an answer that is %s ends in one unit and a warning, never in a failure', async (_, answer) => {
  const made = await makePlan(inputOf(answering('n', answer)), {})
  expect(made.plan.source).toBe('template')
  expect(made.plan.attempts).toBe(3)
  expect(codeFiles(made)).toEqual([['src/slug.js', 'src/wrap.js']])
  expect(made.plan.warnings.join()).toContain('became one unit')
})

test.each([
  [
    'words that are no plan',
    new ModelError('OutputUnusable', 'the answer holds no JSON object', {
      text: 'I am out of\n\u001B[1mcredit\u001B[0m.',
    }),
    'the answer holds no JSON object; it began: "I am out of credit."',
  ],
  [
    'an answer that was cut',
    new ModelError('OutputUnusable', 'it was cut off', { text: '{"a_' }),
    'it was cut off; it began: "{"a_"',
  ],
  ['nothing', new ModelError('OutputUnusable', 'the answer was empty'), '(the answer was empty)'],
])('a plan without the model says what the model said: %s', async (_, answer, want) => {
  const made = await makePlan(inputOf(answering('n', answer)), {})
  expect(made.plan.warnings.join()).toContain(want)
})

test('a server that refuses the question of the units is not asked again, and its words are told', async () => {
  const ask = answering(new ModelError('QuestionRefused', 'the server said: I have no script.'))
  const made = await makePlan(inputOf(ask), {})
  expect(ask.calls.map(({ purpose }) => purpose)).toEqual(['plan.notes', 'plan.units'])
  expect(made.plan.source).toBe('template')
  expect(made.plan.warnings.join()).toContain('the server said: I have no script.')
})

test('a model that copied the example does not see it again', async () => {
  const copy = { ...good, a_units: [unit('x', 'src/zq-lamp.js')] }
  const ask = answering('n', copy, good)
  const made = await makePlan(inputOf(ask), {})
  const titles = ask.calls.map((call) => call.sections.map((section) => section.title))
  expect(titles[1]).toContain('Example')
  expect(titles[2]).not.toContain('Example')
  expect(JSON.stringify(ask.calls[2]?.sections)).not.toContain('zq')
  expect(made.plan.source).toBe('model')
})

test('a model gets two repairs and no more', async () => {
  const half = { ...good, a_units: good.a_units.slice(0, 1) }
  const ask = answering('n', half, { ...half, b_docs: false }, half, good)
  const made = await makePlan(inputOf(ask), {})
  expect(ask.calls).toHaveLength(4)
  expect(made.plan.attempts).toBe(4)
})

test('a model that is not available is the caller’s to wait for', async () => {
  const gone = new ModelError('ModelUnavailable', 'nothing answers')
  await expect(makePlan(inputOf(answering(gone)), {})).rejects.toBe(gone)
  await expect(makePlan(inputOf(answering('n', gone)), {})).rejects.toBe(gone)
})

test('a budget that is used up is asked for once, and the request becomes one unit', async () => {
  const ask = answering('n', new ModelError('BudgetExhausted', 'may use 1000 tokens'))
  const limited = { ...limits, tokens: 1000 }
  const input = { ...inputOf(ask, { limits: limited }), requestUid: 'uid-hello', usedTokens: 50 }
  const made = await makePlan(input, {})
  expect(ask.calls[0]).toMatchObject({ request: 'hello', requestUid: 'uid-hello' })
  expect(ask.calls.map(({ budget }) => budget)).toEqual([
    { request: { limit: 1000, used: 50 } },
    { request: { limit: 1000, used: 50 } },
  ])
  expect(made.plan.source).toBe('template')
  expect(made.plan.warnings.join()).toContain('may use 1000 tokens')
})

test('a person’s plan asks no model', async () => {
  const units: Unit[] = [
    { name: 'one', goal: 'make one', files: ['src/one.js'], doneWhen: 'one works' },
    { name: 'two', goal: 'make two', files: [], doneWhen: 'two works', after: ['one', 'three'] },
  ]
  const ask = answering('n')
  const made = await makePlan(inputOf(ask, { plan: { units } }), {})
  expect(ask.calls).toEqual([])
  expect(made.plan).toMatchObject({ source: 'person', attempts: 0 })
  expect(made.plan).not.toHaveProperty('model')
  expect(codeFiles(made)).toEqual([['src/one.js'], ['src/two.js']])
  expect(made.plan.warnings).toEqual([
    'Unit two names no file; it gets src/two.js.',
    'Unit two: three is not an earlier unit; it does not wait for it.',
  ])
})

test('a weak model is not asked: one unit for each file the request names', async () => {
  const ask = answering('n')
  const made = await makePlan(inputOf(ask, {}, 'weak'), {})
  expect(ask.calls).toEqual([])
  expect(made.plan.source).toBe('template')
  expect(codeFiles(made)).toEqual([['src/slug.js'], ['src/wrap.js']])
})

test.each([
  [
    'Build a REST API with JWT authentication',
    'Document the API',
    'Review the security of the change',
  ],
  ['Add GET /health to src/server.js', 'Document the API', 'Review the change'],
  ['Store passwords in src/slug.js', 'Document the change', 'Review the security of the change'],
  [request, 'Document the change', 'Review the change'],
])('what is reviewed and documented follows the request: %s', async (text, docs, review) => {
  const { plan } = await makePlan(inputOf(answering('n', good), { request: text }), {})
  const titleOf = (action: string) => plan.tasks.find((task) => task.action === action)?.title
  expect([titleOf('document'), titleOf('review')]).toEqual([docs, review])
})

test('deployment is not promised', async () => {
  const text = `${request} Then deploy it.`
  const made = await makePlan(inputOf(answering('n', good), { request: text }), {})
  expect(made.plan.warnings.join()).toContain('Deployment is not available')
  expect(made.plan.tasks.every((task) => task.action !== 'deploy')).toBe(true)
})

test('what a model lost of the request’s words is there again, each example with its own unit', async () => {
  const text = [
    'src/slug.js exports slugify(text). slugify("  Crème brûlée  ") is "creme-brulee".',
    'src/wrap.js exports wrap(text, width). wrap("a  b", 1) is "a\\nb".',
  ].join('\n')
  const answer = {
    ...good,
    a_units: [
      {
        ...unit('slugify(text)', 'src/slug.js'),
        c_done_when: 'slugify(" Crème brûlée ") is "creme-brulee"',
      },
      {
        ...unit('wrap(text, width)', 'src/wrap.js'),
        c_done_when: 'slugify(" Crème brûlée ") is right',
      },
    ],
  }
  const { plan } = await makePlan(inputOf(answering('n', answer), { request: text }), {})
  const doneWhen = plan.tasks.filter((task) => task.action === 'code').map((task) => task.doneWhen)
  expect(doneWhen).toEqual([
    'slugify("  Crème brûlée  ") is "creme-brulee"',
    'wrap("a  b", 1) is "a\\nb"',
  ])
  expect(plan.warnings).toEqual([])
})

test('a path that cannot be written is told, with the signs that can be', async () => {
  const text = `${request} Also change src/a%20b.js.`
  const { plan } = await makePlan(inputOf(answering('n', good), { request: text }), {})
  expect(plan.warnings).toEqual([
    expect.stringContaining(
      'The request names src/a%20b.js, which cannot be written: a path has letters',
    ),
  ])
})

test('examples that do not fit into a unit are told', async () => {
  const many = Array.from({ length: 60 }, (_, n) => `slugify("${'x'.repeat(40)} ${n}") is "${n}".`)
  const text = `${request} ${many.join(' ')}`
  const { plan } = await makePlan(inputOf(answering('n', good), { request: text }), {})
  expect(plan.warnings.join()).toContain('examples of the request did not fit into the units')
  for (const { goal, doneWhen } of plan.tasks) {
    expect(goal.length).toBeLessThanOrEqual(4000)
    expect(doneWhen.match(/"/g)?.length ?? 0).toSatisfy((count: number) => count % 2 === 0)
  }
})

describe('whatever a model answers', () => {
  const word = fc.oneof(
    fc.string({ maxLength: 60, unit: 'binary' }),
    fc.constantFrom(
      'src/slug.js',
      '../../etc/passwd',
      '.git/hooks/x',
      'slugify',
      'index.js',
      '/a//b.js',
      'README.md',
      'test/a.test.js',
      'zqLampHours',
    ),
    fc.string({ minLength: 300, maxLength: 5000 }),
  )
  const answer = fc.oneof(
    fc.record({
      a_units: fc.array(
        fc.record({
          a_goal: word,
          b_files: fc.array(word, { maxLength: 8 }),
          c_done_when: word,
          d_after: fc.integer({ min: -5, max: 9 }),
        }),
        { maxLength: 7 },
      ),
      b_docs: fc.boolean(),
      c_deploy: fc.boolean(),
    }),
    fc.jsonValue(),
    fc.constant(new ModelError('OutputUnusable', 'no', { text: 'x' })),
    fc.constant(new ModelError('ContextTooSmall', 'no')),
  )
  const name = fc.stringMatching(/^[a-z0-9]([a-z0-9.-]{0,80}[a-z0-9])?$/)

  test('the plan can be stored and carried out', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(answer, { minLength: 1, maxLength: 4 }),
        name,
        fc.integer({ min: 1, max: 50 }),
        fc.oneof(word, fc.constant(request)).filter((text) => text.length > 0),
        async (answers, requestName, maxTasks, text) => {
          const ask = answering(...answers)
          const spec = { request: text, limits: { ...limits, maxTasks } }
          const made = await makePlan({ ...inputOf(ask, spec), request: requestName }, {})
          const { tasks } = made.plan
          expect(planProblems(made.plan, { ...limits, maxTasks })).toEqual([])
          expect(ask.calls.length).toBeLessThanOrEqual(4)
          for (const file of tasks.flatMap((task) => task.files)) {
            expect(file.split('/')).not.toContain('..')
            expect(file.split('/')).not.toContain('.git')
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})
