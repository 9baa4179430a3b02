import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { RequestReport } from '../kube/caller.ts'
import type { InformerObserver } from '../kube/informer.ts'
import type { Clock } from './clock.ts'
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
  terminal_error: 'error',
  timeout: 'error',
  panic: 'error',
}

/** Figures under the names that dashboards for controllers already know. */
export class Metrics {
  /** Product metrics register here, too. */
  readonly registry = new Registry()
  readonly #clock: Clock
  readonly #queues = new Map<string, WorkQueueView>()

  constructor(options: { readonly clock: Clock; readonly process?: boolean }) {
    this.#clock = options.clock
    if (options.process ?? true) collectDefaultMetrics({ register: this.registry })
    this.#queueGauges()
  }

  /** The Prometheus text format. */
  async text(): Promise<string> {
    return this.registry.metrics()
  }

  /** For `Controller`. All series start at 0, so that a rate over the first failure is not lost. */
  controller(name: string, queue: WorkQueueView): ControllerObserver {
    this.#queues.set(name, queue)
    for (const result of Object.values(resultOf)) this.#total.inc({ controller: name, result }, 0)
    const failures = [this.#errors, this.#terminal, this.#panics, this.#timeouts]
    for (const counter of failures) counter.inc({ controller: name }, 0)
    this.#adds.inc({ name }, 0)
    this.#retries.inc({ name }, 0)
    return {
      onAdd: () => this.#adds.inc({ name }),
      onStart: (seconds) => this.#queueDuration.observe({ name }, seconds),
      onDone: (seconds) => this.#workDuration.observe({ name }, seconds),
      onRetry: () => this.#retries.inc({ name }),
      onRunStart: () => this.#active.inc({ controller: name }),
      onRunEnd: (outcome, seconds) => {
        this.#active.dec({ controller: name })
        this.#total.inc({ controller: name, result: resultOf[outcome] })
        this.#seconds.observe({ controller: name }, seconds)
        if (resultOf[outcome] === 'error') this.#errors.inc({ controller: name })
        if (outcome === 'terminal_error') this.#terminal.inc({ controller: name })
        if (outcome === 'panic') this.#panics.inc({ controller: name })
        if (outcome === 'timeout') this.#timeouts.inc({ controller: name })
      },
    }
  }

  /** For `KubeClient`'s `onRequest`. */
  readonly onRequest = (report: RequestReport): void => {
    const { method, host, code, seconds } = report
    this.#requests.inc({ code, method, host })
    if (method !== 'WATCH') this.#requestSeconds.observe({ method, host }, seconds)
  }

  /** For `LeaderElector`'s `onChange`. */
  readonly onLeader = (name: string, isLeader: boolean): void => {
    this.#leader.set({ name }, isLeader ? 1 : 0)
  }

  /** For `Informer`'s `observer`. */
  readonly informer: InformerObserver = {
    onEvents: (resource) => this.#lastEvent.set({ resource }, this.#clock.now() / 1000),
    onRelist: (resource, missed) => this.#missed.inc({ resource }, missed),
    onStall: (resource) => this.#stalls.inc({ resource }),
    onBroken: (resource, count) => this.#broken.set({ resource }, count),
  }

  readonly #total = this.#counter(
    'controller_runtime_reconcile_total',
    'Reconciles by controller and result.',
    ['controller', 'result'],
  )
  readonly #errors = this.#counter(
    'controller_runtime_reconcile_errors_total',
    'Reconciles that failed.',
    ['controller'],
  )
  readonly #terminal = this.#counter(
    'controller_runtime_terminal_reconcile_errors_total',
    'Reconciles that failed for good.',
    ['controller'],
  )
  readonly #panics = this.#counter(
    'controller_runtime_reconcile_panics_total',
    'Reconciles ended by a programming error.',
    ['controller'],
  )
  readonly #timeouts = this.#counter(
    'controller_runtime_reconcile_timeouts_total',
    'Reconciles that took too long.',
    ['controller'],
  )
  readonly #seconds = this.#histogram(
    'controller_runtime_reconcile_time_seconds',
    'Duration of a reconcile.',
    ['controller'],
    reconcileBuckets,
  )
  readonly #active = this.#gauge('controller_runtime_active_workers', 'Reconciles under way.', [
    'controller',
  ])
  readonly #adds = this.#counter('workqueue_adds_total', 'Keys added to a queue.', ['name'])
  readonly #retries = this.#counter(
    'workqueue_retries_total',
    'Keys added again after a failure.',
    ['name'],
  )
  readonly #queueDuration = this.#histogram(
    'workqueue_queue_duration_seconds',
    'How long a key waited.',
    ['name'],
    queueBuckets,
  )
  readonly #workDuration = this.#histogram(
    'workqueue_work_duration_seconds',
    'How long a key was worked on.',
    ['name'],
    queueBuckets,
  )
  readonly #requests = this.#counter(
    'rest_client_requests_total',
    'Requests to the API server by status code, method and host.',
    ['code', 'method', 'host'],
  )
  readonly #requestSeconds = this.#histogram(
    'rest_client_request_duration_seconds',
    'Duration of a request to the API server, without its wait for a turn.',
    ['method', 'host'],
    requestBuckets,
  )
  readonly #leader = this.#gauge('leader_election_master_status', '1 while this process leads.', [
    'name',
  ])
  readonly #lastEvent = this.#gauge(
    'informer_last_event_timestamp_seconds',
    'When a watch last delivered anything.',
    ['resource'],
  )
  readonly #missed = this.#counter(
    'informer_relist_missed_events_total',
    'Changes that a new list found and no event had told.',
    ['resource'],
  )

  readonly #stalls = this.#counter(
    'informer_stalls_total',
    'Watches that were found frozen and opened anew.',
    ['resource'],
  )
  readonly #broken = this.#gauge(
    'informer_broken_objects',
    'Objects that are there and cannot be worked on.',
    ['resource'],
  )

  #counter<L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.registry] })
  }

  #gauge<L extends string>(name: string, help: string, labelNames: readonly L[]): Gauge<L> {
    return new Gauge({ name, help, labelNames, registers: [this.registry] })
  }

  #histogram<L extends string>(
    name: string,
    help: string,
    labelNames: readonly L[],
    buckets: number[],
  ): Histogram<L> {
    return new Histogram({ name, help, labelNames, buckets, registers: [this.registry] })
  }

  /** Read from the queues on each scrape instead of kept up to date. */
  #queueGauges(): void {
    const ages = (queue: WorkQueueView) =>
      [...queue.processing.values()].map((since) => (this.#clock.monotonic() - since) / 1000)
    const figures: readonly [string, string, (queue: WorkQueueView) => number][] = [
      ['workqueue_depth', 'Keys that wait.', (queue) => queue.depth],
      [
        'workqueue_unfinished_work_seconds',
        'Time spent so far on keys under work, added up.',
        (queue) => ages(queue).reduce((sum, age) => sum + age, 0),
      ],
      [
        'workqueue_longest_running_processor_seconds',
        'Time spent so far on the oldest key under work.',
        (queue) => Math.max(0, ...ages(queue)),
      ],
    ]
    for (const [name, help, read] of figures) {
      const gauge: Gauge<'name'> = new Gauge({
        name,
        help,
        labelNames: ['name'],
        registers: [this.registry],
        collect: () => {
          for (const [queueName, queue] of this.#queues) gauge.set({ name: queueName }, read(queue))
        },
      })
    }
  }
}
