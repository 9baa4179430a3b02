// What scheduler and kubelet do for agent Pods, without containers: bind, run, tell how it went, let go.
import { audiences, labels } from '../../core/api/names.ts'
import type { AgentRunner, RunningAgent } from './agent-runner.ts'
import { ApiProblem, orMissing, throughOutage, type Api, type ApiObject } from './api.ts'
import type { LabControlPlane } from './control-plane.ts'
import { follow, type Change } from './follow.ts'
import { labelled, paths } from './paths.ts'

interface AgentPod extends ApiObject {
  readonly spec: {
    readonly nodeName?: string
    readonly serviceAccountName: string
    readonly containers: readonly {
      readonly env?: readonly { readonly name: string; readonly value?: string }[]
    }[]
  }
}

/** A kubelet's place: every agent Pod is run by `runner` until it ends or is deleted. */
export class Node {
  readonly #controlPlane: LabControlPlane
  readonly #api: Api
  readonly #runner: AgentRunner
  readonly #startMs: number
  readonly #graceMs: number
  readonly #running = new Map<string, Promise<RunningAgent | undefined>>()
  readonly #life = new AbortController()
  /** What went wrong here; a lab in which this is not empty proves nothing. */
  readonly troubles: string[] = []

  constructor(options: {
    readonly controlPlane: LabControlPlane
    readonly runner: AgentRunner
    /** How long a Pod takes to start. */
    readonly startMs?: number
    /** How long a deleted Pod's agent may take to leave. */
    readonly graceMs?: number
  }) {
    this.#controlPlane = options.controlPlane
    this.#api = options.controlPlane.as('node')
    this.#runner = options.runner
    this.#startMs = options.startMs ?? 0
    this.#graceMs = options.graceMs ?? 2_000
  }

  async start(): Promise<void> {
    const path = labelled(paths.pods, labels.component, 'agent')
    await follow<AgentPod>(this.#api, path, (change) => this.#see(change), {
      signal: this.#life.signal,
    })
  }

  /** How many agents run. */
  get size(): number {
    return this.#running.size
  }

  async stop(): Promise<void> {
    this.#life.abort()
    await this.#runner.close()
  }

  #see({ type, object: pod }: Change<AgentPod>): void {
    const { uid } = pod.metadata
    if (type === 'DELETED') {
      void this.#running.get(uid)?.then((agent) => agent?.kill())
    } else if (pod.metadata.deletionTimestamp !== undefined) {
      void this.#watched(pod, this.#letGo(pod))
    } else if (!this.#running.has(uid) && pod.spec.nodeName === undefined) {
      const started = this.#begin(pod)
      this.#running.set(uid, started)
      void this.#watched(pod, this.#live(pod, started))
    }
  }

  /** Errors are remembered, not thrown: nobody waits here. A Pod that is gone or about to go is nothing to speak of. */
  async #watched(pod: AgentPod, work: Promise<unknown>): Promise<void> {
    try {
      await work
    } catch (error) {
      if (this.#life.signal.aborted) return
      const now = await orMissing(this.#api.get(`${paths.pods}/${pod.metadata.name}`)).catch(
        () => undefined,
      )
      if (now === undefined || now.metadata.deletionTimestamp !== undefined) return
      this.troubles.push(`Pod ${pod.metadata.name}: ${String(error)}`)
    }
  }

  async #begin(pod: AgentPod): Promise<RunningAgent | undefined> {
    const { name, uid } = pod.metadata
    await this.#bind(name, uid)
    if (this.#startMs > 0) await new Promise((resolve) => setTimeout(resolve, this.#startMs))
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
    await this.#tell(name, {
      metadata: { uid },
      status: {
        phase: 'Running',
        startTime: new Date().toISOString().replace(/\.\d+/, ''),
        conditions: ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({
          type,
          status: 'True',
        })),
      },
    })
    return agent
  }

  async #live(pod: AgentPod, started: Promise<RunningAgent | undefined>): Promise<void> {
    const { name, uid } = pod.metadata
    try {
      const agent = await started
      const code = (await agent?.exited) ?? 137
      if (this.#life.signal.aborted) return
      const finishedAt = new Date().toISOString().replace(/\.\d+/, '')
      const terminated = { exitCode: code, reason: code === 0 ? 'Completed' : 'Error', finishedAt }
      await this.#tell(name, {
        metadata: { uid },
        status: {
          phase: code === 0 ? 'Succeeded' : 'Failed',
          containerStatuses: [
            {
              name: 'agent',
              image: 'lab',
              imageID: '',
              ready: false,
              restartCount: 0,
              state: { terminated },
            },
          ],
        },
      })
    } finally {
      this.#running.delete(uid)
    }
  }

  async #letGo(pod: AgentPod): Promise<void> {
    const { name, uid } = pod.metadata
    const agent = await this.#running.get(uid)?.catch(() => undefined)
    if (agent !== undefined) {
      agent.terminate()
      const late = setTimeout(() => agent.kill(), this.#graceMs)
      await agent.exited
      clearTimeout(late)
    }
    await orMissing(
      this.#steadily(() =>
        this.#api.delete(`${paths.pods}/${name}`, {
          gracePeriodSeconds: 0,
          preconditions: { uid },
        }),
      ),
    )
  }

  /** A binding that got through although its answer was lost is one already there. */
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

  async #tell(name: string, change: object): Promise<void> {
    await this.#steadily(() => this.#api.patch(`${paths.pods}/${name}/status`, change))
  }

  #steadily<T>(call: () => Promise<T>): Promise<T> {
    return throughOutage(this.#life.signal, call)
  }
}
