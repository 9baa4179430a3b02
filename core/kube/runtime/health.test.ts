import { afterEach, beforeEach, expect, test } from 'vitest'
import { Controller, done } from './controller.ts'
import { HealthServer, eventLoopCheck } from './health.ts'
import { silentLogger } from '../../../test/support/silent-logger.ts'
import { Metrics } from './metrics.ts'
import { VirtualClock, seededRandom } from '../../../test/support/virtual-clock.ts'

let server: HealthServer
let address: string
let sick: string | undefined
const clock = new VirtualClock()
let metrics: Metrics

beforeEach(async () => {
  sick = undefined
  metrics = new Metrics({ clock, process: false })
  server = new HealthServer({
    port: 0,
    host: '127.0.0.1',
    live: { fine: () => undefined, lease: () => sick },
    ready: { caches: () => 'the caches are not complete' },
    metrics: () => metrics.text(),
  })
  address = `http://127.0.0.1:${await server.start()}`
})
afterEach(async () => {
  await server.stop()
})

const ask = async (path: string) => {
  const response = await fetch(address + path)
  return [response.status, await response.text()]
}

test('health says what is wrong, by name', async () => {
  expect(await ask('/healthz')).toEqual([200, 'ok\n'])
  sick = 'renewals are overdue'
  expect(await ask('/healthz')).toEqual([503, 'lease: renewals are overdue\n'])
  expect(await ask('/readyz?verbose')).toEqual([503, 'caches: the caches are not complete\n'])
  expect(await ask('/nowhere')).toEqual([404, 'try /healthz, /readyz or /metrics\n'])
})

test('metrics count runs, keys, requests and leadership under the usual names', async () => {
  const controller = new Controller({
    name: 'task',
    concurrency: 3,
    reconcile: async (key) => {
      if (key === 'n/bad') throw new Error('no')
      return done
    },
    clock,
    random: seededRandom(1),
    log: silentLogger,
    metrics,
  })
  metrics.informer.onMade('pods')
  const zero = await metrics.text()
  expect(zero).toContain('informer_stalls_total{resource="pods"} 0')
  expect(zero).toContain('informer_invalid_objects{resource="pods"} 0')
  expect(zero).toContain('controller_runtime_reconcile_errors_total{controller="task"} 0')
  expect(zero).toContain(
    'controller_runtime_reconcile_total{controller="task",result="requeue_after"} 0',
  )

  const life = new AbortController()
  controller.enqueue('n/bad')
  controller.enqueue('n/a')
  expect(await metrics.text()).toContain('workqueue_depth{name="task"} 2')
  const running = controller.run({ stop: life.signal, abort: life.signal })
  await clock.advance(0)
  life.abort()
  await running
  metrics.onRequest({ method: 'GET', host: 'h', code: '200', seconds: 0.01 })
  metrics.onLeader('operator', true)
  metrics.onLeader('other', false)
  metrics.informer.onRelist('pods', 3)
  metrics.informer.onStall('pods')
  metrics.informer.onInvalid('pods', 2)
  metrics.informer.onEvents('pods', 1)
  expect(await metrics.text()).toContain('events_dropped_total 0')
  metrics.onEventDropped()
  const [, text] = await ask('/metrics')
  for (const line of [
    'controller_runtime_reconcile_total{controller="task",result="success"} 1',
    'controller_runtime_reconcile_total{controller="task",result="error"} 1',
    'controller_runtime_reconcile_errors_total{controller="task"} 1',
    'controller_runtime_reconcile_time_seconds_count{controller="task"} 2',
    'controller_runtime_active_workers{controller="task"} 0',
    'workqueue_adds_total{name="task"} 2',
    'workqueue_retries_total{name="task"} 1',
    'workqueue_depth{name="task"} 0',
    'rest_client_requests_total{code="200",method="GET",host="h"} 1',
    'rest_client_request_duration_seconds_count{verb="GET",host="h"} 1',
    'leader_election_master_status{name="operator"} 1',
    'leader_election_master_status{name="other"} 0',
    'controller_runtime_max_concurrent_reconciles{controller="task"} 3',
    'informer_stalls_total{resource="pods"} 1',
    'informer_invalid_objects{resource="pods"} 2',
    'informer_relist_missed_events_total{resource="pods"} 3',
    'events_dropped_total 1',
  ]) {
    expect(text).toContain(line)
  }
})

test('an event loop that is always late is no longer alive, and is again once it keeps up', async () => {
  const check = eventLoopCheck(100)
  const turn = async () =>
    new Promise<void>((resolve) => {
      setTimeout(resolve, 1)
    })
  await turn()
  check()
  for (let times = 0; times < 4; times += 1) {
    const until = performance.now() + 300
    while (performance.now() < until);
    await turn()
  }
  expect(check()).toMatch(/half of all turns of the event loop came \d+ ms late/)
  expect(eventLoopCheck()()).toBeUndefined()
})
