import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import type { RequestReport } from '../api-call.ts'
import type { InformerObserver } from '../informer.ts'
import type { Clock } from '../../base/clock.ts'
import type { ControllerObserver, Outcome, WorkQueueView } from './controller.ts'

/** Buckets of controller-runtime, so that its dashboards fit. Seconds. */
const reconcileBuckets = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1,
  1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
]
const queueBuckets = [1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10, 100, 1000]
const requestBuckets = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60]

/** The `result` label under which controller-runtime counts each outcome. */
const resultOf: Readonly<Record<Outcome, 'success' | 'requeue_after' | 'requeue' | 'error'>> = {
  success: 'success',
  requeue_after: 'requeue_after',
  requeue: 'requeue',
  error: 'error',
  timeout: 'error',
  panic: 'error',
}

/** Every metric of this file with its help text. */
const help = {
  controller_runtime_reconcile_total: 'Reconciles by controller and result.',
  controller_runtime_reconcile_errors_total: 'Reconciles that failed.',
  controller_runtime_reconcile_panics_total: 'Reconciles ended by a programming error.',
  controller_runtime_reconcile_timeouts_total: 'Reconciles that took too long.',
  controller_runtime_reconcile_time_seconds: 'Duration of a reconcile.',
  controller_runtime_max_concurrent_reconciles: 'Reconciles that may run at the same time.',
  controller_runtime_active_workers: 'Reconciles under way.',
  workqueue_adds_total: 'Keys added to a queue.',
  workqueue_retries_total: 'Keys added again after a failure.',
  workqueue_queue_duration_seconds: 'How long a key waited.',
  workqueue_work_duration_seconds: 'How long a key was worked on.',
  workqueue_depth: 'Keys that wait.',
  workqueue_unfinished_work_seconds: 'Time spent so far on keys under work, added up.',
  workqueue_longest_running_processor_seconds: 'Time spent so far on the oldest key under work.',
  rest_client_requests_total: 'Requests to the API server by status code, method and host.',
  rest_client_request_duration_seconds: 'Duration of a request, without its wait for a turn.',
  leader_election_master_status: '1 while this process leads.',
  informer_last_event_timestamp_seconds: 'When a watch last delivered anything.',
  informer_relist_missed_events_total: 'Changes that a new list found and no event had told.',
  informer_stalls_total: 'Watches that were found frozen and opened again.',
  informer_invalid_objects: 'Objects that are there and cannot be worked on.',
  events_dropped_total: 'Events that were not written: there were too many, or they were refused.',
} as const
type Name = keyof typeof help

/**
 * Metrics under the names that dashboards for controllers already use.
 * Guarantee: all series of a controller, an election and a cache start at 0, so that a rate over
 * the first failure is not lost; only the time of a cache's last event begins with the first.
 */
export class Metrics {
  /** Product metrics register here, too. */
  readonly registry = new Registry()
  readonly #clock: Clock
  readonly #queues = new Map<string, WorkQueueView>()

