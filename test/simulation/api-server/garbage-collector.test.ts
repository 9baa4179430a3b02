import { describe, expect, it } from 'vitest'
import type { KubeClient } from '../../../operator/kube/client.ts'
import { configMaps, namespaces, pods, secrets } from '../../../operator/kube/core.ts'
import type { KubeObject, OwnerReference, Resource } from '../../../operator/kube/resource.ts'
import { GarbageCollector } from './garbage-collector.ts'
import { NamespaceCleaner } from './namespace-cleaner.ts'
import { namespace, start } from './server-fixture.ts'

const resources = [configMaps, secrets, pods]

function begin() {
  const world = start()
  const { server, clock } = world
  const client = world.connect('collector')
  const collector = new GarbageCollector({ server, client, clock, resources })
  const names = (resource: Resource) =>
    server.objects(resource).map(({ metadata }) => metadata.name)
  const make = async (name: string, ...owners: readonly OwnerReference[]) =>
    world.client.create(secrets, { metadata: { namespace, name, ownerReferences: owners } })
  const owner = async (name: string) =>
    world.client.create(configMaps, { metadata: { namespace, name } })
  return { ...world, collector, names, make, owner }
}

const by = (object: KubeObject, blockOwnerDeletion = false): OwnerReference => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  name: object.metadata.name,
  uid: object.metadata.uid ?? '',
  blockOwnerDeletion,
})

describe('the garbage collector', () => {
  it('deletes what has no owner left, and what is made for one that is gone', async () => {
    const { client, clock, names, make, owner } = begin()
    const one = await owner('one')
    const two = await owner('two')
    await make('of-one', by(one))
    await make('of-both', by(one), by(two))
    await client.delete(configMaps, { namespace, name: 'one' })
    await make('late', by(one))
    await clock.advance(1_000)
    expect(names(secrets)).toEqual(['of-both'])
    const { ownerReferences } = (await client.get(secrets, { namespace, name: 'of-both' })).metadata
    expect(ownerReferences?.map(({ name }) => name)).toEqual(['two'])
  })

  it('is not fooled by a successor of the same name', async () => {
    const { client, clock, names, make, owner } = begin()
    const old = await owner('one')
    await make('of-one', by(old))
    await client.delete(configMaps, { namespace, name: 'one' })
    await owner('one')
    await clock.advance(1_000)
    expect(names(secrets)).toEqual([])
  })

  it('lets an owner that is deleted in the foreground go after its dependents', async () => {
    const { client, clock, server, names, make, owner } = begin()
    const order: string[] = []
    const one = await owner('one')
    const held = { namespace, name: 'held', ownerReferences: [by(one, true)] }
    await client.create(secrets, { metadata: { ...held, finalizers: ['example.com/wait'] } })
    await make('free', by(one, true))
    server.onCommit(({ type, object }) => {
      if (type === 'DELETED') order.push(object.metadata.name)
    })
    await client.delete(configMaps, { namespace, name: 'one', propagation: 'Foreground' })
    await clock.advance(5_000)
    expect([names(configMaps), names(secrets)]).toEqual([['one'], ['held']])
    await client.patch(
      secrets,
      { namespace, name: 'held' },
      {
        type: 'merge',
        body: { metadata: { finalizers: null } },
      },
    )
    await clock.advance(5_000)
    expect(order).toEqual(['free', 'held', 'one'])
  })

  it('takes an owner off the dependents that it is to leave alone', async () => {
    const { client, clock, names, make, owner } = begin()
    await make('of-one', by(await owner('one')))
    await client.delete(configMaps, { namespace, name: 'one', propagation: 'Orphan' })
    await clock.advance(1_000)
    expect([names(configMaps), names(secrets)]).toEqual([[], ['of-one']])
    const left = await client.get(secrets, { namespace, name: 'of-one' })
    expect(left.metadata.ownerReferences).toBeUndefined()
  })

  it('leaves what is owned by a kind that it does not know', async () => {
    const { clock, names, make } = begin()
    await make('theirs', { apiVersion: 'example.com/v1', kind: 'Thing', name: 't', uid: 'u' })
    await clock.advance(1_000)
    expect(names(secrets)).toEqual(['theirs'])
  })

  it('rests when there is nothing to do', async () => {
    const { client, clock, collector, make, owner } = begin()
    await make('of-one', by(await owner('one')))
    await clock.advance(1_000)
    expect([collector.writes, clock.pending]).toEqual([0, 0])
    collector.stop()
    await client.delete(configMaps, { namespace, name: 'one' })
    expect(clock.pending).toBe(0)
  })
})

describe('a namespace that is deleted', () => {
  const within = async (client: KubeClient, name: string, node?: string) => {
    const spec = { containers: [{ name: 'c', image: 'i' }], ...(node ? { nodeName: node } : {}) }
    await client.create(pods, { metadata: { namespace: 'going', name }, spec })
  }

  it('takes nothing new, goes after all that is in it, and can be made again', async () => {
    const { client, clock, server, connect } = begin()
    const cleaner = new NamespaceCleaner({ server, client: connect('cleaner'), clock, resources })
    await client.create(namespaces, { metadata: { name: 'going' } })
    await within(client, 'free')
    await within(client, 'running', 'a-node')
    const going = await client.delete(namespaces, { name: 'going' })
    expect(going?.status?.phase).toBe('Terminating')
    await expect(within(client, 'late')).rejects.toMatchObject({ status: 403 })
    await clock.advance(5_000)
    // The kubelet has not said yet that it stopped.
    expect(server.objects(pods).map(({ metadata }) => metadata.name)).toEqual(['running'])
    const running = { namespace: 'going', name: 'running', gracePeriodSeconds: 0 }
    await client.delete(pods, running)
    await clock.advance(5_000)
    await expect(client.get(namespaces, { name: 'going' })).rejects.toMatchObject({ status: 404 })
    await client.create(namespaces, { metadata: { name: 'going' } })
    cleaner.stop()
  })
})
