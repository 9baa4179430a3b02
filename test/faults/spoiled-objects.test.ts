// Objects that no API server of today would take, as another version of the definitions let them
// in: they are told apart, say so themselves, and everything beside them goes on.
import { expect, test } from 'vitest'
import type { AgentTask } from '../../core/api/agent-task.ts'
import { conditionOf } from '../../core/api/condition-list.ts'
import { ApiProblem, type Api, type ApiObject } from '../lab/api.ts'
import { paths } from '../lab/paths.ts'
import { SimulatedAgents } from '../lab/simulated-agents.ts'
import { task } from '../support/objects.ts'
import { inLab, submit, succeeded } from './in-lab.ts'

interface Definition extends ApiObject {
  readonly spec: { readonly versions: readonly { readonly selectableFields: object }[] }
}

const definitionPath =
  '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/agenttasks.guildhall.dev'
const anything = {
  openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
}

const { requestRef: _requestRef, ...ofNobody } = task('x').spec
const spoiled: Readonly<Record<string, object>> = {
  'of-no-request': { spec: ofNobody },
  'of-a-type-to-come': { spec: { ...task('x').spec, type: 'sales' } },
  'without-a-spec': {},
  huge: { spec: { ...ofNobody, goal: 'g'.repeat(1_000_000) } },
}
/** Server-side apply cannot read this one, so that nothing can be written to it. */
const hopeless = 'of-another-shape'
const all = { ...spoiled, [hopeless]: { spec: 'code it', extra: { nested: [1, 2] } } }

inLab(
  'objects of another version',
  () => ({ runner: new SimulatedAgents() }),
  (world) => {
    const taskNamed = async (name: string): Promise<AgentTask> =>
      world().lab.author.get<AgentTask>(`${paths.agentTasks}/${name}`)

    test('say that they cannot be worked on, while a request beside them is carried out', async () => {
      const { lab } = world()
      const { admin } = lab.controlPlane
      const strict = await admin.get<Definition>(definitionPath)
      const loose = {
        ...strict.spec,
        versions: strict.spec.versions.map(({ selectableFields: _fields, ...version }) => ({
          ...version,
          schema: anything,
        })),
      }
      await admin.patch(definitionPath, { spec: loose })
      for (const [name, fields] of Object.entries(all))
        await untilTaken(() =>
          lab.author.create(paths.agentTasks, {
            apiVersion: 'guildhall.dev/v1alpha1',
            kind: 'AgentTask',
            metadata: { name },
            ...fields,
          }),
        )
      await admin.patch(definitionPath, { spec: strict.spec })
      await submit(lab, 'beside', { units: 1 })
      await succeeded(lab, 'beside')
      for (const name of Object.keys(spoiled))
        await expect
          .poll(async () => ({ name, ...conditionOf(await taskNamed(name), 'Stalled') }), {
            timeout: 10_000,
          })
          .toMatchObject({ status: 'True', reason: 'InvalidObject' })
      await expect
        .poll(async () => eventsOf(lab.author, hopeless), { timeout: 10_000 })
        .toContainEqual(expect.objectContaining({ type: 'Warning', reason: 'InvalidObject' }))
      const { message } = conditionOf(await taskNamed('of-no-request'), 'Stalled') ?? {}
      expect(message).toContain('spec.requestRef')
      expect(lab.operators[0]?.restarts).toBe(0)
    })

    test('are still there after a restart, told once, and go when somebody deletes them', async () => {
      const { lab } = world()
      const [operator] = lab.operators
      const version = (await taskNamed('of-no-request')).metadata.resourceVersion
      await operator?.kill()
      await operator?.start()
      await submit(lab, 'afterwards', { units: 1 })
      await succeeded(lab, 'afterwards')
      expect((await taskNamed('of-no-request')).metadata.resourceVersion).toBe(version)
      for (const name of Object.keys(all)) await lab.author.delete(`${paths.agentTasks}/${name}`)
      await lab.history.until('the end of what was spoiled', () =>
        lab.history.now('AgentTask').every(({ metadata }) => !(metadata.name in all)),
      )
      expect(operator?.restarts).toBe(0)
    })
  },
)

async function eventsOf(author: Api, name: string): Promise<readonly object[]> {
  const { items } = await author.list<ApiObject & { readonly regarding?: { name?: string } }>(
    paths.events,
  )
  return items.filter(({ regarding }) => regarding?.name === name)
}

/** A changed definition takes the API server a moment to heed. */
async function untilTaken(create: () => Promise<unknown>): Promise<void> {
  await expect
    .poll(
      async () => {
        try {
          await create()
          return 'taken'
        } catch (error) {
          if (!(error instanceof ApiProblem)) throw error
          return error.message
        }
      },
      { timeout: 20_000 },
    )
    .toBe('taken')
}
