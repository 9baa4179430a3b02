import { expect, test } from 'vitest'
import type { Plan, PlannedTask } from '../../../core/api/devrequest.ts'
import { request } from '../../../test/support/objects.ts'
import { changeOf } from './change.ts'

const task = (name: string, unit?: string): PlannedTask => ({
  name,
  type: 'coding',
  action: 'code',
  title: name,
  goal: 'g',
  doneWhen: '',
  files: [],
  ...(unit === undefined ? {} : { unit }),
  after: [],
  onFailure: 'FailRequest',
})
const plan: Plan = {
  hash: 'h',
  revision: 1,
  source: 'model',
  model: 'rehearsal',
  waves: [],
  team: [],
  tasks: [task('branch'), task('spec', 'slug'), task('code', 'slug'), task('other', 'wrap')],
  warnings: [],
  attempts: 1,
}

test.each<[string, Plan | undefined, Plan | undefined, string | undefined]>([
  ['the first', undefined, plan, 'planned by the model rehearsal: 2 units (slug, wrap), 4 tasks'],
  [
    'another one',
    plan,
    { ...plan, hash: 'i', source: 'person' },
    'planned again by a person: 2 units (slug, wrap), 4 tasks',
  ],
  [
    'one without units',
    undefined,
    { ...plan, source: 'template', tasks: [task('branch')] },
    'planned by the template, without a model: 0 units, 1 task',
  ],
  ['the same as before', plan, { ...plan }, undefined],
  ['none yet', undefined, undefined, undefined],
])('the Events of a request tell its plan: %s', (_, before, now, want) => {
  const withPlan = (plan: Plan | undefined) => (plan === undefined ? {} : { plan })
  const old = { ...request('hello'), status: withPlan(before) }
  expect(changeOf(old, withPlan(now)).notices?.map(({ message }) => message)).toEqual(
    want === undefined ? [] : [want],
  )
})
