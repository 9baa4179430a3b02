import { isDeepStrictEqual } from 'node:util'
import type { Agent, AgentStatus } from '../../../core/api/agent.ts'
import type { Informer } from '../../../core/kube/informer.ts'

/** How one task ended on an agent. */
export interface TaskOutcome {
  readonly succeeded: boolean
  readonly seconds: number
  readonly tokens: number
}

/** Tasks that ended on each agent since its last status write, by agent name. */
export class Outcomes {
  readonly #waiting = new Map<string, TaskOutcome[]>()
  readonly #writing = new Map<
    string,
    { readonly count: number; readonly record: AgentStatus['performance'] }
  >()
  readonly #listeners: ((agent: string) => void)[] = []

  constructor(agents: Pick<Informer<Agent>, 'onChange'>) {
    // The name of an agent that is gone may be given to another.
    agents.onChange(({ name }, agent) => {
      if (agent !== undefined) return
      this.#waiting.delete(name)
      this.#writing.delete(name)
    })
  }

  /** Told the name of an agent with a new outcome: its status may have been written a moment before. */
  onChange(listener: (agent: string) => void): void {
    this.#listeners.push(listener)
  }

  add(agent: string, outcome: TaskOutcome): void {
    this.#waiting.set(agent, [...(this.#waiting.get(agent) ?? []), outcome])
    for (const listener of this.#listeners) listener(agent)
  }

  /** The first `count` are about to be written as this record. */
  writing(agent: string, count: number, record: AgentStatus['performance']): void {
    if (count > 0) this.#writing.set(agent, { count, record })
  }

  /** Lets go of what a write stored whose answer was lost: the record that is seen is the one it would have made. */
  settle(agent: string, seen: AgentStatus['performance']): void {
    const last = this.#writing.get(agent)
    if (last !== undefined && isDeepStrictEqual(last.record, seen)) this.written(agent, last.count)
  }

  of(agent: string): readonly TaskOutcome[] {
    return this.#waiting.get(agent) ?? []
  }

  /** Lets go of the first `count`: they are in the status now. */
  written(agent: string, count: number): void {
    this.#writing.delete(agent)
    const rest = this.of(agent).slice(count)
    if (rest.length === 0) this.#waiting.delete(agent)
    else this.#waiting.set(agent, [...rest])
  }
}
