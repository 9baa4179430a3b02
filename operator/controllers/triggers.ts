import { labels } from '../../core/api/names.ts'
import { hasFailed, heldBy } from '../../core/api/task-state.ts'
import type { AgentStreams } from '../presence/agent-streams.ts'
import { type KubeObject, keyOf } from '../../core/kube/resource.ts'
import type { Controller } from '../../core/kube/runtime/controller.ts'
import { settingsKey } from './languagemodel/configured.ts'
import type { Models } from './languagemodel/models.ts'
import type { Outcomes } from './agent/outcomes.ts'
import { type World, byDependency, byHolder, requestKey } from './world.ts'
import { type KindName, kindNames } from '../../core/api/kinds.ts'
import type { Informer } from '../../core/kube/informer.ts'

/**
 * The controllers that wake each other: one for each kind of ours, and those that look at many
 * objects at once.
 */
type Controllers = { readonly [Name in KindName]: Controller } & {
  /** Runs the scheduler. */
  readonly schedule: () => void
  readonly settings: Controller
}

/**
 * Connects changes with the reconciles that they wake. A change only gives keys here; a reconcile
 * never asks which it was.
 */
export function connect(
  world: World,
  streams: AgentStreams,
  outcomes: Outcomes,
  models: Models,
  controllers: Controllers,
): void {
  const { requests, tasks, agents, schedule } = controllers
  const key = (name: string): string => `${world.namespace}/${name}`
  /** Wakes the tasks that a Pod holds. */
  const wakeHeld = (podUid: string | undefined): void => {
    if (podUid === undefined) return
    for (const task of world.tasks.byIndex(byHolder, podUid)) tasks.enqueue(keyOf(task.metadata))
  }

  for (const kind of kindNames) {
    const informer: Pick<Informer<KubeObject>, 'onChange'> = world[kind]
    informer.onChange((ref) => controllers[kind].enqueue(keyOf(ref)))
  }
  world.requests.onChange((_ref, request) => {
    schedule()
    // The request soon calls its model, and the last look at the model's server may be a minute
    // old.
    if (request !== undefined && request.status?.repository === undefined) {
      const model = models.find(request.spec.model ?? models.defaultName)
      if (model !== undefined) controllers.models.enqueue(keyOf(model.metadata))
    }
  })
  world.tasks.onChange(({ namespace, name }, task, previous) => {
    schedule()
    const known = task ?? previous
    if (known === undefined) return
    requests.enqueue(requestKey(known))
    // Tasks that wait for a failed task are skipped. The scheduler sees by itself which tasks
    // became ready.
    if (task !== undefined && hasFailed(task))
      for (const other of world.tasks.byIndex(byDependency, `${namespace}/${name}`))
        tasks.enqueue(keyOf(other.metadata))
    const agent = known.status?.assignment?.agent
    if (agent !== undefined) agents.enqueue(key(agent))
    const held = heldBy(known)
    if (held === undefined) return
    // The task was deleted, so its agent has to stop the work on it.
    if (task === undefined)
      streams.send(held.podUid, {
        kind: 'cancel',
        task: name,
        uid: known.metadata.uid,
        attempt: held.attempt,
      })
    wakeHeld(held.podUid)
  })
  world.agents.onChange((_ref, agent, previous) => {
    schedule()
    // When the agent goes, the tasks that its Pod held go to other agents.
    wakeHeld((agent ?? previous)?.status?.podUid)
  })
  world.pods.onChange((_key, pod, previous) => {
    const known = pod ?? previous
    const agent = known?.metadata.labels?.[labels.agent]
    if (agent !== undefined) agents.enqueue(key(agent))
    const uid = known?.metadata.uid
    if (pod === undefined && uid !== undefined) streams.forget(uid)
    wakeHeld(uid)
  })
  world.models.onChange((_ref, model, previous) => {
    // The settings may name the LanguageModel that was deleted, or want to make one of its name.
    if (model === undefined) controllers.settings.enqueue(settingsKey)
    const names = [model, previous].flatMap((known) => known?.spec.model ?? [])
    for (const other of world.models.list())
      if (names.includes(other.spec.model)) controllers.models.enqueue(keyOf(other.metadata))
    for (const { metadata, status } of world.requests.list())
      if (status?.completionTime === undefined && names.includes(status?.model ?? ''))
        requests.enqueue(keyOf(metadata))
  })
  outcomes.onChange((agent) => agents.enqueue(key(agent)))
  streams.onChange((agent) => {
    agents.enqueue(key(agent))
    schedule()
    wakeHeld(world.agents.get(world.namespace, agent)?.status?.podUid)
  })
}
