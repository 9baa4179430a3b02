import { describe, expect, test } from 'vitest'
import type { KubeClient } from '../core/kube/client.ts'
import { configMaps, leases, namespaces, pods, tokenReviews } from '../core/kube/built-in-kinds.ts'
import { isConflict, isGone, isInvalid, isNotFound } from '../core/kube/errors.ts'
import type { KubeObject } from '../core/kube/resource.ts'
import { type WatchEvent, watch } from '../core/kube/watch.ts'
import type { VirtualClock } from '../test/support/virtual-clock.ts'
import { namespace, requests, start, task, tasks } from '../test/support/simulated-server.ts'

describe('the simulated API server', () => {
  test('runs the same twice from the same seed', async () => {
    const run = async () => {
      const { client, server } = start()
      await client.create(tasks, { metadata: { namespace, name: 'a' }, spec: task })
      await client.create(pods, {
        metadata: { namespace, name: 'p' },
        spec: { containers: [{ name: 'c', image: 'i' }] },
      })
      return [server.objects(tasks), server.objects(pods), server.revision]
    }
    expect(await run()).toEqual(await run())
  })

  test('carries a request out before its answer arrives', async () => {
    const { client, server } = start()
    const transport = server.transport()
    const answer = transport.call({
      method: 'POST',
      path: '/api/v1/namespaces/default/configmaps',
      body: JSON.stringify({ metadata: { name: 'now' } }),
      signal: AbortSignal.timeout(1_000),
    })
    expect(server.objects(configMaps).map(({ metadata }) => metadata.name)).toEqual(['now'])
    await answer
    await client.close()
  })

  test('hands out what nobody can write into', async () => {
    const { client } = start()
    const made = await client.create(tasks, { metadata: { namespace, name: 'a' }, spec: task })
    expect(() => Object.assign(made.metadata, { name: 'b' })).toThrow(TypeError)
  })

  test('tells who committed what', async () => {
    const { connect, server } = start()
    const told: unknown[] = []
    server.onCommit(({ type, user, verb, object, previous }) =>
      told.push([type, user, verb, object.metadata.name, previous !== undefined]),
    )
    const made = await connect('one').create(configMaps, { metadata: { namespace, name: 'a' } })
    await connect('two').update(configMaps, { ...made, data: { n: '1' } })
    await connect('two')
      .update(configMaps, { ...made, data: { n: '2' } })
      .catch(() => undefined)
    await connect('three').delete(configMaps, { namespace, name: 'a' })
    expect(told).toEqual([
      ['ADDED', 'one', 'create', 'a', false],
      ['MODIFIED', 'two', 'update', 'a', true],
      ['DELETED', 'three', 'delete', 'a', true],
    ])
  })

  test('keeps to the schemas and rules of our kinds', async () => {
    const { client } = start()
    const made = await client.create(requests, {
      metadata: { namespace, name: 'r' },
      spec: { request: 'Build a shop', odd: 1 },
    })
    expect(made.spec).toEqual({
      request: 'Build a shop',
      priority: 'normal',
      limits: { maxTasks: 30, maxParallel: 10, taskTimeoutSeconds: 1800, maxAttempts: 3 },
    })
    const empty = client.create(requests, {
      metadata: { namespace, name: 'e' },
      spec: { request: ' ' },
    })
    await expect(empty).rejects.toThrow('spec.request is empty')
    const changed = client.update(requests, { ...made, spec: { ...made.spec, request: 'y' } })
    await expect(changed).rejects.toThrow('spec.request cannot change')
    const slow = { request: 'x', limits: { taskTimeoutSeconds: 5 } }
    const refused = client.create(requests, { metadata: { namespace, name: 's' }, spec: slow })
    await expect(refused).rejects.toSatisfy(isInvalid)
    await expect(refused).rejects.toMatchObject({
      causes: [{ field: 'spec.limits.taskTimeoutSeconds' }],
    })
  })

  test('lets no status write change the spec, and the other way round', async () => {
    const { client } = start()
    const made = await client.create(tasks, { metadata: { namespace, name: 'a' }, spec: task })
    const marked = await client.updateStatus(tasks, { ...made, spec: {}, status: { attempts: 1 } })
    expect(marked).toMatchObject({
      spec: task,
      status: { attempts: 1 },
      metadata: { generation: 1 },
    })
    const late = client.updateStatus(tasks, { ...made, status: { attempts: 2 } })
    await expect(late).rejects.toSatisfy(isConflict)
    const same = await client.updateStatus(tasks, { ...marked, status: { attempts: 1 } })
    expect(same.metadata.resourceVersion).toBe(marked.metadata.resourceVersion)
  })

  test('ends a Pod on a node only when its kubelet says so', async () => {
    const { client, clock } = start()
    const at = { namespace, name: 'p' }
    await client.create(pods, {
      metadata: { ...at },
      spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] },
    })
    const going = await client.delete(pods, at)
    expect(going?.metadata).toMatchObject({ generation: 2, deletionGracePeriodSeconds: 30 })
    expect(Date.parse(going?.metadata.deletionTimestamp ?? '')).toBe(clock.now() + 30_000)
    await client.delete(pods, { ...at, gracePeriodSeconds: 0 })
    await expect(client.get(pods, at)).rejects.toSatisfy(isNotFound)
  })

  test('knows a token until its Pod is gone', async () => {
    const { client, server } = start()
    const at = { namespace, name: 'p' }
    const pod = await client.create(pods, {
      metadata: at,
      spec: { containers: [{ name: 'c', image: 'i' }] },
    })
    const token = server.issueToken({
      username: 'system:serviceaccount:default:agent',
      audiences: ['hub'],
      pod: { ...at, uid: pod.metadata.uid ?? '' },
    })
    const review = async (audience: string) =>
      client.create(tokenReviews, {
        metadata: { name: '' },
        spec: { token, audiences: [audience] },
      })
    expect((await review('hub')).status).toMatchObject({
      authenticated: true,
      audiences: ['hub'],
      user: {
        username: 'system:serviceaccount:default:agent',
        extra: { 'authentication.kubernetes.io/pod-uid': [pod.metadata.uid] },
      },
    })
    expect((await review('other')).status?.authenticated ?? false).toBe(false)
    await client.delete(pods, at)
    expect((await review('hub')).status?.authenticated ?? false).toBe(false)
  })

  test('refuses what is made in a namespace that is not there', async () => {
    const { client } = start()
    const lost = client.create(leases, { metadata: { namespace: 'nowhere', name: 'l' } })
    await expect(lost).rejects.toSatisfy(isNotFound)
    await client.create(namespaces, { metadata: { name: 'nowhere' } })
    await client.create(leases, { metadata: { namespace: 'nowhere', name: 'l' } })
  })
})

