import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { agentTasks, devRequests } from '../../core/api/kinds.ts'
import { isInvalid } from '../../core/kube/errors.ts'
import type { KubeObject, Resource } from '../../core/kube/resource.ts'
import { serveKind, type Definition } from './definitions.ts'
import type { WorldOf } from './world.ts'

const directory = join(import.meta.dirname, '../../crds')
const files = readdirSync(directory).filter((file) => file.endsWith('.yaml'))

interface Loose extends KubeObject {
  readonly spec?: object
  readonly status?: object
}
const requests: Resource<Loose> = { ...devRequests, object: undefined }
const tasks: Resource<Loose> = { ...agentTasks, object: undefined }

const task = {
  requestRef: { name: 'shop' },
  type: 'coding',
  action: 'code',
  title: 'Add a cart',
  goal: 'A cart that adds up',
  repository: 'shop',
  branch: 'guild/shop',
}

const authorized = (status: 'True' | 'Unknown') => ({
  type: 'Authorized',
  status,
  reason: 'Planned',
  message: '',
  lastTransitionTime: '2026-01-01T00:00:00Z',
})

/**
 * The kinds in crds/: served by a real API server, and refusing with a sentence a person can act
 * on.
 */
export function kindSuite(world: WorldOf): void {
  const at = (name: string) => ({ namespace: world().namespace, name })
  beforeAll(async () => {
    expect(files.length).toBeGreaterThan(0)
    for (const file of files) {
      const definition: Definition = parse(readFileSync(join(directory, file), 'utf8'))
      await serveKind(world().client, definition)
    }
  })

  test.each(files)('%s is a structural schema that the server takes as it stands', async (file) => {
    const definition: Definition = parse(readFileSync(join(directory, file), 'utf8'))
    const served = await serveKind(world().client, definition)
    const types = served.status?.conditions
      ?.filter((condition) => condition.status === 'True')
      .map((condition) => condition.type)
    expect(types).not.toContain('NonStructuralSchema')
    expect(types).not.toContain('Terminating')
    // Whatever a rule of the server would drop or change is a difference between file and truth.
    expect(served.spec).toMatchObject(definition.spec ?? {})
  })

  describe('a DevRequest', () => {
    test('needs no more than its request; the rest has defaults', async () => {
      const made = await world().client.create(requests, {
        metadata: at('plain'),
        spec: { request: 'Build a shop' },
      })
      expect(made.spec).toMatchObject({ request: 'Build a shop', priority: 'normal' })
    })

    test.each([
      ['an empty request', { request: '  ' }, 'spec.request is empty: say what to build'],
      [
        'two sources',
        { request: 'x', source: { template: { name: 'node' }, repository: { name: 'a' } } },
        'spec.source needs exactly one of template, repository, git',
      ],
      ['an unknown priority', { request: 'x', priority: 'asap' }, 'Unsupported value: "asap"'],
    ])('is refused for %s with a sentence', async (_, spec, want) => {
      const refused = world().client.create(requests, { metadata: at('refused'), spec })
      await expect(refused).rejects.toSatisfy(isInvalid)
      await expect(refused).rejects.toThrow(want)
    })

    test('cannot be turned into another one', async () => {
      const { client } = world()
      const spec = { request: 'Build a shop' }
      await client.create(requests, { metadata: at('fixed'), spec })
      const body = { spec: { request: 'Build a bank' } }
      const turned = client.patch(requests, at('fixed'), { type: 'merge', body })
      await expect(turned).rejects.toThrow('spec.request cannot change; make a new DevRequest')
      const suspended = { spec: { suspend: true } }
      await client.patch(requests, at('fixed'), { type: 'merge', body: suspended })
    })

    test('takes another plan until its plan is authorized, and keeps it', async () => {
      const { client } = world()
      const made = await client.create(requests, { metadata: at('edited'), spec: { request: 'x' } })
      const give = async (goal: string) => {
        const unit = { name: 'cart', goal, files: ['cart.js'], doneWhen: 'It adds up.' }
        const body = { spec: { plan: { units: [unit] } } }
        return client.patch(requests, at('edited'), { type: 'merge', body })
      }
      await client.updateStatus(requests, {
        ...made,
        status: { conditions: [authorized('Unknown')] },
      })
      await give('Add a cart')
      const given = await give('Add two carts')
      const removed = client.patch(requests, at('edited'), {
        type: 'merge',
        body: { spec: { plan: null } },
      })
      await expect(removed).rejects.toThrow('spec.plan cannot be taken back')
      await client.updateStatus(requests, {
        ...given,
        status: { conditions: [authorized('True')] },
      })
      await expect(give('Add three')).rejects.toThrow('cannot change once the plan is authorized')
      const suspended = { spec: { suspend: true } }
      await client.patch(requests, at('edited'), { type: 'merge', body: suspended })
    })

    test('is refused under a name that no branch can carry', async () => {
      const refused = world().client.create(requests, {
        metadata: at('a.b'),
        spec: { request: 'x' },
      })
      await expect(refused).rejects.toThrow('no dot')
    })
  })

  describe('an AgentTask', () => {
    test('cannot change once it exists, but its status can', async () => {
      const { client } = world()
      const made = await client.create(tasks, { metadata: at('cart'), spec: task })
      const body = { spec: { title: 'Add two carts' } }
      const changed = client.patch(tasks, at('cart'), { type: 'merge', body })
      await expect(changed).rejects.toThrow('the spec of an AgentTask cannot change')
      const status = { observedGeneration: 1 }
      const marked = await client.updateStatus(tasks, { ...made, status })
      expect(marked.status).toEqual(status)
    })

    test('looks like a new one before anybody wrote its status', async () => {
      const { client } = world()
      const made = await client.create(tasks, { metadata: at('untouched'), spec: task })
      const read = await client.get(tasks, at('untouched'))
      const { items } = await client.list(tasks, { namespace: world().namespace })
      const listed = items.find(({ metadata }) => metadata.name === 'untouched')
      for (const shown of [made, read, listed])
        expect(shown?.status).toMatchObject({
          conditions: [
            { type: 'Ready', status: 'Unknown', reason: 'Waiting' },
            { type: 'Assigned', status: 'False', lastTransitionTime: '1970-01-01T00:00:00Z' },
            { type: 'Succeeded', status: 'Unknown', reason: 'Waiting' },
            { type: 'Finished', status: 'False' },
          ],
        })
    })

    test('is refused for a type that nobody has', async () => {
      const spec = { ...task, type: 'sales' }
      const refused = world().client.create(tasks, { metadata: at('sales'), spec })
      await expect(refused).rejects.toThrow('Unsupported value: "sales"')
    })
  })
}
