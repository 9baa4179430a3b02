import { expect, test } from 'vitest'
import { request } from '../../test/support/objects.ts'
import type { Plan } from '../api/devrequest.ts'
import { ModelError } from '../models/errors.ts'
import type { GatewayCall } from '../models/gateway.ts'
import { planProblems } from './check-plan.ts'
import type { RepositoryFacts } from './facts.ts'
import { makePlan } from './plan.ts'
import { replan } from './replan.ts'

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
  expect(plan.warnings.at(-1)).toBe('Unit roman failed and was planned anew in 2 parts.')
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
  ['src/roman.js,src/cli.js', 'was planned anew in 2 parts'],
  ['src/roman.js', 'cannot be split'],
])('a used-up budget asks nobody, and planning %s anew ends all the same', async (files, want) => {
  const used = new ModelError('BudgetExhausted', 'all is used')
  const { plan } = await revised(used, { files: files.split(',') })
  expect(plan.warnings.at(-1)).toContain(want)
})

test('a model that is away is waited for', async () => {
  await expect(revised(new ModelError('ModelUnavailable', 'gone'))).rejects.toThrow('gone')
})
