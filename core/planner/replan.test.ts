import fc from 'fast-check'
import { expect, test } from 'vitest'
import { request } from '../../test/support/objects.ts'
import type { Plan, Unit } from '../api/devrequest.ts'
import { ModelError } from '../models/errors.ts'
import type { GatewayCall } from '../models/gateway.ts'
import { planProblems } from './check-plan.ts'
import type { RepositoryFacts } from './facts.ts'
import { makePlan } from './plan.ts'
import { replan, revisePlan } from './replan.ts'
import { expand, planHash, teamOf, waves } from './tasks.ts'

const facts: RepositoryFacts = {
  files: ['package.json'],
  truncated: false,
  language: 'node',
  languageAssumed: false,
  manifest: '',
  readme: '',
  symbols: [],
}
const profile = { name: 'm', tier: 'good' } as const
const text = 'Write src/roman.js with toRoman(number) and src/cli.js that prints it.'
const { spec } = request('hello', {
  request: text,
  plan: {
    units: [{ name: 'roman', goal: text, files: ['src/roman.js', 'src/cli.js'], doneWhen: text }],
  },
})

const parts = {
  a_units: [
    {
      a_goal: 'toRoman(number) of src/roman.js',
      b_files: ['src/roman.js'],
      c_done_when: 'toRoman(4) is IV',
      d_after: 0,
    },
    {
      a_goal: 'src/cli.js prints it',
      b_files: ['src/cli.js'],
      c_done_when: 'it prints IV',
      d_after: 1,
    },
  ],
  b_docs: false,
  c_deploy: false,
}

/** The revision of a plan of one unit, with the model's answer, or the error it gives. */
async function revised(
  answer: unknown,
  {
    tier = 'good',
    files,
    goal,
  }: {
    readonly tier?: 'weak' | 'good'
    readonly files?: readonly string[]
    readonly goal?: string
  } = {},
) {
  const asked: GatewayCall[] = []
  const call = async (question: GatewayCall) => {
    asked.push(question)
    if (answer instanceof Error) throw answer
    return {
      kind: 'result' as const,
      model: 'm',
      text: JSON.stringify(answer),
      blocks: [],
      value: answer,
      inputTokens: 1,
      outputTokens: 1,
      trace: 't',
    }
  }
  const input = { request: 'hello', spec, profile: { ...profile, tier }, facts, call }
  const first = await makePlan(input, {})
  const plan: Plan = { ...first.plan, source: 'model' }
  const [unit] = spec.plan?.units ?? []
  if (unit === undefined) throw new Error('there is no unit')
  const failed = {
    ...unit,
    goal: goal ?? unit.goal,
    files: [...(files ?? unit.files)],
    evidence: ['toRoman(4) was IIII'],
  }
  const succeeded = new Set(['hello-branch', 'hello-spec-roman'])
  const made = await replan({ ...input, plan, failed, succeeded }, {})
  return { ...made, asked }
}

test('a model splits the unit; the question shows what failed', async () => {
  const { plan, transcript, asked } = await revised(parts)
  const code = plan.tasks.filter(({ action }) => action === 'code')
  expect(code.map(({ files }) => files)).toEqual([['src/roman.js'], ['src/cli.js']])
  expect(planProblems(plan, spec.limits)).toEqual([])
  expect(plan.warnings.at(-1)).toBe('Unit roman failed and was planned again in 2 parts.')
  expect(transcript).toMatchObject([{ purpose: 'plan.split', outcome: 'used' }])
  expect(JSON.stringify(asked)).toContain('toRoman(4) was IIII')
})

test.each<[string, unknown, Parameters<typeof revised>[1]]>([
  ['gives the unit back', { ...parts, a_units: parts.a_units.slice(0, 1) }, {}],
  ['gives nothing that can be used', new ModelError('OutputUnusable', 'no object'), {}],
  ['is too weak to be asked', parts, { tier: 'weak' }],
])('a unit of several files is split by them when the model %s', async (_, answer, options) => {
  const { plan } = await revised(answer, options)
  const code = plan.tasks.filter(({ action }) => action === 'code')
  expect(code.map(({ goal }) => goal.slice(0, 22))).toEqual([
    'Only src/roman.js of t',
    'Only src/cli.js of thi',
  ])
  expect(planProblems(plan, spec.limits)).toEqual([])
})

test('a unit that nobody can split is said to be one, and the plan stays', async () => {
  const unusable = new ModelError('OutputUnusable', 'no object')
  const { plan } = await revised(unusable, { files: ['src/roman.js'] })
  expect(plan.revision).toBe(2)
  expect(plan.replaced).toBeUndefined()
  expect(plan.warnings.at(-1)).toBe('Unit roman failed and cannot be split.')
})

test('a file of the unit that no part has goes to one, and a part gets no file that only a model named', async () => {
  const [first, second] = parts.a_units
  const { plan } = await revised({
    ...parts,
    a_units: [
      { ...first, a_goal: 'toRoman(number); see .github/workflows/ci.yml and src/more.js' },
      { ...second, b_files: ['.github/workflows/ci.yml', 'src/print.js'] },
    ],
  })
  const code = plan.tasks.filter(({ action }) => action === 'code')
  expect(code.map(({ files }) => files)).toEqual([['src/roman.js', 'src/cli.js'], ['src/print.js']])
})

