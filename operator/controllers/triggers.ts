import { labels } from '../api/names.ts'
import { heldBy } from '../api/task-state.ts'
import type { Lines } from '../hub/lines.ts'
import type { Controller } from '../runtime/controller.ts'
import type { Outcomes } from './agent/controller.ts'
import { requestKey } from './agenttask/controller.ts'
import { schedulerKey } from './scheduler/controller.ts'
import { byRequest, type World } from './world.ts'

/** The four controllers of the operator. */
export interface Controllers {
  readonly requests: Controller
  readonly tasks: Controller
  readonly agents: Controller
  readonly scheduler: Controller
}

/** What wakes whom: every change is only turned into keys here; nothing branches on what kind of change it was. */
export function connect(
  world: World,
  lines: Lines,
  outcomes: Outcomes,
  controllers: Controllers,
): void {
  const { requests, tasks, agents, scheduler } = controllers
  const key = (name: string): string => `${world.namespace}/${name}`

  world.requests.onChange(({ namespace, name }) => {
    requests.enqueue(`${namespace}/${name}`)
    scheduler.enqueue(schedulerKey)
  })
  world.tasks.onChange(({ namespace, name }, task, previous) => {
    tasks.enqueue(`${namespace}/${name}`)
    scheduler.enqueue(schedulerKey)
    const known = task ?? previous
    if (known === undefined) return
    requests.enqueue(requestKey(known))
    for (const other of world.tasks.byIndex(byRequest, requestKey(known)))
      if (other.spec.after.includes(name)) tasks.enqueue(`${namespace}/${other.metadata.name}`)
    const agent = known.status?.assignment?.agent
    if (agent !== undefined) agents.enqueue(key(agent))
  })
  world.agents.onChange(({ namespace, name }, agent) => {
    agents.enqueue(`${namespace}/${name}`)
    scheduler.enqueue(schedulerKey)
    // Somebody deleted it: what it held goes to another.
    if (agent === undefined)
      for (const task of world.tasks.list())
        if (heldBy(task)?.agent === name) tasks.enqueue(key(task.metadata.name))
  })
  world.pods.onChange((_key, pod, previous) => {
    const agent = (pod ?? previous)?.metadata.labels?.[labels.agent]
    if (agent !== undefined) agents.enqueue(key(agent))
    const uid = (pod ?? previous)?.metadata.uid
    if (pod === undefined && uid !== undefined) lines.forget(uid)
    for (const task of world.tasks.list())
      if (heldBy(task)?.podUid === uid) tasks.enqueue(key(task.metadata.name))
  })
  outcomes.onChange((agent) => agents.enqueue(key(agent)))
  lines.onChange((agent) => {
    agents.enqueue(key(agent))
    scheduler.enqueue(schedulerKey)
    for (const task of world.tasks.list())
      if (heldBy(task)?.agent === agent) tasks.enqueue(key(task.metadata.name))
  })
}
