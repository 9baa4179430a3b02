import { expect, it } from 'vitest'
import { configMaps, type ConfigMap } from '../../core/kube/core.ts'
import { isNewer } from '../../core/kube/resource.ts'
import { watch, type WatchEvent } from '../../core/kube/watch.ts'
import { systemClock as clock } from '../../core/base/clock.ts'
import type { WorldOf } from './world.ts'

/** One watch request against the server: order, resumption, bookmarks. Expiry: see restarts.ts. */
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

  it('tells each change once, in order, from where it was asked to', async () => {
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

  it('of what it does not match tells the version in a bookmark', async () => {
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

  it('ends in time when it was given one', async () => {
    const { client, namespace } = world()
    const { resourceVersion } = await client.list(configMaps, { namespace })
    const startedAt = clock.monotonic()
    await read(resourceVersion, () => false, { timeoutSeconds: 2 })
    expect(clock.monotonic() - startedAt).toBeLessThan(6_000)
  })
}
