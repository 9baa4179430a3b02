import { expect, it } from 'vitest'
import { configMaps } from '../../operator/kube/core.ts'
import { isInvalid, isNotFound } from '../../operator/kube/errors.ts'
import { addFinalizer, finalizerState, removeFinalizer } from '../../operator/runtime/finalizer.ts'
import type { WorldOf } from './world.ts'

const ours = 'guildhall.dev/cleanup'
const theirs = 'example.com/other'

/** Finalizers under the hands of two controllers. */
export function finalizerSuite(world: WorldOf): void {
  const at = (name: string) => ({ namespace: world().namespace, name })

  it('an object waits for its finalizer and goes with it', async () => {
    const { client } = world()
    const made = await client.create(configMaps, { metadata: at('waits') })
    expect(finalizerState(made, ours)).toBe('add')
    const held = await addFinalizer(client, configMaps, made, ours, {})
    expect(finalizerState(held, ours)).toBe('work')
    const dying = await client.delete(configMaps, at('waits'))
    expect(dying && finalizerState(dying, ours)).toBe('cleanUp')
    const current = await client.get(configMaps, at('waits'))
    await removeFinalizer(client, configMaps, current, ours, {})
    await expect(client.get(configMaps, at('waits'))).rejects.toSatisfy(isNotFound)
  })

  it("a neighbour's finalizer is never removed, whatever the list was when we looked", async () => {
    const { client } = world()
    const metadata = { ...at('shared'), finalizers: [theirs, ours] }
    const seen = await client.create(configMaps, { metadata })
    // The neighbour leaves: ours moves to its place, and our index now points beyond.
    await removeFinalizer(client, configMaps, seen, theirs, {})
    await expect(removeFinalizer(client, configMaps, seen, ours, {})).rejects.toSatisfy(isInvalid)
    const current = await client.get(configMaps, at('shared'))
    expect(current.metadata.finalizers).toEqual([ours])
    const free = await removeFinalizer(client, configMaps, current, ours, {})
    expect(free.metadata.finalizers ?? []).toEqual([])
  })

  it('a finalizer is not put on the successor of the object that was seen', async () => {
    const { client } = world()
    const seen = await client.create(configMaps, { metadata: at('reborn') })
    await client.delete(configMaps, at('reborn'))
    await client.create(configMaps, { metadata: at('reborn') })
    await expect(addFinalizer(client, configMaps, seen, ours, {})).rejects.toSatisfy(isInvalid)
  })

  it('two that add theirs at the same time both end up on it', async () => {
    const { client } = world()
    const seen = await client.create(configMaps, { metadata: at('both') })
    await addFinalizer(client, configMaps, seen, theirs, {})
    await expect(addFinalizer(client, configMaps, seen, ours, {})).rejects.toSatisfy(isInvalid)
    const current = await client.get(configMaps, at('both'))
    const held = await addFinalizer(client, configMaps, current, ours, {})
    expect(held.metadata.finalizers).toEqual([theirs, ours])
    const freed = await removeFinalizer(client, configMaps, held, ours, {})
    await removeFinalizer(client, configMaps, freed, theirs, {})
  })
}
