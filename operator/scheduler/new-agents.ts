import { agents as agentKind } from '../../core/api/kinds.ts'
import { annotations, labels } from '../../core/api/names.ts'
import type { AgentSettings } from '../settings/config.ts'
import { isAlreadyExists, isNotFound, isRefusal } from '../../core/kube/errors.ts'
import type { SchedulableAgent } from './agents.ts'
import type { Schedule } from './schedule.ts'
import type { World } from '../controllers/world.ts'

type NewAgent = Schedule['create'][number] & { readonly name: string }

/**
 * Creates Agents.
 * Guarantees: an Agent whose creation got no clear answer counts as existing and is created again under the same name, so
 * that there are never more agents than were decided on. If it exists already, the API server answers AlreadyExists.
 */
export class NewAgents {
  readonly #world: World
  readonly #settings: Pick<AgentSettings, 'maxTasks'>
  /** By name: creations that were sent, did not clearly fail, and are not in the cache yet. */
  readonly #begun = new Map<string, NewAgent>()

  constructor(world: World, settings: Pick<AgentSettings, 'maxTasks'>) {
    this.#world = world
    this.#settings = settings
  }

  /** Agents that may exist although the cache does not show them. */
  underWay(): readonly SchedulableAgent[] {
    const { agents, namespace } = this.#world
    for (const name of this.#begun.keys())
      if (agents.get(namespace, name) !== undefined) this.#begun.delete(name)
    return [...this.#begun.values()].map(({ name, type }) => ({
      name,
      type,
      podUid: undefined,
      serves: { kind: 'anyone' },
      connected: false,
      leaving: false,
      completed: 0,
      maxTasks: this.#settings.maxTasks,
      idleSince: undefined,
    }))
  }

  /** The agents to create now: the unclear ones again, then the new ones, with names. */
  of(wanted: Schedule['create']): readonly NewAgent[] {
    const begun = [...this.#begun.values()]
    if (wanted.length === 0) return begun
    const taken = new Set([
      ...this.#world.agents.list().map((agent) => agent.metadata.name),
      ...this.#begun.keys(),
    ])
    const named = wanted.map((agent) => {
      const name = freeName(agent.type, taken)
      taken.add(name)
      return { ...agent, name }
    })
    return [...begun, ...named]
  }

  async make(agent: NewAgent, signal: AbortSignal): Promise<void> {
    const { name } = agent
    this.#begun.set(name, agent)
    try {
      await this.#create(agent, signal)
    } catch (error) {
      if (!isAlreadyExists(error)) {
        if (isRefusal(error)) this.#begun.delete(name)
        throw error
      }
      await this.#find(name, signal)
    }
    this.#begun.delete(name)
  }

  async #create({ name, type, model, reason }: NewAgent, signal: AbortSignal): Promise<void> {
    const { client, agents, events, namespace } = this.#world
    const agent = await client.create(
      agentKind,
      {
        metadata: {
          name,
          namespace,
          labels: { [labels.agentType]: type },
          annotations: { [annotations.reason]: reason },
        },
        spec: { type, model, skills: [], maxTasks: this.#settings.maxTasks },
      },
      { signal },
    )
    agents.noteWrite(agent)
    // The audit record of a new Agent comes with its first status.
    events.record(
      { ...agent, kind: agentKind.kind },
      { type: 'Normal', reason: 'Created', action: 'Scale', message: reason },
    )
  }

  /** Notes the Agent that exists already, so that the scheduler waits until the cache shows it. */
  async #find(name: string, signal: AbortSignal): Promise<void> {
    const { client, agents, namespace } = this.#world
    try {
      agents.noteWrite(await client.get(agentKind, { namespace, name, signal }))
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
}

/** `coding-1`, `coding-2`, …: the lowest number that is free. */
function freeName(type: string, taken: ReadonlySet<string>): string {
  let number = 1
  while (taken.has(`${type}-${number}`)) number += 1
  return `${type}-${number}`
}
