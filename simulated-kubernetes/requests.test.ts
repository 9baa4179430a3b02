import { describe, expect, test } from 'vitest'
import { configMaps, events, pods } from '../core/kube/built-in-kinds.ts'
import { namespace, start, task, tasks } from '../test/support/simulated-server.ts'

describe('the simulated API server', () => {
  test('waits a while for a version that is not reached yet', async () => {
    const { client, clock, server } = start()
    const made = await client.create(configMaps, { metadata: { namespace, name: 'a' } })
    const next = Number(made.metadata.resourceVersion) + 1
    const path = `/api/v1/namespaces/${namespace}/configmaps?resourceVersion=${next}`
    const early = client.raw('GET', path)
    await clock.advance(1_000)
    await client.update(configMaps, { ...made, data: { n: '1' } })
    await clock.advance(2_000)
    await expect(early).resolves.toMatchObject({ items: [{ data: { n: '1' } }] })

    // Not through the client, which would ask again.
    const never = server.transport().call({
      method: 'GET',
      path: path.replace(String(next), '99999'),
      signal: new AbortController().signal,
    })
    const refused = expect(never).rejects.toMatchObject({
      status: 504,
      causes: [{ reason: 'ResourceVersionTooLarge' }],
    })
    await clock.advance(3_000)
    await refused
  })

  test('keeps pages as they were when the first was read, until that is forgotten', async () => {
    const { client, server } = start()
    for (const name of ['a', 'b', 'c']) {
      await client.create(configMaps, { metadata: { namespace, name } })
    }
    const first = await client.listPage(configMaps, { namespace, limit: 2 })
    await client.delete(configMaps, { namespace, name: 'c' })
    await client.create(configMaps, { metadata: { namespace, name: 'd' } })
    const query = { namespace, limit: 2, continue: first.continue }
    const second = await client.listPage(configMaps, query)
    expect(second.items.map(({ metadata }) => metadata.name)).toEqual(['c'])
    expect(second.resourceVersion).toBe(first.resourceVersion)
    server.compact()
    await expect(client.listPage(configMaps, query)).rejects.toMatchObject({ status: 410 })
  })

  test('counts the first write as a change where the status was only a default, as the real one does', async () => {
    const { client } = start()
    const made = await client.create(tasks, { metadata: { namespace, name: 'a' }, spec: task })
    expect(made.status).toBeDefined()
    const written = await client.update(tasks, made)
    expect(written).toEqual({
      ...made,
      metadata: { ...made.metadata, resourceVersion: written.metadata.resourceVersion },
    })
    expect(written.metadata.resourceVersion).not.toBe(made.metadata.resourceVersion)
    const again = await client.update(tasks, written)
    expect(again.metadata.resourceVersion).toBe(written.metadata.resourceVersion)
  })

  test('selects by the fields that a kind names', async () => {
    const { client } = start()
    for (const [name, type] of [
      ['one', 'coding'],
      ['two', 'testing'],
    ] as const) {
      await client.create(tasks, { metadata: { namespace, name }, spec: { ...task, type } })
    }
    const fieldSelector = 'spec.type=testing,spec.requestRef.name=shop'
    const { items } = await client.list(tasks, { namespace, fieldSelector })
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['two'])
  })

  test('shows an event in both of its versions', async () => {
    const { client } = start()
    await client.create(events, {
      metadata: { namespace, name: 'e' },
      eventTime: '2026-01-01T00:00:00.000000Z',
      reportingController: 'guildhall.dev/operator',
      reportingInstance: 'operator-0',
      action: 'Verify',
      reason: 'TestsFailed',
      type: 'Warning',
      note: 'two tests failed',
      regarding: { kind: 'ConfigMap', name: 'a', uid: 'u-1' },
    })
    const selector = 'fieldSelector=involvedObject.uid=u-1'
    const found = await client.raw('GET', `/api/v1/namespaces/${namespace}/events?${selector}`)
    expect(found).toMatchObject({
      kind: 'EventList',
      items: [{ message: 'two tests failed', involvedObject: { name: 'a' }, firstTimestamp: null }],
    })
  })

  test('keeps owners of fields over any number of writes', async () => {
    const { client } = start()
    const apply = async (data: Readonly<Record<string, string>>, force = false) =>
      client.apply(
        configMaps,
        { metadata: { namespace, name: 'a' }, data },
        { fieldManager: 'one', force },
      )
    let current = await apply({ mine: '1' })
    for (let count = 0; count < 40; count += 1) {
      const data = { ...current.data, theirs: String(count) }
      current = await client.update(configMaps, { ...current, data }, { fieldManager: 'two' })
    }
    await expect(apply({ mine: '1', theirs: 'no' })).rejects.toMatchObject({
      status: 409,
      causes: [{ reason: 'FieldManagerConflict', field: '.data.theirs' }],
    })
    expect((await apply({})).data).toEqual({ theirs: '39' })
  })

  test('refuses what is too large to store, and what is too large to read', async () => {
    const { client } = start()
    const pod = (length: number) =>
      client.create(pods, {
        metadata: { namespace, name: 'huge' },
        spec: { containers: [{ name: 'c', image: 'i', args: ['x'.repeat(length)] }] },
      })
    await expect(pod(2_000_000)).rejects.toThrow('request is too large')
    await expect(pod(3_200_000)).rejects.toMatchObject({ status: 413 })
    await expect(client.get(pods, { namespace, name: 'huge' })).rejects.toMatchObject({
      status: 404,
    })
  })
})
