import { afterEach, expect, test, vi } from 'vitest'
import { systemClock as clock, systemRandom as random } from '../../core/base/clock.ts'
import { KubeClient } from '../../core/kube/client.ts'
import { leases } from '../../core/kube/built-in-kinds.ts'
import { Informer } from '../../core/kube/informer.ts'
import { keyOf, refOf } from '../../core/kube/resource.ts'
import { Controller, done } from '../../core/kube/runtime/controller.ts'
import { LeaderElector } from '../../core/kube/runtime/leader.ts'
import { LeadershipLostError, Manager } from '../../core/kube/runtime/manager.ts'
import { silentLogger, silentLogger as log } from '../support/silent-logger.ts'
import { layCable } from './cable.ts'
import { type Widget, type WorldOf, widgets } from './world.ts'

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

  test('one leads, the other follows, and a Lease given back changes hands at once', async () => {
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

  test('of two that start together one leads', async () => {
    const both = [await candidate('one', 'race'), await candidate('two', 'race')]
    await clock.sleep(2_000, {})
    expect(both.filter(({ elector }) => elector.isLeader)).toHaveLength(1)
  })

  test('a leader that is cut off stops before the other starts', async () => {
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

  test('a leader whose connection hangs stops in time, too', async () => {
    const one = await candidate('one', 'hang')
    await vi.waitFor(() => expect(one.elector.isLeader).toBe(true), soon)
    const frozenAt = clock.monotonic()
    one.cable.freeze()
    await vi.waitFor(() => expect(one.elector.isLeader).toBe(false), soon)
    expect(clock.monotonic() - frozenAt).toBeLessThan(2_500)
  })
}

/**
 * The whole runtime, twice: two replicas, of which the leading one loses its connection in the
 * middle of its work.
 */
export function replicaSuite(world: WorldOf): void {
  async function replica(identity: string) {
    const cable = await layCable(world().config)
    const client = new KubeClient({ config: cable.config, clock, random })
    const { namespace } = world()
    const informer = new Informer<Widget>({
      client,
      resource: widgets,
      namespace,
      log,
      clock,
      random,
    })
    const controller = new Controller({
      name: 'widget',
      concurrency: 2,
      views: [informer],
      reconcile: async (key, { signal }) => {
        const { name } = refOf(key)
        const widget = informer.get(namespace, name)
        if (widget === undefined || widget.status?.phase !== undefined) return done
        await clock.sleep(50, { signal })
        const status = { phase: identity }
        informer.noteWrite(await client.updateStatus(widgets, { ...widget, status }, { signal }))
        return done
      },
      log,
      clock,
      random,
    })
    informer.onChange((ref) => controller.enqueue(keyOf(ref)))
    const election = new LeaderElector({
      client,
      namespace,
      name: 'replicas',
      identity,
      clock,
      random,
      log,
      leaseMs: 3_000,
      renewMs: 2_000,
      retryMs: 400,
    })
    const life = new AbortController()
    const manager = new Manager({
      log,
      clock,
      election,
      caches: [informer],
      leading: [controller],
    })
    const running = manager.run({ signal: life.signal })
    const end = async () => {
      life.abort(new Error('test is over'))
      await running.catch(() => undefined)
      await client.close()
      await cable.close()
    }
    return { cable, election, running, end }
  }

  test('every object is worked on once, although the leader is cut off half-way', async () => {
    const { client, namespace } = world()
    const soon = { timeout: 20_000, interval: 50 }
    const one = await replica('one')
    await vi.waitFor(() => expect(one.election.isLeader).toBe(true), soon)
    const two = await replica('two')
    await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        client.create(widgets, { metadata: { namespace, name: `w-${index}` }, spec: { size: 1 } }),
      ),
    )
    const phases = async () =>
      (await client.list(widgets, { namespace })).items.map((widget) => widget.status?.phase)
    await vi.waitFor(
      async () => expect((await phases()).filter(Boolean).length).toBeGreaterThan(5),
      soon,
    )
    const lost = expect(one.running).rejects.toBeInstanceOf(LeadershipLostError)
    one.cable.pull()
    await lost
    await vi.waitFor(async () => expect(await phases()).not.toContain(undefined), soon)
    const found = await phases()
    expect(new Set(found)).toEqual(new Set(['one', 'two']))
    // A voluntary stop is quick, and nothing is written after it.
    const stopAt = clock.monotonic()
    await two.end()
    expect(clock.monotonic() - stopAt).toBeLessThan(1_000)
    await one.end()
    expect(await phases()).toEqual(found)
  })
}
