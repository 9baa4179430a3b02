import { isDeepStrictEqual } from 'node:util'
import type { Agent, AgentStatus } from '../../../core/api/agent.ts'
import type { Informer } from '../../../core/kube/informer.ts'

/** How one task ended on an agent. */
export interface TaskEnding {
  readonly succeeded: boolean
  readonly seconds: number
  readonly tokens: number
}

/** The tasks that ended on each agent since its last status write, by the agent's name. */
export class Outcomes {
  readonly #waiting = new Map<string, TaskEnding[]>()
  readonly #writing = new Map<
    string,
    { readonly count: number; readonly record: AgentStatus['performance'] }
  >()
  readonly #listeners: ((agent: string) => void)[] = []

  constructor(agents: Pick<Informer<Agent>, 'onChange'>) {
    // Another agent may get the name of one that is gone.
    agents.onChange(({ name }, agent) => {
      if (agent !== undefined) return
      this.#waiting.delete(name)
      this.#writing.delete(name)
    })
  }

  /**
   * `listener` gets the name of each agent with a new outcome, since its status may have been
   * written a moment before.
   */
  onChange(listener: (agent: string) => void): void {
    this.#listeners.push(listener)
  }

  add(agent: string, outcome: TaskEnding): void {
    this.#waiting.set(agent, [...(this.#waiting.get(agent) ?? []), outcome])
    for (const listener of this.#listeners) listener(agent)
  }

  /** Notes that the first `count` outcomes are about to be written as this record. */
  writing(agent: string, count: number, record: AgentStatus['performance']): void {
    if (count > 0) this.#writing.set(agent, { count, record })
  }

  /**
   * Forgets the outcomes of a write whose answer was lost, when the cache shows the record that it
   * was to store.
   */
  settle(agent: string, seen: AgentStatus['performance']): void {
    const last = this.#writing.get(agent)
    if (last !== undefined && isDeepStrictEqual(last.record, seen)) this.written(agent, last.count)
  }

  of(agent: string): readonly TaskEnding[] {
    return this.#waiting.get(agent) ?? []
  }

  /** Forgets the first `count` outcomes: they are in the status now. */
  written(agent: string, count: number): void {
    this.#writing.delete(agent)
    const rest = this.of(agent).slice(count)
    if (rest.length === 0) this.#waiting.delete(agent)
    else this.#waiting.set(agent, [...rest])
  }
}
