// Agents as operating system processes: the image's two programs for each Pod, with its workspace
// and token.
import { startPod, type TestPod } from '../support/agent/processes.ts'
import type { AgentRunner, AgentStart, RunningAgent } from './node.ts'

/** A running pair of agent and sandbox. */
interface AgentProcess extends RunningAgent {
  readonly start: AgentStart
  readonly pid: number
  readonly running: boolean
  /** To the agent, not to its sandbox. */
  signal(name: NodeJS.Signals): void
  output(): string
}

/** Runs real agents. */
export class ProcessAgents implements AgentRunner {
  /** Every agent that ever ran, by the uid of its Pod. */
  readonly agents = new Map<string, AgentProcess>()
  readonly #pods = new Set<TestPod>()

  async start(pod: AgentStart): Promise<AgentProcess> {
    const volumes = await startPod(pod.token)
    this.#pods.add(volumes)
    const process = volumes.startAgent({
      GUILDHALL_HUB_URL: pod.hubUrl,
      GUILDHALL_AGENT: pod.agent,
      GUILDHALL_AGENT_TYPE: pod.type,
    })
    let running = true
    const exited = process.exited.then(async (code) => {
      running = false
      // With restartPolicy Never the sandbox goes with the Pod.
      this.#pods.delete(volumes)
      await volumes.close()
      return code
    })
    const agent: AgentProcess = {
      start: pod,
      pid: process.pid,
      get running() {
        return running
      },
      exited,
      signal: (name) => process.signal(name),
      output: () => process.output(),
      terminate: () => process.signal('SIGTERM'),
      kill: () => process.signal('SIGKILL'),
    }
    this.agents.set(pod.uid, agent)
    return agent
  }

  async close(): Promise<void> {
    for (const agent of this.agents.values()) agent.kill()
    await Promise.all([...this.#pods].map((pod) => pod.close()))
  }
}
