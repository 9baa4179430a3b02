import type { Agent } from '../../core/api/agent.ts'
import { configMaps as names, labels } from '../../core/api/names.ts'
import type { KubeClient } from '../../core/kube/client.ts'
import { configMaps } from '../../core/kube/built-in-kinds.ts'
import type { Clock } from '../../core/base/clock.ts'
import type { Logger } from '../../core/base/logger.ts'
import type { RunSignals, Runnable } from '../../core/kube/runtime/manager.ts'

/** The facts about a connected agent, for `active-agents.json`. */
interface LiveFacts {
  readonly lastHeard: string
  readonly activity: string
  readonly memoryBytes: number | undefined
}

const everyMs = 10_000

/** The two documents that people read with kubectl alone. Pure. */
export function registryData(
  agents: readonly Agent[],
  live: (agent: Agent) => LiveFacts | undefined,
): Readonly<Record<string, string>> {
  const sorted = agents.toSorted((a, b) => a.metadata.name.localeCompare(b.metadata.name))
  const registry = sorted.map((agent) => ({
    id: agent.metadata.name,
    type: agent.spec.type,
    skills: agent.spec.skills,
    status: agent.status?.state ?? 'starting',
    performance: agent.status?.performance ?? {
      completed: 0,
      failed: 0,
      meanSeconds: 0,
      tokens: 0,
    },
  }))
  const active = sorted
    .filter((agent) => agent.status?.state === 'busy' || agent.status?.state === 'idle')
    .map((agent) => {
      const facts = live(agent)
      return {
        id: agent.metadata.name,
        heartbeat: facts?.lastHeard ?? agent.status?.heartbeatTime ?? '',
        currentTask: agent.status?.currentTask ?? null,
        activity: facts?.activity ?? '',
        resources: { memoryBytes: facts?.memoryBytes ?? null },
      }
    })
  return {
    'agents-registry.json': `${JSON.stringify(registry, null, 2)}\n`,
    'active-agents.json': `${JSON.stringify(active, null, 2)}\n`,
  }
}

interface RegistryOptions {
  readonly client: KubeClient
  readonly namespace: string
  readonly clock: Clock
  readonly log: Logger
  readonly agents: () => readonly Agent[]
  readonly live: (agent: Agent) => LiveFacts | undefined
}

/** Keeps the ConfigMap `guildhall-registry` current: at most every 10 s, and only when something changed. */
export class Registry implements Runnable {
  readonly name = 'registry'
  readonly #options: RegistryOptions
  #written = ''

  constructor(options: RegistryOptions) {
    this.#options = options
  }

  async run({ stop, abort }: RunSignals): Promise<void> {
    const { clock, log } = this.#options
    while (!stop.aborted) {
      await this.#write(abort).catch((error: unknown) => {
        if (!abort.aborted) log.warn({ err: error }, 'registry not written')
      })
      await clock.sleep(everyMs, { signal: stop }).catch(() => undefined)
    }
  }

  async #write(signal: AbortSignal): Promise<void> {
    const { client, namespace, agents, live } = this.#options
    const data = registryData(agents(), live)
    // Fields that change all the time do not cause a write; the next write takes them along.
    const key = JSON.stringify(registryData(agents(), () => undefined))
    if (key === this.#written) return
    await client.apply(
      configMaps,
      {
        metadata: {
          name: names.registry,
          namespace,
          labels: { [labels.name]: 'guildhall', [labels.component]: 'registry' },
        },
        data,
      },
      { fieldManager: 'guildhall-registry', signal },
    )
    this.#written = key
  }
}
