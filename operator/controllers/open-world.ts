import { agents, agentTasks, devRequests, languageModels } from '../api/kinds.ts'
import { labels, reportingController } from '../api/names.ts'
import { AuditLog } from '../audit/log.ts'
import type { KubeClient } from '../kube/client.ts'
import { pods } from '../kube/core.ts'
import { Informer, type InformerObserver } from '../kube/informer.ts'
import type { Clock, Logger, Random } from '../kube/ports.ts'
import { EventRecorder, referenceTo } from '../runtime/events.ts'
import { checkAgent, checkModel, checkRequest, checkTask } from './broken/check.ts'
import { byUid, taskIndexes, type World } from './world.ts'

/** The world of one namespace: caches not yet filled, recorders not yet running; the manager starts them. */
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
  const world: World = {
    namespace,
    client,
    clock,
    requests: new Informer({ ...options, resource: devRequests, check: checkRequest }),
    tasks: new Informer({
      ...options,
      resource: agentTasks,
      check: checkTask,
      indexers: taskIndexes,
    }),
    agents: new Informer({ ...options, resource: agents, check: checkAgent }),
    models: new Informer({ ...options, resource: languageModels, check: checkModel }),
    pods: new Informer({
      ...options,
      resource: pods,
      labelSelector: `${labels.component}=agent`,
      indexers: { [byUid]: (pod) => [pod.metadata.uid ?? ''] },
    }),
    events: {
      record: (regarding, { message, ...notice }) =>
        recorder.record({
          // Every object told about is of our group; its kind stands in the object.
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
  audit.follow(world.requests, ({ metadata }) => ({ request: metadata.name }))
  audit.follow(world.tasks, ({ spec }) => ({ request: spec.requestRef.name }))
  audit.follow(world.agents)
  audit.follow(world.models)
  return { world, recorder, audit }
}