describe('a watch of the simulated API server', () => {
  function follow(client: KubeClient, clock: VirtualClock, from: string, timeoutSeconds = 300) {
    const events: WatchEvent<KubeObject>[] = []
    const stop = new AbortController()
    const reading = (async () => {
      const batches = watch(configMaps, {
        client,
        clock,
        namespace,
        resourceVersion: from,
        timeoutSeconds,
        signal: stop.signal,
      })
      for await (const batch of batches) events.push(...batch)
    })()
    return { events, stop, reading }
  }

  test('tells what happened since, what happens, and the version once in a while', async () => {
    const { client, clock, server } = start()
    const from = (await client.list(configMaps, { namespace })).resourceVersion
    const made = await client.create(configMaps, { metadata: { namespace, name: 'a' } })
    const { events, reading } = follow(client, clock, from, 100)
    await clock.advance(1)
    await client.update(configMaps, { ...made, data: { n: '1' } })
    await clock.advance(59_999)
    await client.create(leases, { metadata: { namespace, name: 'l' } })
    await clock.advance(60_000)
    await reading
    expect(events.map(({ type }) => type)).toEqual(['ADDED', 'MODIFIED', 'BOOKMARK', 'BOOKMARK'])
    const last = events.at(-1)
    expect(last?.type === 'BOOKMARK' && last.resourceVersion).toBe(String(server.revision))
    expect(clock.pending).toBe(0)
  })

  test('from a version that is forgotten is gone', async () => {
    const { client, clock, server } = start()
    const from = (await client.list(configMaps, { namespace })).resourceVersion
    await client.create(configMaps, { metadata: { namespace, name: 'a' } })
    server.compact()
    const { reading } = follow(client, clock, from)
    await expect(reading).rejects.toSatisfy(isGone)
  })

  test('that is stopped leaves nothing behind', async () => {
    const { client, clock, server } = start()
    const { stop, reading } = follow(client, clock, '0')
    await clock.advance(1)
    expect(server.openWatches).toBe(1)
    stop.abort(new Error('enough'))
    await expect(reading).rejects.toThrow('enough')
    expect([server.openWatches, clock.pending]).toEqual([0, 0])
  })
})
