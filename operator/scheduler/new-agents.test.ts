import { expect, test } from 'vitest'
import { Cache } from '../../test/support/cache.ts'
import { agent } from '../../test/support/objects.ts'
import type { Agent } from '../../core/api/agent.ts'
import { agents as agentKind } from '../../core/api/kinds.ts'
import { KubeError } from '../../core/kube/errors.ts'
import type { World } from '../controllers/world.ts'
import { NewAgents } from './new-agents.ts'

const refused = (status: number, reason: string) =>
  new KubeError({ status, reason, message: reason })
const noAnswer = refused(0, 'Unreachable')

/** An API server with agents, of which the cache sees what it is shown. */
function world() {
  const stored = new Map<string, Agent>()
  const api = { failure: undefined as Error | undefined, doesIt: true, calls: 0 }
  const agents = new Cache(agentKind)
  const client = {
    create: async (_kind: unknown, draft: Agent) => {
      api.calls += 1
      const { failure } = api
      api.failure = undefined
      if (failure !== undefined && !api.doesIt) throw failure
      if (stored.has(draft.metadata.name)) throw refused(409, 'AlreadyExists')
      stored.set(draft.metadata.name, draft)
      if (failure !== undefined) throw failure
      return draft
    },
    get: async (_kind: unknown, { name }: { name: string }) => {
      const there = stored.get(name)
      if (there === undefined) throw refused(404, 'NotFound')
      return there
    },
  }
  const events = { record: () => {} }
  const newAgents = new NewAgents(
    { client, agents, events, namespace: 'guildhall' } as unknown as World,
    { maxTasks: 50 },
  )
  const { signal } = new AbortController()
  const makeAll = async (wanted: Parameters<NewAgents['of']>[0]) =>
    Promise.allSettled(newAgents.of(wanted).map((one) => newAgents.make(one, signal)))
  return { stored, api, agents, newAgents, makeAll }
}

const wanted = { type: 'coding', model: 'm', reason: 'work waits' } as const

test.each([true, false])(
  'one whose making got no answer (done: %s) counts, and is made once',
  async (doesIt) => {
    const { stored, api, newAgents, makeAll } = world()
    Object.assign(api, { failure: noAnswer, doesIt })
    const [outcome] = await makeAll([wanted])
    expect(outcome?.status).toBe('rejected')
    expect(newAgents.underWay()).toMatchObject([{ name: 'coding-1', type: 'coding' }])
    await makeAll([])
    expect([...stored.keys()]).toEqual(['coding-1'])
    expect(newAgents.underWay()).toEqual([])
    expect(api.calls).toBe(2)
  },
)

test('one that was refused does not count', async () => {
  const { api, newAgents, makeAll } = world()
  Object.assign(api, { failure: refused(403, 'Forbidden'), doesIt: false })
  await makeAll([wanted])
  expect(newAgents.underWay()).toEqual([])
  expect(newAgents.of([])).toEqual([])
})

test('one that the cache shows after all does not count twice', async () => {
  const { api, agents, newAgents, makeAll } = world()
  api.failure = noAnswer
  await makeAll([wanted])
  agents.put(agent('coding-1'))
  expect(newAgents.underWay()).toEqual([])
})

test('names are the lowest that are free, also beside what is under way', async () => {
  const { api, agents, newAgents, makeAll } = world()
  agents.put(agent('coding-2'))
  api.failure = noAnswer
  await makeAll([wanted])
  expect(newAgents.of([wanted, wanted]).map(({ name }) => name)).toEqual([
    'coding-1',
    'coding-3',
    'coding-4',
  ])
})
