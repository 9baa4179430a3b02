import { expect, test } from 'vitest'
import type { Plan } from '../../core/api/devrequest.ts'
import { planAsJson, renderPlan, type PlanView } from './plan.ts'

const task = {
  action: 'code',
  onFailure: 'FailRequest',
  goal: 'make it',
  doneWhen: 'it works',
} as const
const plan: Plan = {
  hash: 'f00',
  revision: 1,
  source: 'model',
  model: 'rehearsal',
  waves: [['a-code-one', 'a-code-two'], ['a-review']],
  team: [
    { type: 'coding', count: 2 },
    { type: 'review', count: 1 },
  ],
  tasks: [
    {
      ...task,
      name: 'a-code-one',
      type: 'coding',
      title: 'Write src/one.js',
      files: ['src/one.js'],
      after: [],
      unit: 'one',
    },
    {
      ...task,
      name: 'a-code-two',
      type: 'coding',
      title: 'Write src/two.js',
      files: ['src/two.js'],
      after: [],
      unit: 'two',
    },
    {
      ...task,
      name: 'a-review',
      type: 'review',
      action: 'review',
      title: 'Review the change',
      files: [],
      after: ['a-code-one', 'a-code-two'],
      doneWhen: '',
    },
  ],
  warnings: ['JavaScript is assumed.'],
  attempts: 1,
}
const view: PlanView = {
  plan,
  transcript: [
    { purpose: 'plan.units', text: 'line\n'.repeat(12), outcome: 'no unit mentions x' },
    { purpose: 'plan.repair', text: '{"a_units":[]}', outcome: 'used' },
  ],
  name: 'a',
  request: 'Make one\nand two',
  model: 'rehearsal',
  verbose: false,
}
const plain = { color: false, ascii: false }

test('as JSON a plan has exactly the fields that were promised', () => {
  expect(planAsJson(plan)).toEqual({
    hash: 'f00',
    source: 'model',
    waves: [['a-code-one', 'a-code-two'], ['a-review']],
    team: { coding: 2, review: 1 },
    tasks: [
      {
        name: 'a-code-one',
        type: 'coding',
        title: 'Write src/one.js',
        after: [],
        files: ['src/one.js'],
        doneWhen: 'it works',
      },
      {
        name: 'a-code-two',
        type: 'coding',
        title: 'Write src/two.js',
        after: [],
        files: ['src/two.js'],
        doneWhen: 'it works',
      },
      {
        name: 'a-review',
        type: 'review',
        title: 'Review the change',
        after: ['a-code-one', 'a-code-two'],
        files: [],
        doneWhen: '',
      },
    ],
    warnings: ['JavaScript is assumed.'],
  })
})

test('for people it is a tree of waves, then what the model said and what was made of it', () => {
  expect(renderPlan(view, plain)).toEqual([
    'a   Make one and two',
    'plan   2 units (one, two), 3 tasks in 2 waves',
    'source model: units proposed by the model rehearsal (scripted answers)',
    'hash   f00',
    '',
    'wave 1',
    '├─ coding  a-code-one  Write src/one.js',
    '│     files src/one.js',
    '└─ coding  a-code-two  Write src/two.js',
    '      files src/two.js',
    'wave 2',
    '└─ review  a-review    Review the change',
    '      after a-code-one, a-code-two',
    '',
    'team   2 coding, 1 review',
    'warning: JavaScript is assumed.',
    '',
    'What the model said   rehearsal (scripted answers)',
    'plan.units  the units of work',
    ...Array.from({ length: 8 }, () => '  │ line'),
    '  │ … 4 more lines; --verbose shows all',
    '  the harness: no unit mentions x',
    'plan.repair  the units again, after the mistakes were named',
    '  │ {"a_units":[]}',
    '  the harness: used',
  ])
})

test('with --verbose nothing the model said is left out', () => {
  const lines = renderPlan({ ...view, verbose: true }, plain)
  expect(lines.filter((line) => line === '  │ line')).toHaveLength(12)
})

test.each([
  [
    { ...plan, source: 'template' as const },
    'source template: units by rule from the request, not by the model rehearsal (scripted answers)',
  ],
  [{ ...plan, source: 'person' as const }, 'source person: units given by a person'],
])('where the units come from is said in words', (other, want) => {
  expect(renderPlan({ ...view, plan: other, transcript: [] }, plain)).toContain(want)
})

test('long answers are wrapped, not cut, and escape codes of a model do nothing', () => {
  const text = `${'word '.repeat(40)}\u001b[2Jend`
  const transcript = [{ purpose: 'plan.notes', text, outcome: 'used' }]
  const lines = renderPlan({ ...view, transcript }, { ...plain, width: 60 })
  expect(lines.every((line) => Array.from(line).length <= 60)).toBe(true)
  expect(lines.join(' ').match(/\bword\b/g)).toHaveLength(40)
  expect(lines.join(' ')).not.toContain('\u001b')
})

test('no colours without colour, and no box drawing in ASCII', () => {
  const coloured = renderPlan(view, { color: true, ascii: false }).join('\n')
  expect(coloured).toContain('\u001b[35m')
  const ascii = renderPlan(view, { color: false, ascii: true }).join('\n')
  expect(/^[\u0020-\u007e\n]*$/.test(ascii)).toBe(true)
})
