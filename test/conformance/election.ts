import { afterEach, expect, it, vi } from 'vitest'
import { KubeClient } from '../../core/kube/client.ts'
import { leases } from '../../core/kube/core.ts'
import { systemClock as clock, systemRandom as random } from '../../core/base/clock.ts'
import { LeaderElector } from '../../core/kube/runtime/leader.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { layCable } from './cable.ts'
import type { WorldOf } from './world.ts'

/** Two candidates for one Lease, five times as hasty as in production. */
export function electionSuite(world: WorldOf): void {
  const life = { current: new AbortController(), ends: [] as (() => Promise<void>)[] }
  afterEach(async () => {
    life.current.abort(new Error('test is over'))
    for (const end of life.ends.splice(0).toReversed()) await end()
    life.current = new AbortController()
  })

  async function candidate(identity: string, lease: string) {
    const cable = await layCable(world().config)
    const client = new KubeClient({ config: cable.config, clock, random })
    const elector = new LeaderElector({
      client,
      namespace: world().namespace,
      name: lease,
      identity,
      clock,
      random,
      log: silentLogger,
      leaseMs: 3_000,
      renewMs: 2_000,
      retryMs: 400,
    })
    const { signal } = life.current
    const lead = async () => {
      await elector.acquire({ signal })
      await elector.keep({ signal })
    }
    const running = lead().catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
    life.ends.push(
      () => cable.close(),
      () => client.close(),
      () => running,
    )
    return { elector, cable }
  }
  const soon = { timeout: 15_000, interval: 20 }
  const leaderOf = async (name: string) =>
    (await world().client.get(leases, { namespace: world().namespace, name })).spec

  it('one leads, the other follows, and a Lease given back changes hands at once', async () => {
    const one = await candidate('one', 'handover')
    await vi.waitFor(() => expect(one.elector.isLeader).toBe(true), soon)
    const two = await candidate('two', 'handover')
    await clock.sleep(4_000, {})
    expect([one.elector.isLeader, two.elector.isLeader]).toEqual([true, false])
    expect(await leaderOf('handover')).toMatchObject({ holderIdentity: 'one', leaseTransitions: 0 })

    const releasedAt = clock.monotonic()
    await one.elector.release()
    await vi.waitFor(() => expect(two.elector.isLeader).toBe(true), soon)
    expect(clock.monotonic() - releasedAt).toBeLessThan(1_500)
  })

  it('of two that start together one leads', async () => {
    const both = [await candidate('one', 'race'), await candidate('two', 'race')]
    await clock.sleep(2_000, {})
    expect(both.filter(({ elector }) => elector.isLeader)).toHaveLength(1)
  })

  it('a leader that is cut off stops before the other starts', async () => {
    const one = await candidate('one', 'cut')
    await vi.waitFor(() => expect(one.elector.isLeader).toBe(true), soon)
    const two = await candidate('two', 'cut')
    let both = false
    one.cable.pull()
    while (!two.elector.isLeader) {
      await clock.sleep(20, { signal: AbortSignal.timeout(15_000) })
      both ||= one.elector.isLeader && two.elector.isLeader
    }
    expect(both).toBe(false)
    expect(await leaderOf('cut')).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 })
  })

  it('a leader whose connection hangs stops in time, too', async () => {
    const one = await candidate('one', 'hang')
    await vi.waitFor(() => expect(one.elector.isLeader).toBe(true), soon)
    const frozenAt = clock.monotonic()
    one.cable.freeze()
    await vi.waitFor(() => expect(one.elector.isLeader).toBe(false), soon)
    expect(clock.monotonic() - frozenAt).toBeLessThan(2_500)
  })
}