  /**
   * `process`: also CPU, memory, garbage collection and the lag of the event loop
   * (`nodejs_eventloop_lag_*`; it is sampled each 100 ms, and its mean and percentiles include
   * these).
   */
  constructor(options: { readonly clock: Clock; readonly process?: boolean }) {
    this.#clock = options.clock
    if (options.process ?? true)
      collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: 100 })
    const ages = (queue: WorkQueueView) =>
      [...queue.processing.values()].map((since) => (this.#clock.monotonic() - since) / 1000)
    this.#queueGauge('workqueue_depth', (queue) => queue.depth)
    this.#queueGauge('workqueue_unfinished_work_seconds', (queue) =>
      ages(queue).reduce((sum, age) => sum + age, 0),
    )
    this.#queueGauge('workqueue_longest_running_processor_seconds', (queue) =>
      Math.max(0, ...ages(queue)),
    )
  }

  /** The Prometheus text format. */
  async text(): Promise<string> {
    return this.registry.metrics()
  }

  /** For `Controller`. */
  controller(name: string, queue: WorkQueueView, concurrency: number): ControllerObserver {
    const labels = { controller: name }
    this.#queues.set(name, queue)
    this.#concurrency.set(labels, concurrency)
    this.#active.set(labels, 0)
    for (const result of Object.values(resultOf)) this.#total.inc({ ...labels, result }, 0)
    const failures = [this.#errors, this.#panics, this.#timeouts]
    for (const counter of failures) counter.inc(labels, 0)
    for (const counter of [this.#adds, this.#retries]) counter.inc({ name }, 0)
    return {
      onAdd: () => this.#adds.inc({ name }),
      onStart: (seconds) => this.#queueSeconds.observe({ name }, seconds),
      onDone: (seconds) => this.#workSeconds.observe({ name }, seconds),
      onRetry: () => this.#retries.inc({ name }),
      onRunStart: () => this.#active.inc(labels),
      onRunEnd: (outcome, seconds) => {
        this.#active.dec(labels)
        this.#total.inc({ ...labels, result: resultOf[outcome] })
        this.#seconds.observe(labels, seconds)
        if (resultOf[outcome] === 'error') this.#errors.inc(labels)
        if (outcome === 'panic') this.#panics.inc(labels)
        if (outcome === 'timeout') this.#timeouts.inc(labels)
      },
    }
  }

  /** For `KubeClient`'s `onRequest`. */
  readonly onRequest = (report: RequestReport): void => {
    const { method, host, code, seconds } = report
    this.#requests.inc({ code, method, host })
    if (method !== 'WATCH') this.#requestSeconds.observe({ verb: method, host }, seconds)
  }

  /** For `LeaderElector`'s `onChange`. */
  readonly onLeader = (name: string, isLeader: boolean): void => {
    this.#leader.set({ name }, isLeader ? 1 : 0)
  }

  /** For `EventRecorder`'s `onDrop`. */
  readonly onEventDropped = (): void => {
    this.#dropped.inc()
  }

  /** For `Informer`'s `observer`. */
  readonly informer: InformerObserver = {
    onMade: (resource) => {
      for (const counter of [this.#missed, this.#stalls]) counter.inc({ resource }, 0)
      this.#invalid.set({ resource }, 0)
    },
    onEvents: (resource) => this.#lastEvent.set({ resource }, this.#clock.now() / 1000),
    onRelist: (resource, missed) => this.#missed.inc({ resource }, missed),
    onStall: (resource) => this.#stalls.inc({ resource }),
    onInvalid: (resource, count) => this.#invalid.set({ resource }, count),
  }

  readonly #total = this.#counter('controller_runtime_reconcile_total', 'controller', 'result')
  readonly #errors = this.#counter('controller_runtime_reconcile_errors_total', 'controller')
  readonly #panics = this.#counter('controller_runtime_reconcile_panics_total', 'controller')
  readonly #timeouts = this.#counter('controller_runtime_reconcile_timeouts_total', 'controller')
  readonly #seconds = this.#histogram(
    'controller_runtime_reconcile_time_seconds',
    reconcileBuckets,
    'controller',
  )
  readonly #concurrency = this.#gauge('controller_runtime_max_concurrent_reconciles', 'controller')
  readonly #active = this.#gauge('controller_runtime_active_workers', 'controller')
  readonly #adds = this.#counter('workqueue_adds_total', 'name')
  readonly #retries = this.#counter('workqueue_retries_total', 'name')
  readonly #queueSeconds = this.#histogram('workqueue_queue_duration_seconds', queueBuckets, 'name')
  readonly #workSeconds = this.#histogram('workqueue_work_duration_seconds', queueBuckets, 'name')
  readonly #requests = this.#counter('rest_client_requests_total', 'code', 'method', 'host')
  readonly #requestSeconds = this.#histogram(
    'rest_client_request_duration_seconds',
    requestBuckets,
    'verb',
    'host',
  )
  readonly #leader = this.#gauge('leader_election_master_status', 'name')
  readonly #lastEvent = this.#gauge('informer_last_event_timestamp_seconds', 'resource')
  readonly #missed = this.#counter('informer_relist_missed_events_total', 'resource')
  readonly #stalls = this.#counter('informer_stalls_total', 'resource')
  readonly #invalid = this.#gauge('informer_invalid_objects', 'resource')
  readonly #dropped = this.#counter('events_dropped_total')

  #counter<L extends string>(name: Name, ...labelNames: readonly L[]): Counter<L> {
    return new Counter({ name, help: help[name], labelNames, registers: [this.registry] })
  }

  #gauge<L extends string>(name: Name, ...labelNames: readonly L[]): Gauge<L> {
    return new Gauge({ name, help: help[name], labelNames, registers: [this.registry] })
  }

  #histogram<L extends string>(
    name: Name,
    buckets: number[],
    ...labelNames: readonly L[]
  ): Histogram<L> {
    const registers = [this.registry]
    return new Histogram({ name, help: help[name], labelNames, buckets, registers })
  }

  /** Read from the queues on each scrape instead of kept up to date. */
  #queueGauge(name: Name, read: (queue: WorkQueueView) => number): void {
    const gauge: Gauge<'name'> = new Gauge({
      name,
      help: help[name],
      labelNames: ['name'],
      registers: [this.registry],
      collect: () => {
        for (const [queueName, queue] of this.#queues) gauge.set({ name: queueName }, read(queue))
      },
    })
  }
}
