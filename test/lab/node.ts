import { audiences, labels } from '../../core/api/names.ts'
import { AgentNode, type NodeAgent, type PodStatus } from '../support/agent-node.ts'
import { ApiProblem, orMissing, throughOutage, type Api, type ApiObject, follow } from './api.ts'
import type { LabControlPlane } from './control-plane.ts'
import { labelled, paths } from './paths.ts'

/** A Pod of an agent as its node starts it. */
export interface AgentStart {
  readonly pod: string
  readonly uid: string
  readonly agent: string
  readonly type: string
  readonly hubUrl: string
  /** Bound to the Pod, for the hub's audience. */
  readonly token: string
}

/** A started agent. */
export interface RunningAgent extends NodeAgent {
  /** Its exit code; null when it was killed. */
  readonly exited: Promise<number | null>
}

/**
 * Starts agents for the Pods of a node: as objects in this process, or as processes of their own.
 */
export interface AgentRunner {
  start(pod: AgentStart): Promise<RunningAgent> | RunningAgent
  /** Ends the agents that still run. */
  close(): Promise<void>
}

interface AgentPod extends ApiObject {
  readonly spec: {
    readonly serviceAccountName: string
    readonly containers: readonly {
      readonly env?: readonly { readonly name: string; readonly value?: string }[]
    }[]
  }
}

/** The exit code that a shell reports for a process that was killed with SIGKILL. */
const killedCode = 137

/**
 * The node of a lab: every agent Pod is run by `runner`, without containers, until it ends or is
 * deleted.
 */
export class LabNode {
  readonly #controlPlane: LabControlPlane
  readonly #api: Api
  readonly #runner: AgentRunner
  readonly #node: AgentNode<AgentPod, RunningAgent>
  /** The last write for each Pod, by its uid: a kubelet's writes come one after another. */
  readonly #writes = new Map<string, Promise<void>>()
  readonly #life = new AbortController()
  /**
   * Failures that were not the API server's absence. A lab in which there are any proves nothing.
   */
  readonly troubles: string[] = []

  constructor(options: { readonly controlPlane: LabControlPlane; readonly runner: AgentRunner }) {
    this.#controlPlane = options.controlPlane
    this.#api = options.controlPlane.as('node')
    this.#runner = options.runner
    this.#node = new AgentNode<AgentPod, RunningAgent>(
      {
        after: (ms, run) => void setTimeout(run, ms).unref(),
        now: () => Date.now(),
        start: (pod, ended) => this.#start(pod, ended),
        tell: (pod, status) => this.#write(pod, () => this.#tell(pod, status)),
        remove: (pod) => this.#write(pod, () => this.#remove(pod)),
        onError: (pod, error) => void this.#failed(pod, error),
      },
      { bindMs: 0, startMs: 0, graceMs: 2_000 },
    )
  }

  async start(): Promise<void> {
    const path = labelled(paths.pods, labels.component, 'agent')
    await follow<AgentPod>(this.#api, path, ({ type, object }) => this.#node.see(type, object), {
      signal: this.#life.signal,
    })
  }

  async stop(): Promise<void> {
    this.#life.abort()
    await this.#runner.close()
  }

  async #start(pod: AgentPod, ended: (exitCode: number) => void): Promise<RunningAgent> {
    const { name, uid } = pod.metadata
    await this.#bind(name, uid)
    const token = await this.#steadily(() =>
      this.#controlPlane.token({
        account: pod.spec.serviceAccountName,
        audience: audiences.hub,
        seconds: 3_600,
        pod: { name, uid },
        by: this.#api,
      }),
    )
    const value = (name: string): string =>
      pod.spec.containers[0]?.env?.find((variable) => variable.name === name)?.value ?? ''
    const agent = await this.#runner.start({
      pod: name,
      uid,
      agent: value('GUILDHALL_AGENT'),
      type: value('GUILDHALL_AGENT_TYPE'),
      hubUrl: value('GUILDHALL_HUB_URL'),
      token,
    })
    void this.#watch(agent, ended)
    return agent
  }

  async #watch({ exited }: RunningAgent, ended: (exitCode: number) => void): Promise<void> {
    const code = await exited
    if (!this.#life.signal.aborted) ended(code ?? killedCode)
  }

  /** A conflict after a binding whose answer was lost means that the binding got through. */
  async #bind(name: string, uid: string): Promise<void> {
    let sent = 0
    await this.#steadily(async () => {
      sent += 1
      await this.#api.create(`${paths.pods}/${name}/binding`, {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name, uid },
        target: { kind: 'Node', name: 'lab' },
      })
    }).catch((error: unknown) => {
      if (sent === 1 || !(error instanceof ApiProblem) || error.status !== 409) throw error
    })
  }

  async #tell({ metadata: { name, uid } }: AgentPod, status: PodStatus): Promise<void> {
    const change = { metadata: { uid }, status }
    await this.#steadily(() => this.#api.patch(`${paths.pods}/${name}/status`, change))
  }

  async #remove({ metadata: { name, uid } }: AgentPod): Promise<void> {
    const options = { gracePeriodSeconds: 0, preconditions: { uid } }
    await orMissing(this.#steadily(() => this.#api.delete(`${paths.pods}/${name}`, options)))
  }

  #write(pod: AgentPod, work: () => Promise<void>): void {
    const before = this.#writes.get(pod.metadata.uid) ?? Promise.resolve()
    const write = before.then(work).catch((error: unknown) => this.#failed(pod, error))
    this.#writes.set(pod.metadata.uid, write)
  }

  /** Remembers an error, unless the Pod is gone or about to go: then the write is of no use. */
  async #failed(pod: AgentPod, error: unknown): Promise<void> {
    if (this.#life.signal.aborted) return
    const now = await orMissing(this.#api.get(`${paths.pods}/${pod.metadata.name}`)).catch(
      () => undefined,
    )
    if (now === undefined || now.metadata.deletionTimestamp !== undefined) return
    this.troubles.push(`Pod ${pod.metadata.name}: ${String(error)}`)
  }

  #steadily<T>(call: () => Promise<T>): Promise<T> {
    return throughOutage(this.#life.signal, call)
  }
}
