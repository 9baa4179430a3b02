import { expect, onTestFinished, test } from 'vitest'
import { agentTasks, agents, devRequests } from '../../core/api/kinds.ts'
import type { KubeObject } from '../../core/kube/resource.ts'
import { systemClock as clock, systemRandom as random } from '../../core/base/clock.ts'
import { exampleAgent, exampleRequest, taskOf, tasks } from '../../test/support/example-objects.ts'
import { streamedApi } from '../../test/support/streamed-api.ts'
import { followRequest, troubleLog } from './follow.ts'

const newer = <T extends KubeObject>(object: T, resourceVersion: string): T => ({
  ...object,
  metadata: { ...object.metadata, resourceVersion },
})

test('a request is followed with its tasks and agents, over a closed watch, until it is deleted', async () => {
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  const request = exampleRequest({ progress: '0/1' })
  const server = streamedApi({
    devrequests: [request],
    agents: [exampleAgent('b'), exampleAgent('a')],
  })
  const told: string[] = []
  const views = followRequest({
    client: server.client,
    namespace: 'guildhall',
    name: 'hello',
    clock,
    random,
    signal: stop.signal,
    trouble: (sentence) => told.push(sentence),
  })
  const next = async () => (await views.next()).value ?? undefined

  const first = await next()
  expect(first?.request.status?.progress).toBe('0/1')
  expect(first?.agents.map(({ metadata }) => metadata.name)).toEqual(['a', 'b'])

  await server.say(agentTasks, 'ADDED', newer(taskOf(tasks.branch), '11'))
  expect((await next())?.tasks.map(({ metadata }) => metadata.name)).toEqual(['hello-branch'])

  server.hangUp(devRequests)
  await server.say(devRequests, 'MODIFIED', newer(exampleRequest({ progress: '1/1' }), '12'))
  expect((await next())?.request.status?.progress).toBe('1/1')

  await server.say(agents, 'DELETED', newer(exampleAgent('b'), '13'))
  expect((await next())?.agents.map(({ metadata }) => metadata.name)).toEqual(['a'])

  await server.say(devRequests, 'DELETED', newer(request, '14'))
  expect(await next()).toBeUndefined()
  expect(told).toEqual([])
  await views.return()
})

test('it ends with the reason of the signal', async () => {
  const stop = new AbortController()
  const { client } = streamedApi({})
  const views = followRequest({
    client,
    namespace: 'guildhall',
    name: 'hello',
    clock,
    random,
    signal: stop.signal,
    trouble: () => undefined,
  })
  expect((await views.next()).value).toBeUndefined()
  const waiting = views.next()
  stop.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
})

test('an outage is told with its cause, once in a while, and recovery needs no word', () => {
  let time = 0
  const told: string[] = []
  const clock = {
    now: () => time,
    monotonic: () => time,
    after: () => () => undefined,
    sleep: async () => undefined,
  }
  const log = troubleLog((sentence) => told.push(sentence), clock)
  const fail = (at: number) => {
    time = at
    log.warn({ err: new Error('no route') }, 'cannot follow resource, trying again')
  }
  for (const at of [0, 100, 5000, 19_999, 20_000]) fail(at)
  log.info({}, 'watch version expired, listing again')
  const want = 'the cluster does not answer, trying again: no route'
  expect(told).toEqual([want, want])
})