test('a hidden file stays out of the parts though an earlier answer brought it into the goal', async () => {
  const goal = 'Write toRoman; it reads .env and .github/workflows/ci.yml'
  const { plan } = await revised(
    {
      ...parts,
      a_units: [
        { ...parts.a_units[0], b_files: ['.env'] },
        { ...parts.a_units[1], b_files: ['.github/workflows/ci.yml', 'src/cli.js'] },
      ],
    },
    { goal },
  )
  expect(plan.tasks.flatMap(({ files }) => files).filter((file) => file.startsWith('.'))).toEqual(
    [],
  )
})

test.each<[string, string]>([
  ['src/roman.js,src/cli.js', 'was planned again in 2 parts'],
  ['src/roman.js', 'cannot be split'],
])('a used-up budget asks nobody, and planning %s anew ends all the same', async (files, want) => {
  const used = new ModelError('BudgetExhausted', 'all is used')
  const { plan } = await revised(used, { files: files.split(',') })
  expect(plan.warnings.at(-1)).toContain(want)
})

test('a model that is away is waited for', async () => {
  await expect(revised(new ModelError('ModelUnavailable', 'gone'))).rejects.toThrow('gone')
})

const limits = { maxTasks: 30, maxParallel: 10 }

const unit = (name: string, after: readonly string[] = []): Unit => ({
  name,
  goal: `makes ${name}`,
  files: [`src/${name}.js`],
  doneWhen: `${name}() works`,
  after: [...after],
})

function planOf(units: readonly Unit[]): Plan {
  const { tasks } = expand(units, {
    request: 'shop',
    documents: { title: 'Document the change', goal: 'Say it.', files: ['README.md'] },
    security: false,
    maxTasks: limits.maxTasks,
  })
  return {
    hash: planHash(tasks),
    revision: 1,
    source: 'model',
    waves: waves(tasks),
    team: teamOf(tasks, limits.maxParallel),
    tasks,
    warnings: [],
    attempts: 1,
  }
}

const revisedPlan = (
  plan: Plan,
  failed: string,
  parts: readonly Unit[],
  succeeded: readonly string[],
) =>
  revisePlan({
    plan,
    request: 'shop',
    text: 'Make a shop.',
    failed,
    parts,
    succeeded: new Set(succeeded),
    limits,
  })

/** `name <- what it waits for`, without the request's name. */
const edges = ({ tasks }: Plan): string[] =>
  tasks.map(({ name, after }) => `${name} <- ${after.join(' ')}`.replaceAll('shop-', '').trimEnd())

test('the failed unit comes back in parts, with what waited for it; what succeeded stays', () => {
  const plan = planOf([unit('cart'), unit('price'), unit('pay', ['price'])])
  const done = ['branch', 'spec-cart', 'code-cart', 'verify-cart', 'spec-price', 'spec-pay']
  const succeeded = done.map((name) => `shop-${name}`)
  const next = revisedPlan(plan, 'price', [unit('net'), unit('tax')], succeeded)
  expect(next.revision).toBe(2)
  expect(edges(next)).toEqual([
    'branch <-',
    'spec-cart <- branch',
    'code-cart <- spec-cart',
    'verify-cart <- code-cart',
    'spec-price <- branch',
    'spec-pay <- branch',
    'spec-price-2 <- branch',
    'code-price-2 <- spec-price-2',
    'verify-price-2 <- code-price-2',
    'spec-price-3 <- branch',
    'code-price-3 <- spec-price-3 verify-price-2',
    'verify-price-3 <- code-price-3',
    'spec-pay-2 <- branch',
    'code-pay-2 <- spec-pay-2 verify-price-3',
    'verify-pay-2 <- code-pay-2',
    'review-again <- verify-cart verify-price-2 verify-price-3 verify-pay-2',
    'document-again <- review-again',
    'finish-again <- document-again',
  ])
  expect(next.replaced).toEqual(
    ['code-price', 'verify-price', 'code-pay', 'verify-pay', 'review', 'document', 'finish'].map(
      (name) => `shop-${name}`,
    ),
  )
  expect(planProblems(next, limits)).toEqual([])
})

test('whatever failed and whatever succeeded, the revision can be carried out and names nothing twice', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.tuple(fc.nat(3), fc.nat(3)), { maxLength: 4 }),
      fc.nat(3),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 0, max: 2 ** 16 }),
      fc.integer({ min: 8, max: 40 }),
      (count, pairs, failedAt, parts, bits, maxTasks) => {
        const units = Array.from({ length: count }, (_, index) =>
          unit(
            `u${index}`,
            pairs
              .filter(([to, from]) => to === index && from < index)
              .map(([, from]) => `u${from}`),
          ),
        )
        const plan = planOf(units)
        const failed = `u${failedAt % count}`
        // A task may have succeeded only if all it waits for did.
        const done = new Set<string>()
        for (const [index, task] of plan.tasks.entries())
          if (
            task.name !== `shop-code-${failed}` &&
            ((bits >> (index % 16)) & 1) === 1 &&
            task.after.every((name) => done.has(name))
          )
            done.add(task.name)
        const bounded = { ...limits, maxTasks: Math.max(maxTasks, plan.tasks.length) }
        const next = revisePlan({
          plan,
          request: 'shop',
          text: '',
          failed,
          parts: Array.from({ length: parts }, (_, index) => unit(`part${index}`)),
          succeeded: done,
          limits: bounded,
        })
        expect(planProblems(next, bounded)).toEqual([])
        const before = new Set(plan.tasks.map(({ name }) => name))
        for (const { name } of next.tasks) expect(before.has(name)).toBe(done.has(name))
      },
    ),
  )
})
