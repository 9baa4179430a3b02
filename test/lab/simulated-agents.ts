// Agents without a model, git or a process of their own: they speak the real protocol over HTTP and give verdicts.
import { Agent as HttpAgent } from 'node:http'
import type { Assignment, Report } from '../../core/api/agent-protocol.ts'
import type { AgentRunner, AgentStart } from './agent-runner.ts'
import { SimulatedAgent } from './simulated-agent.ts'

/** What an agent makes of an assignment. */
export interface Outcome {
  /** How long it works, in milliseconds. */
  readonly afterMs: number
  /** `Done` without a commit unless told. */
  readonly report?: Partial<Report>
}

/** Decides what becomes of each assignment; told which agent asks. */
export type Behaviour = (assignment: Assignment, agent: string) => Outcome

/** Runs agents inside this process; cheap enough for a thousand. */
export class SimulatedAgents implements AgentRunner {
  /** Every agent that ever ran, by the uid of its Pod. */
  readonly agents = new Map<string, SimulatedAgent>()
  /** Changes what is made of later assignments. */
  behaviour: Behaviour
  readonly #http = new HttpAgent({ keepAlive: true, maxSockets: Infinity, scheduling: 'lifo' })

  constructor(behaviour: Behaviour = () => ({ afterMs: 50 })) {
    this.behaviour = behaviour
  }

  start(pod: AgentStart): SimulatedAgent {
    const agent = new SimulatedAgent(pod, this.#http, (assignment) =>
      this.behaviour(assignment, pod.agent),
    )
    this.agents.set(pod.uid, agent)
    agent.begin()
    return agent
  }

  /** The agent of this name that runs now. Throws when there is none. */
  named(name: string): SimulatedAgent {
    const found = [...this.agents.values()].findLast(
      (agent) => agent.start.agent === name && agent.running,
    )
    if (found === undefined) throw new Error(`no agent ${name} runs`)
    return found
  }

  async close(): Promise<void> {
    for (const agent of this.agents.values()) agent.kill()
    this.#http.destroy()
  }
}
