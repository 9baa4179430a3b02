// A person changes the plan before work starts: with kubectl and guild, as anybody would.
import { afterAll, expect, test } from 'vitest'
import { isTrue } from '../../core/api/condition-list.ts'
import type { Plan } from '../../core/api/devrequest.ts'
import {
  apply,
  devRequest,
  getRequest,
  guild,
  kubectl,
  removeRequest,
  tasksOf,
  tryKubectl,
  until,
  wordOf,
} from './lab.ts'

const name = 'edited'
afterAll(async () => removeRequest(name))

/** The plan that stands, as soon as nothing is being planned. */
const planBy = (source: Plan['source']): Promise<Plan> =>
  until(
    `a plan by a ${source}`,
    async () => {
      const request = await getRequest(name)
      const { plan } = request.status ?? {}
      return isTrue(request, 'Planned') && plan?.source === source ? plan : undefined
    },
    120,
  )

const patch = (spec: object): Promise<{ readonly code: number; readonly text: string }> =>
  tryKubectl(['patch', 'devrequest', name, '--type=merge', '-p', JSON.stringify({ spec })])

const unit = {
  name: 'own',
  goal: 'Write src/own.js that exports own(), which returns 1.',
  files: ['src/own.js'],
  doneWhen: 'own() is 1.',
}

test('a suspended request is planned, and takes another plan before it goes on', async () => {
  await removeRequest(name)
  const request = 'Add src/slug.js that exports slugify(text), with tests.'
  await apply(devRequest(name, { request, source: { template: { name: 'node' } }, suspend: true }))
  const first = await until('a plan', async () => (await getRequest(name)).status?.plan, 120)
  expect(first.source).not.toBe('person')
  expect(await tasksOf(name)).toEqual([])

  expect((await patch({ plan: { units: [unit] } })).code).toBe(0)
  const own = await planBy('person')
  expect(own).toMatchObject({ revision: 2 })
  expect(own.tasks.map((task) => task.name)).toContain('edited-code-own')
  expect(wordOf(await getRequest(name), 'Succeeded')).toBe('Unknown/Suspended')
  expect(await tasksOf(name)).toEqual([])
  const columns = await kubectl(['get', 'devrequest', name])
  expect(columns).toContain('spec.suspend=false')

  expect(await guild('resume', name)).toContain(`${name} goes on`)
  const tasks = await until(
    'the tasks of the new plan',
    async () => {
      const made = await tasksOf(name)
      return made.length === own.tasks.length ? made : undefined
    },
    60,
  )
  expect(tasks.map(({ metadata }) => metadata.name)).toContain('edited-code-own')

  const late = await patch({ plan: { units: [{ ...unit, goal: 'Something else.' }] } })
  expect(late.code).not.toBe(0)
  expect(late.text).toContain('spec.plan cannot change once the plan is authorized')
})
