import { afterEach, describe, expect, test, vi } from 'vitest'
import { systemClock as clock, systemRandom as random } from '../../core/base/clock.ts'
import { KubeClient } from '../../core/kube/client.ts'
import { type ConfigMap, configMaps } from '../../core/kube/built-in-kinds.ts'
import { Informer } from '../../core/kube/informer.ts'
import { isNewer } from '../../core/kube/resource.ts'
import { type WatchEvent, watch } from '../../core/kube/watch.ts'
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

  test('sees what happens, under its indexes', async () => {
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

  test('includes an own write once it says so', async () => {
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
    test('it misses nothing that matters: it ends up equal to the server', async () => {
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

    test('again and again, it still follows', async () => {
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

  test('a hundred writers later it equals the server', async () => {
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

/** One watch request against the server: order, resumption, bookmarks. Expiry: see disturbances.ts. */
export function watchSuite(world: WorldOf): void {
  const at = (name: string) => ({ namespace: world().namespace, name })

  /** Reads events until `enough` says so, or the server ends the watch. */
  async function read(
    from: string,
    enough: (events: readonly WatchEvent<ConfigMap>[]) => boolean,
    options: { readonly timeoutSeconds?: number; readonly fieldSelector?: string } = {},
  ): Promise<readonly WatchEvent<ConfigMap>[]> {
    const { client, namespace } = world()
    const events: WatchEvent<ConfigMap>[] = []
    const batches = watch(configMaps, {
      client,
      clock,
      namespace,
      fieldSelector: options.fieldSelector,
      resourceVersion: from,
      timeoutSeconds: options.timeoutSeconds ?? 30,
      signal: AbortSignal.timeout(45_000),
    })
    for await (const batch of batches) {
      events.push(...batch)
      if (enough(events)) break
    }
    return events
  }
  const changesOf = (name: string, events: readonly WatchEvent<ConfigMap>[]) =>
    events.flatMap((event) =>
      event.type !== 'BOOKMARK' && event.object.metadata.name === name ? [event] : [],
    )

  test('tells each change once, in order, from where it was asked to', async () => {
    const { client, namespace } = world()
    const { resourceVersion } = await client.list(configMaps, { namespace })
    const made = await client.create(configMaps, { metadata: at('a'), data: { n: '1' } })
    await client.update(configMaps, { ...made, data: { n: '2' } })
    await client.delete(configMaps, at('a'))
    const done = (events: readonly WatchEvent<ConfigMap>[]) => changesOf('a', events).length >= 3
    const all = changesOf('a', await read(resourceVersion, done))
    expect(all.map((event) => [event.type, event.object.data?.['n']])).toEqual([
      ['ADDED', '1'],
      ['MODIFIED', '2'],
      ['DELETED', '2'],
    ])
    const versions = all.map((event) => event.object.metadata.resourceVersion ?? '')
    expect(isNewer(versions[1] ?? '', versions[0] ?? '')).toBe(true)
    // A deletion carries its own version: resuming from it does not tell it again.
    expect(isNewer(versions[2] ?? '', versions[1] ?? '')).toBe(true)

    const rest = changesOf('a', await read(versions[0] ?? '', (seen) => seen.length >= 2))
    expect(rest.map((event) => event.type)).toEqual(['MODIFIED', 'DELETED'])
  })

  test('of what it does not match tells the version in a bookmark', async () => {
    const { client, namespace } = world()
    const { resourceVersion } = await client.list(configMaps, { namespace })
    const reading = read(
      resourceVersion,
      (seen) => seen.some((event) => event.type === 'BOOKMARK'),
      { timeoutSeconds: 6, fieldSelector: 'metadata.name=nobody' },
    )
    await clock.sleep(500, {})
    const made = await client.create(configMaps, { metadata: at('elsewhere') })
    const events = await reading
    expect(events.map((event) => event.type)).toEqual(['BOOKMARK'])
    const bookmark = events.find((event) => event.type === 'BOOKMARK')
    const version = bookmark?.type === 'BOOKMARK' ? bookmark.resourceVersion : ''
    expect(isNewer(made.metadata.resourceVersion ?? '', version)).toBe(false)
  })

  test('ends in time when it was given one', async () => {
    const { client, namespace } = world()
    const { resourceVersion } = await client.list(configMaps, { namespace })
    const startedAt = clock.monotonic()
    await read(resourceVersion, () => false, { timeoutSeconds: 2 })
    expect(clock.monotonic() - startedAt).toBeLessThan(6_000)
  })
}
