// Two operators: a leader that is paused and comes back, one that is killed, and an upgrade that
// rolls over both.
import { expect, test, vi } from 'vitest'
import type { Lab } from '../lab/lab.ts'
import type { OperatorReplica } from '../lab/operator.ts'
import { SimulatedAgents } from '../lab/simulated-agents.ts'
import { inLab, leaderOf, claim, repeated, submit, succeeded } from './in-lab.ts'

const maxAgents = 6
const agents = new SimulatedAgents(() => ({ afterMs: 500 }))

/** The replica that leads and its place, once one does that is not `but`. */
async function leader(
  lab: Lab,
  but?: OperatorReplica,
): Promise<{ readonly replica: OperatorReplica; readonly place: number }> {
  return vi.waitFor(
    async () => {
      const name = await leaderOf(lab)
      const place = lab.operators.findIndex(({ podName }) => podName === name)
      const replica = lab.operators[place]
      if (replica === undefined || replica === but) throw new Error('nobody else leads')
      return { replica, place }
    },
    { timeout: 40_000, interval: 250 },
  )
}

inLab(
  'two operators',
  () => ({ runner: agents, replicas: 2, settings: { agents: { maxAgents } } }),
  (world) => {
    test('21: what a paused leader sent and what it believes come too late', async () => {
      const { lab, proxies } = world()
      const { replica: old, place } = await leader(lab)
      await submit(lab, 'warm')
      await succeeded(lab, 'warm')
      // Its claim is under way when it is paused, and arrives after another leader has decided.
      const late = proxies[place]?.add({ ...claim, fault: { kind: 'hold' }, times: 1 })
      await submit(lab, 'paused')
      const { path, body } = (await late?.first) ?? { path: '', body: '' }
      old.process.signal('SIGSTOP')
      await leader(lab, old)
      // Agents whose connection hangs find that out after 14 s of silence; here the network tells
      // them.
      lab.hubWire?.cut()
      await succeeded(lab, 'paused')
      late?.release()
      const sent = () => proxies[place]?.log.find((one) => one.path === path && one.body === body)
      await expect.poll(() => sent()?.status, { timeout: 10_000 }).toBe(409)
      // The new leader's late writes about idle agents must not be taken for the old one's.
      await lab.history.settled()
      const before = lab.history.entries.length
      old.process.signal('SIGCONT')
      // It finds out that it leads no more, ends, and is started again as a follower.
      await expect.poll(() => old.restarts, { timeout: 30_000 }).toBe(1)
      await old.ready()
      // The new leader writes its figures about agents and requests when it pleases; tasks are at
      // rest.
      const written = lab.history.entries.slice(before).filter(({ kind }) => kind === 'AgentTask')
      expect(written).toEqual([])
    })

    test('20: when the leader is killed, the next one takes nothing away from agents that come back', async () => {
      const { lab } = world()
      const { replica: old } = await leader(lab)
      agents.behaviour = () => ({ afterMs: 3_000 })
      await submit(lab, 'orphaned', { units: 1 })
      await lab.history.until('a busy agent', () =>
        lab.history.now('Agent').some(({ status }) => status?.state === 'busy'),
      )
      await old.kill()
      await leader(lab, old)
      agents.behaviour = () => ({ afterMs: 200 })
      expect(repeated(await succeeded(lab, 'orphaned'))).toEqual([])
      await old.start()
      await old.ready()
    })

    test('45: an upgrade that rolls over the replicas with work in flight costs no attempt', async () => {
      const { lab } = world()
      agents.behaviour = () => ({ afterMs: 1_500 })
      await submit(lab, 'rolled')
      await lab.history.until('a busy agent', () =>
        lab.history.now('Agent').some(({ status }) => status?.state === 'busy'),
      )
      for (const replica of lab.operators) {
        await replica.stop()
        await replica.start()
        await replica.ready()
      }
      expect(repeated(await succeeded(lab, 'rolled'))).toEqual([])
    })

    test('nothing that happened in all of this breaks an invariant', async () => {
      const { lab } = world()
      await lab.history.settled()
      await Promise.all(lab.operators.map((replica) => replica.stop()))
      expect(lab.history.check({ maxAgents })).toEqual([])
    })
  },
)
