// The operator killed at every side effect, stopped in the middle, away while agents finish; an API
// server that restarts.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { heldBy } from '../../core/api/task-state.ts'
import { paths } from '../lab/paths.ts'
import type { OperatorReplica } from '../lab/operator.ts'
import { SimulatedAgents, type Behaviour } from '../lab/simulated-agents.ts'
import { inLab, leaderOf, type Faulty, claim, repeated, submit, succeeded } from './in-lab.ts'
import type { Match } from './rules.ts'

const maxAgents = 6
const quick: Behaviour = () => ({ afterMs: 50 })
const agents = new SimulatedAgents(quick)

/**
 * What the operator does to the world on a request's way, as the API server sees it; in the order
 * of the way.
 */
const sideEffects: readonly (readonly [string, Match])[] = [
  ['the plan', { method: 'PUT', path: /\/devrequests\/[^/]+\/status/, body: /"plan":/ }],
  ['a task', { method: 'POST', path: /\/agenttasks(\?|$)/ }],
  ['an Agent', { method: 'POST', path: /\/agents(\?|$)/ }],
  ['a Pod', { method: 'POST', path: /\/pods(\?|$)/ }],
  ['an assignment', claim],
  ['the acceptance of a report', { ...claim, body: /"result":\{[^}]*"verdict"/ }],
  ['the audit', { method: ['PUT', 'POST'], path: /\/configmaps/, body: /Assigned/ }],
]

inLab(
  'an operator that ends at the wrong moment',
  () => ({ runner: agents, settings: { agents: { maxAgents } } }),
  (world) => {
    const operator = ({ lab }: Faulty): OperatorReplica => {
      const [replica] = lab.operators
      if (replica === undefined) throw new Error('there is no operator')
      return replica
    }
    const untilHeld = async (request: string) =>
      world().lab.history.until('a task that is worked on', () =>
        world()
          .lab.history.tasksOf(request)
          .find((task) => heldBy(task) !== undefined),
      )

    test.each(['before', 'after'] as const)(
      '1: killed %s each of its side effects, it goes on where it was, and nothing is done twice',
      async (when) => {
        const { lab, proxy } = world()
        agents.behaviour = () => ({ afterMs: 300 })
        const name = `killed-${when}`
        // Without any agent yet, so that all of its way is gone.
        for (const { metadata } of lab.history.now('Agent'))
          await lab.author.delete(`${paths.agents}/${metadata.name}`)
        await lab.history.until('the end of all agents', () => lab.history.now('Pod').length === 0)
        for (const [index, [, match]] of sideEffects.entries()) {
          const fault = {
            kind: 'meanwhile',
            [when]: () => operator(world()).kill(),
            lost: when === 'before',
          } as const
          const rule = proxy.add({ ...match, fault, times: 1 })
          if (index === 0) await submit(lab, name)
          await rule.first
          await operator(world()).process.exited
          rule.remove()
          await operator(world()).start()
        }
        expect(repeated(await succeeded(lab, name))).toEqual([])
      },
    )

    test('19: what agents finish while the operator is away is accepted when it is back', async () => {
      const { lab } = world()
      agents.behaviour = () => ({ afterMs: 1_000 })
      await submit(lab, 'away')
      const { metadata, status } = await untilHeld('away')
      await operator(world()).kill()
      // Its work is over long before anybody is there to hear of it.
      await sleep(4_000)
      agents.behaviour = quick
      await operator(world()).start()
      await succeeded(lab, 'away')
      const agent = agents.agents.get(status?.assignment?.podUid ?? '')
      expect(agent?.receipts.filter(({ uid }) => uid === metadata.uid)).toMatchObject([
        { attempt: 1, outcome: 'accepted' },
      ])
      expect(repeated(lab.history.tasksOf('away'))).toEqual([])
    })

    test('50: told to end in the middle of an assignment, it finishes that and hands over at once', async () => {
      const { lab, proxy } = world()
      agents.behaviour = quick
      const rule = proxy.add({ ...claim, fault: { kind: 'delay', beforeMs: 1_000 }, times: 1 })
      await submit(lab, 'ended')
      await rule.first
      expect(await operator(world()).stop(5_000)).toEqual({ code: 0, signal: null })
      expect(await leaderOf(lab)).toBe('')
      await operator(world()).start()
      expect(repeated(await succeeded(lab, 'ended'))).toEqual([])
    })

    test('45: started again with work in flight, it takes nothing away from anybody', async () => {
      const { lab } = world()
      agents.behaviour = () => ({ afterMs: 1_500 })
      await submit(lab, 'upgraded')
      await untilHeld('upgraded')
      await operator(world()).stop()
      agents.behaviour = quick
      await operator(world()).start()
      expect(repeated(await succeeded(lab, 'upgraded'))).toEqual([])
    })

    test('an API server that restarts in the middle costs no result', async () => {
      const { lab } = world()
      agents.behaviour = () => ({ afterMs: 1_500 })
      await submit(lab, 'restarted')
      await untilHeld('restarted')
      await lab.controlPlane.restart(() => sleep(1_000))
      agents.behaviour = quick
      expect(repeated(await succeeded(lab, 'restarted'))).toEqual([])
    })

    test('nothing that happened in all of this breaks an invariant', async () => {
      const { lab } = world()
      await lab.history.settled()
      await operator(world()).stop()
      expect(lab.history.check({ maxAgents })).toEqual([])
    })
  },
)
