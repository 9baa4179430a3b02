import { expect, test } from 'vitest'
import type { GivenPlan } from '../../core/api/devrequest.ts'
import { CliError } from '../failure.ts'
import { parsePlan, planFile } from './units.ts'

const unit = {
  name: 'cart',
  goal: 'A cart: it adds up',
  files: ['src/cart.js'],
  doneWhen: 'It "adds".',
}

test('what is written for a person is read again, word for word', () => {
  const plan: GivenPlan = { units: [unit, { ...unit, name: 'shop', after: ['cart'] }] }
  const text = planFile(plan, ['The plan of shop.'])
  expect(text).toMatch(/^# The plan of shop\.\n/)
  expect(parsePlan(text, 'plan.yaml')).toEqual(plan)
})

test.each([
  ['nothing', '', 'plan.yaml holds no plan: units: '],
  ['no YAML', 'units: [', 'plan.yaml holds no plan: '],
  ['no units', 'units: []', 'plan.yaml holds no plan: units: '],
  ['a unit without a goal', 'units: [{name: a, files: [], doneWhen: x}]', 'units.0.goal: '],
  [
    'a misspelt field',
    `units: [${JSON.stringify({ ...unit, don: 'x' })}]`,
    'units.0: has the field don, which is not known',
  ],
  [
    'a path outside',
    `units: [${JSON.stringify({ ...unit, files: ['../x'] })}]`,
    'units.0.files.0: ',
  ],
  [
    'two of one name',
    `units: [${JSON.stringify(unit)}, ${JSON.stringify(unit)}]`,
    'two are called cart',
  ],
])('%s is refused with the field that is wrong', (_, text, want) => {
  expect(() => parsePlan(text, 'plan.yaml')).toThrow(want)
  expect(() => parsePlan(text, 'plan.yaml')).toThrow(CliError)
})
