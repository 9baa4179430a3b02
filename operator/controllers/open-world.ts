import { type Kind, devRequests, kindNames, kinds } from '../../core/api/kinds.ts'
import { labels, reportingController } from '../../core/api/names.ts'
import { AuditLog } from '../audit/log.ts'
import type { Audited } from '../audit/outbox.ts'
import type { KubeClient } from '../../core/kube/client.ts'
import { pods } from '../../core/kube/built-in-kinds.ts'
import { Informer, type InformerObserver } from '../../core/kube/informer.ts'
import type { Clock, Random } from '../../core/base/clock.ts'
import type { Logger } from '../../core/base/logger.ts'
import type { Indexer } from '../../core/kube/store.ts'
import { EventRecorder, referenceTo } from '../../core/kube/runtime/events.ts'
import { checkOf } from './invalid/controller.ts'
import { type KindCaches, type World, byUid, taskIndexes } from './world.ts'

/**
 * The world of one namespace. The caches are empty and the recorders do not run until the manager
 * starts them.
 */
export function openWorld(options: {
  readonly client: KubeClient
  readonly namespace: string
  readonly podName: string
  readonly log: Logger
  readonly clock: Clock
  readonly random: Random
  readonly observer?: InformerObserver | undefined
  readonly onEventDropped?: (() => void) | undefined
}): { readonly world: World; readonly recorder: EventRecorder; readonly audit: AuditLog } {
  const { client, namespace, podName, log, clock, random } = options
  const recorder = new EventRecorder({
    client,
    clock,
    random,
    log,
    reportingController,
    reportingInstance: podName,
    onDrop: options.onEventDropped,
  })
  const audit = new AuditLog({ client, namespace, clock, log })
  const tasks = informerOf(kinds.tasks, taskIndexes)
  // One cache for each row of the table, so that a new kind needs no line here.
  const caches = Object.fromEntries(
    kindNames.map((name) => [name, name === 'tasks' ? tasks : informerOf<Audited>(kinds[name])]),
  ) as object as KindCaches
  const world: World = {
    namespace,
    client,
    clock,
    ...caches,
    pods: new Informer({
      ...options,
      resource: pods,
      labelSelector: `${labels.component}=agent`,
      indexers: { [byUid]: (pod) => [pod.metadata.uid ?? ''] },
    }),
    events: {
      record: (regarding, { message, ...notice }) =>
        recorder.record({
          // Events are only recorded about objects of our group, and each of them names its kind.
          regarding: {
            ...referenceTo(devRequests, regarding),
            kind: regarding.kind ?? devRequests.kind,
          },
          ...notice,
          note: message,
        }),
    },
    audit,
  }
  return { world, recorder, audit }

  function informerOf<T extends Audited>(
    kind: Kind<T>,
    indexers: Readonly<Record<string, Indexer<T>>> = {},
  ): Informer<T> {
    const informer = new Informer<T>({ ...options, resource: kind, check: checkOf(kind), indexers })
    audit.follow(informer, (object) => {
      const request = kind.requestOf?.(object)
      return request === undefined ? undefined : { request }
    })
    return informer
  }
}
