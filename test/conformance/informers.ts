import { afterEach, describe, expect, it, vi } from 'vitest'
import { KubeClient } from '../../core/kube/client.ts'
import { type ConfigMap, configMaps } from '../../core/kube/core.ts'
import { Informer } from '../../core/kube/informer.ts'
import { systemClock as clock, systemRandom as random } from '../../core/base/clock.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { type Cable, layCable } from './cable.ts'
import type { WorldOf } from './world.ts'

/** The local copy against a server that goes away and comes back. */
export function informerSuite(world: WorldOf): void {
  const at = (name: string) => ({ namespace: world().namespace, name })
  const life = { current: new AbortController(), ends: [] as (() => Promise<void>)[] }
  afterEach(async () => {
    life.current.abort(new Error('test is over'))
    for (const end of life.ends.splice(0).toReversed()) await end()
    life.current = new AbortController()
  })

  async function start(): Promise<{
    readonly informer: Informer<ConfigMap>
    readonly cable: Cable
  }> {
    const cable = await layCable(world().config)
    const client = new KubeClient({ config: cable.config, clock, random })
    const informer = new Informer<ConfigMap>({
      client,
      resource: configMaps,
      namespace: world().namespace,
      indexers: { color: (object) => [object.metadata.labels?.['color'] ?? ''] },
      log: silentLogger,
      clock,
      random,
    })
    const running = informer.run({ signal: life.current.signal })
    life.ends.push(
      () => cable.close(),
      () => client.close(),
      () => running,
    )
    await informer.synced({ signal: AbortSignal.timeout(10_000) })
    return { informer, cable }
  }
  const colored = (name: string, color: string) => ({ ...at(name), labels: { color } })
  const soon = { timeout: 10_000, interval: 20 }

  it('sees what happens, under its indexes', async () => {
    const { client, namespace } = world()
    const { informer } = await start()
    await client.create(configMaps, { metadata: colored('seen', 'red') })
    await vi.waitFor(() => expect(informer.byIndex('color', 'red')).toHaveLength(1), soon)
    await client.patch(configMaps, at('seen'), {
      type: 'merge',
      body: { metadata: { labels: { color: 'blue' } } },
    })
    await vi.waitFor(() => expect(informer.byIndex('color', 'blue')).toHaveLength(1), soon)
    expect(informer.byIndex('color', 'red')).toEqual([])
    await client.delete(configMaps, at('seen'))
    await vi.waitFor(() => expect(informer.get(namespace, 'seen')).toBeUndefined(), soon)
  })

  it('includes an own write once it says so', async () => {
    const { client, namespace } = world()
    const { informer } = await start()
    const limits = { signal: AbortSignal.timeout(10_000), timeoutMs: 5_000 }
    for (let round = 0; round < 20; round += 1) {
      const metadata = at(`own-${round}`)
      const made = await client.create(configMaps, { metadata })
      informer.noteWrite(made)
      await expect(informer.waitForVersion(informer.pending() ?? '', limits)).resolves.toBe(true)
      expect(informer.get(namespace, metadata.name)?.metadata.uid).toBe(made.metadata.uid)
    }
  })

  describe('while it is cut off', () => {
    it('it misses nothing that matters: it ends up equal to the server', async () => {
      const { client, namespace } = world()
      const { informer, cable } = await start()
      await client.create(configMaps, { metadata: at('stays') })
      const old = await client.create(configMaps, { metadata: at('replaced') })
      await client.create(configMaps, { metadata: at('goes') })
      await vi.waitFor(() => expect(informer.get(namespace, 'goes')).toBeDefined(), soon)
      const told: string[] = []
      informer.onChange(({ name }, object) => told.push(`${name} ${object ? 'is' : 'is not'}`))
      told.length = 0

      cable.pull()
      await client.delete(configMaps, at('goes'))
      await client.delete(configMaps, at('replaced'))
      const fresh = await client.create(configMaps, { metadata: at('replaced') })
      await client.create(configMaps, { metadata: at('comes') })
      await clock.sleep(1_500, {})
      expect(informer.get(namespace, 'goes')).toBeDefined()
      cable.plug()

      await vi.waitFor(() => expect(informer.get(namespace, 'comes')).toBeDefined(), soon)
      const { items } = await client.list(configMaps, { namespace })
      const versions = (objects: readonly ConfigMap[]) =>
        objects.map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`).toSorted()
      expect(versions(informer.list())).toEqual(versions(items))
      expect(informer.get(namespace, 'replaced')?.metadata.uid).toBe(fresh.metadata.uid)
      expect(fresh.metadata.uid).not.toBe(old.metadata.uid)
      expect(told).toContain('goes is not')
      expect(told.filter((each) => each.startsWith('replaced'))).toEqual([
        'replaced is not',
        'replaced is',
      ])
    })

    it('again and again, it still follows', async () => {
      const { client, namespace } = world()
      const { informer, cable } = await start()
      for (let round = 0; round < 5; round += 1) {
        cable.pull()
        await client.create(configMaps, { metadata: at(`round-${round}`) })
        cable.plug()
        const name = `round-${round}`
        await vi.waitFor(() => expect(informer.get(namespace, name)).toBeDefined(), {
          timeout: 30_000,
          interval: 50,
        })
      }
    })
  })

  it('a hundred writers later it equals the server', async () => {
    const { client, namespace } = world()
    const { informer } = await start()
    await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const made = await client.create(configMaps, { metadata: at(`writer-${index}`) })
        const next = await client.update(configMaps, { ...made, data: { n: '1' } })
        if (index % 3 === 0) await client.delete(configMaps, at(`writer-${index}`))
        else informer.noteWrite(next)
      }),
    )
    const { items, resourceVersion } = await client.list(configMaps, { namespace })
    const limits = { signal: AbortSignal.timeout(10_000), timeoutMs: 5_000 }
    await informer.waitForVersion(informer.pending() ?? '', limits)
    await vi.waitFor(() => expect(informer.size).toBe(items.length), soon)
    for (const item of items) {
      const cached = informer.get(namespace, item.metadata.name)
      expect(cached?.metadata.resourceVersion).toBe(item.metadata.resourceVersion)
    }
    expect(resourceVersion).toBeDefined()
  })
}
