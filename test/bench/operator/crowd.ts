import { setTimeout as sleep } from 'node:timers/promises'
import type { Agent } from '../../../core/api/agent.ts'
import { agents as agentKind } from '../../../core/api/kinds.ts'
import { apiVersion, labels } from '../../../core/api/names.ts'
import type { ApiObject } from '../../lab/api.ts'
import { paths } from '../../lab/paths.ts'
import type { Facts } from '../results.ts'
import { costsOf } from '../timed-run.ts'
import type { OperatorContender } from './contender.ts'
import { inParallel } from './in-parallel.ts'
import { ensured, patiently } from './patiently.ts'

/** Requests to the API server at once while the crowd is made, and how long it may take to connect. */
const makers = 8
const mostMs = 240_000

/** Makes Agents until there are so many, and waits until all of them are connected. The setting's maximum is for those the scheduler makes. */
export async function gatherCrowd({ lab }: OperatorContender, wanted: number): Promise<void> {
  const { author } = lab
  const there = (await patiently(() => author.list(paths.agents))).items.length
  const numbers = Array.from({ length: Math.max(0, wanted - there) }, (_, index) => index + 1)
  await inParallel(numbers, makers, async (number) => {
    await ensured(() =>
      author.create(paths.agents, {
        apiVersion,
        kind: agentKind.kind,
        metadata: { name: `crowd-${number}`, labels: { [labels.agentType]: 'coding' } },
        spec: { type: 'coding', model: 'rehearsal', maxTasks: 1_000 },
      }),
    )
  })
  const end = Date.now() + mostMs
  for (;;) {
    const { items } = await patiently(() =>
      author.list<ApiObject & Pick<Agent, 'status'>>(paths.agents),
    )
    const connected = items.filter(
      ({ status }) => status?.state === 'idle' || status?.state === 'busy',
    )
    if (connected.length >= wanted) return
    if (Date.now() > end) throw new Error(`${connected.length} of ${wanted} agents came`)
    await sleep(3_000)
  }
}

/** What the operator costs while nothing happens: share of a core, and requests to the API server. */
export async function idleCost(
  contender: OperatorContender,
  seconds: number,
): Promise<Pick<Facts, 'idleCore' | 'idleRequestsPerSecond'>> {
  // What the last work left (events, audit, registry) is written first.
  await sleep(15_000)
  const costs = await costsOf(contender, async () => {
    await sleep(seconds * 1000)
  })
  const { writes = 0, reads = 0 } = costs.identities['operator'] ?? {}
  return {
    idleCore: (costs.cpuMs['contender'] ?? 0) / 1000 / costs.seconds,
    idleRequestsPerSecond: (writes + reads) / costs.seconds,
  }
}

/** The largest object that the operator keeps, as JSON. Events are left out: they go by themselves. */
export async function largestObject({
  lab,
}: OperatorContender): Promise<Pick<Facts, 'largestBytes' | 'largestName'>> {
  let largestBytes = 0
  let largestName = ''
  for (const [kind, path] of Object.entries({
    DevRequest: paths.devRequests,
    AgentTask: paths.agentTasks,
    Agent: paths.agents,
    ConfigMap: paths.configMaps,
  })) {
    let next = ''
    do {
      const page = await patiently(() =>
        lab.author.get<{
          readonly items: readonly ApiObject[]
          readonly metadata: { readonly continue?: string }
        }>(`${path}?limit=500${next === '' ? '' : `&continue=${encodeURIComponent(next)}`}`),
      )
      for (const object of page.items) {
        const bytes = Buffer.byteLength(JSON.stringify(object))
        if (bytes <= largestBytes) continue
        largestBytes = bytes
        largestName = `${kind} ${object.metadata.name}`
      }
      next = page.metadata.continue ?? ''
    } while (next !== '')
  }
  return { largestBytes, largestName }
}
