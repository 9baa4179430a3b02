import { expect, onTestFinished, test } from 'vitest'
import { agentTasks, agents, devRequests } from '../../core/api/kinds.ts'
import type { KubeObject } from '../../core/kube/resource.ts'
import { systemClock as clock, systemRandom as random } from '../../core/base/clock.ts'
import { exampleAgent, exampleRequest, taskOf, tasks } from '../../test/support/example-objects.ts'
import { streamedApi } from '../../test/support/streamed-api.ts'
import { KubeError } from '../../core/kube/errors.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { followRequest, isIncurable, troubleLog } from './follow.ts'

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

const refused = (status: number, message: string): KubeError =>
  new KubeError({ status, reason: status === 0 ? 'Unreachable' : 'x', message })
const incurable = [
  refused(401, 'Unauthorized'),
  refused(403, 'forbidden'),
  refused(404, '404 page not found'),
  refused(400, 'bad'),
  refused(302, 'moved'),
  refused(0, 'a:6443 cannot be reached: self-signed certificate'),
  refused(0, 'a:6443 cannot be reached: unable to get local issuer certificate'),
]

/** Everything is refused, first as often as `passing` says with something that passes. */
function refusing(answer: KubeError, passing = 0) {
  let asked = 0
  const no = async (): Promise<never> => {
    asked += 1
    throw asked <= passing ? refused(503, 'starting') : answer
  }
  return { list: no, openWatch: no }
}

test.each(incurable.map((error) => [error.message, error] as const))(
  'what waiting does not cure ends it before the first view: %s',
  async (_, error) => {
    const told: string[] = []
    const views = followRequest({
      client: refusing(error, 3),
      namespace: 'guildhall',
      name: 'hello',
      clock,
      random,
      signal: AbortSignal.timeout(20_000),
      trouble: (sentence) => told.push(sentence),
    })
    await expect(views.next()).rejects.toBe(error)
    expect(told.join()).not.toMatch(new RegExp(error.message))
  },
  30_000,
)

test.each([
  ...[408, 409, 410, 429, 500, 503].map((status) => refused(status, 'later')),
  refused(0, 'a:6443 cannot be reached: connect ECONNREFUSED'),
])('an answer that may change is waited for: $status $message', (error) => {
  expect(isIncurable(error)).toBe(false)
})

test('a refusal after the first view ends it when it lasts, and not at once', async () => {
  const virtual = new VirtualClock()
  const stop = new AbortController()
  onTestFinished(() => stop.abort())
  const { client, hangUp } = streamedApi({ devrequests: [exampleRequest({})] })
  let error: KubeError | undefined
  const views = followRequest({
    client: {
      list: async () => Promise.reject(error ?? new Error('a stream is open')),
      openWatch: (...args) =>
        error === undefined ? client.openWatch(...args) : Promise.reject(error),
    },
    namespace: 'guildhall',
    name: 'hello',
    clock: virtual,
    random,
    signal: stop.signal,
    trouble: () => undefined,
  })
  await views.next()
  let ended: unknown
  const next = views.next().catch((reason: unknown) => {
    ended = reason
  })
  error = refused(403, 'forbidden')
  hangUp(devRequests)
  hangUp(agents)
  await virtual.advance(5_000)
  expect(ended).toBeUndefined()
  await virtual.advance(60_000)
  await next
  expect(ended).toBe(error)
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
