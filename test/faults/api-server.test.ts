// The operator before an API server that loses answers, refuses, forgets, lags and dies.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { isTrue } from '../../core/api/condition-list.ts'
import type { ApiObject, Listed } from '../lab/api.ts'
import { paths } from '../lab/paths.ts'
import { SimulatedAgents } from '../lab/simulated-agents.ts'
import { inLab, busiest, claim, repeated, submit, succeeded } from './in-lab.ts'

const maxAgents = 6
const notLease = /^(?!.*\/leases)/
const agents = new SimulatedAgents()

/** A list that came as a stream, broken off after its end. */
function streamOf(list: Listed<ApiObject> | undefined): string {
  if (list === undefined) throw new Error('there is no list')
  const { items, resourceVersion } = list
  const annotations = { 'k8s.io/initial-events-end': 'true' }
  const end = { metadata: { resourceVersion, annotations } }
  const events = [
    ...items.map((object) => ({ type: 'ADDED', object })),
    { type: 'BOOKMARK', object: end },
  ]
  return events.map((event) => `${JSON.stringify(event)}\n`).join('')
}

inLab(
  'an API server with faults',
  () => ({ runner: agents, settings: { agents: { maxAgents } } }),
  (world) => {
    test('2: a claim whose answer is lost is found again, and nobody begins a second attempt', async () => {
      const { lab, proxy } = world()
      const rule = proxy.add({ ...claim, fault: { kind: 'cut', when: 'after' }, every: 2 })
      await submit(lab, 'lost')
      const tasks = await succeeded(lab, 'lost')
      expect(rule.hits).toBeGreaterThan(2)
      expect(repeated(tasks)).toEqual([])
    })

    test('writes that arrive twice, or whose answer breaks off in the middle, count once', async () => {
      const { lab, proxy } = world()
      const writes = { method: ['PUT', 'POST', 'PATCH'], path: notLease }
      const twice = proxy.add({ ...writes, fault: { kind: 'duplicate' }, every: 3 })
      const broken = proxy.add({ ...writes, fault: { kind: 'cut', when: 'middle' }, every: 7 })
      await submit(lab, 'twice')
      expect(repeated(await succeeded(lab, 'twice'))).toEqual([])
      expect(twice.hits).toBeGreaterThan(10)
      expect(broken.hits).toBeGreaterThan(3)
    })

    test('3: when every third change conflicts, it is decided anew and never forced', async () => {
      const { lab, proxy } = world()
      const from = proxy.log.length
      const fault = { kind: 'answer', status: 409, reason: 'Conflict' } as const
      const rule = proxy.add({ method: ['PUT', 'PATCH'], path: notLease, fault, every: 3 })
      await submit(lab, 'conflicts')
      expect(repeated(await succeeded(lab, 'conflicts'))).toEqual([])
      expect(rule.hits).toBeGreaterThan(10)
      expect(busiest(proxy.log.slice(from))).toBeLessThanOrEqual(10)
    })

    test('5: a full API server is asked again only after the time it names', async () => {
      const { lab, proxy } = world()
      const from = proxy.log.length
      const fault = { kind: 'answer', status: 429, retryAfterSeconds: 2 } as const
      const rule = proxy.add({ path: notLease, fault, every: 2, times: 16 })
      await submit(lab, 'full')
      await succeeded(lab, 'full')
      expect(rule.hits).toBeGreaterThan(10)
      const log = proxy.log.slice(from)
      const early = log
        // Another part of the operator may repeat reads and reviews; the same change is only ever
        // the same call again.
        .filter(({ status, method, path }) => {
          return status === 429 && method !== 'GET' && !path.includes('/tokenreviews')
        })
        .filter(({ method, path, body, at }) =>
          log.some(
            (later) =>
              later.method === method &&
              later.path === path &&
              later.body === body &&
              later.at > at &&
              later.at < at + 1_900,
          ),
        )
      expect(early.map(({ method, path }) => `${method} ${path}`)).toEqual([])
    })

    test('6: when a third of all calls fails, work goes on, and nothing is failed for it', async () => {
      const { lab, proxy } = world()
      const from = proxy.log.length
      const errors = [
        proxy.add({ fault: { kind: 'cut-at', bytes: 700 }, watch: true, probability: 0.5 }),
        proxy.add({ fault: { kind: 'answer', status: 500 }, probability: 0.15 }),
        proxy.add({ fault: { kind: 'answer', status: 503 }, probability: 0.1 }),
        proxy.add({ fault: { kind: 'cut', when: 'before' }, probability: 0.05 }),
        proxy.add({ fault: { kind: 'cut', when: 'after' }, probability: 0.05 }),
      ]
      proxy.cut()
      await submit(lab, 'errors')
      // A leader that cannot renew its lease in the meantime ends, and starts again into the same
      // trouble.
      await Promise.race([lab.history.finished('errors'), sleep(20_000)])
      // Chance may have spared one kind until now; the leader's lease goes on asking.
      await Promise.race([Promise.all(errors.map(({ first }) => first)), sleep(90_000)])
      for (const rule of errors) expect(rule.hits).toBeGreaterThan(0)
      proxy.clear()
      await succeeded(lab, 'errors')
      expect(busiest(proxy.log.slice(from))).toBeLessThanOrEqual(10)
    })

    test('4: what was deleted while the watches were gone and the history forgotten is known to be gone', async () => {
      const { lab, proxy } = world()
      agents.behaviour = () => ({ afterMs: 2_500 })
      await submit(lab, 'forgotten')
      const busy = await lab.history.until('a busy agent', () =>
        lab.history.now('Agent').find((agent) => agent.status?.state === 'busy'),
      )
      // The watches go, the Agent and its Pod are deleted, and the versions they would go on from
      // are forgotten.
      const away = proxy.add({ watch: true, fault: { kind: 'answer', status: 503 } })
      proxy.cut()
      await away.first
      await lab.author.delete(`${paths.agents}/${busy.metadata.name}`)
      await lab.history.until(
        'the end of its Pod',
        () => !lab.history.now('Pod').some(({ metadata }) => metadata.uid === busy.status?.podUid),
      )
      away.remove()
      const expired = [
        proxy.add({ watch: true, fault: { kind: 'expired-watch' }, times: 2 }),
        proxy.add({ watch: true, fault: { kind: 'answer', status: 410 }, times: 2 }),
      ]
      agents.behaviour = () => ({ afterMs: 50 })
      await succeeded(lab, 'forgotten')
      expect(expired.map((rule) => rule.hits)).toEqual([2, 2])
    })

    test('7: a watch that falls silent with its connection open is found, and opened again', async () => {
      const { lab, proxy } = world()
      const watch = { watch: true, path: /\/agenttasks\?/ } as const
      const frozen = proxy.add({ ...watch, fault: { kind: 'freeze' }, times: 1 })
      proxy.cut()
      await frozen.first
      await submit(lab, 'frozen', { units: 1 })
      expect(repeated(await succeeded(lab, 'frozen'))).toEqual([])
    })

    test('10: an API server that lags behind brings no finished task back to life', async () => {
      const { lab, proxy } = world()
      await submit(lab, 'past', { units: 1 })
      await lab.history.until('some finished tasks', () =>
        lab.history.tasksOf('past').some((task) => isTrue(task, 'Finished')),
      )
      const past = [await lab.author.list(paths.agentTasks), await lab.author.list(paths.agents)]
      await succeeded(lab, 'past')
      // Every watch has to begin again, and the lists show an earlier state.
      const old = [paths.agentTasks, paths.agents].map((path, index) =>
        proxy.add({
          method: 'GET',
          path: new RegExp(`${path}\\?.*sendInitialEvents=true`),
          fault: { kind: 'answer', status: 200, body: streamOf(past[index]) },
          times: 1,
        }),
      )
      // One each: the watch that follows an old list must not take the place of another kind's
      // first.
      for (const path of [paths.devRequests, paths.agentTasks, paths.agents, paths.pods])
        proxy.add({
          watch: true,
          path: new RegExp(`${path}\\?(?!.*sendInitialEvents)`),
          fault: { kind: 'expired-watch' },
          times: 1,
        })
      const before = lab.history.now('Agent').length
      proxy.cut()
      await submit(lab, 'present')
      await succeeded(lab, 'present')
      expect(old.map((rule) => rule.hits)).toEqual([1, 1])
      expect(lab.history.now('Agent').length).toBeGreaterThanOrEqual(before)
    })

    test('nothing that happened in all of this breaks an invariant', async () => {
      const { lab } = world()
      await lab.history.settled()
      await lab.operators[0]?.stop()
      expect(lab.history.check({ maxAgents })).toEqual([])
      expect(await lab.operators[0]?.process.output()).not.toMatch(/eyJ[\w-]{20,}\.[\w-]{20,}/)
    })
  },
)
