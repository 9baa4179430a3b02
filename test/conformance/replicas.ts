import { expect, it, vi } from 'vitest'
import { KubeClient } from '../../core/kube/client.ts'
import { Informer } from '../../core/kube/informer.ts'
import { keyOf, refOf } from '../../core/kube/resource.ts'
import { systemClock as clock, systemRandom as random } from '../../core/base/clock.ts'
import { Controller, done } from '../../core/kube/runtime/controller.ts'
import { LeaderElector } from '../../core/kube/runtime/leader.ts'
import { silentLogger as log } from '../support/silent-logger.ts'
import { LeadershipLostError, Manager } from '../../core/kube/runtime/manager.ts'
import { layCable } from './cable.ts'
import { type Widget, type WorldOf, widgets } from './world.ts'

/** The whole runtime, twice: two replicas, of which the leading one loses its connection in the middle of its work. */
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

  it('every object is worked on once, although the leader is cut off half-way', async () => {
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
