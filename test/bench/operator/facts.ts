import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { chainsOf, manyWorkload, type Size } from '../workloads.ts'
import { nowMs, type FromObserver, type ToObserver, startProgram } from '../program.ts'
import { paths } from '../../lab/paths.ts'
import {
  type OperatorContender,
  startOperatorContender,
  type OperatorProgram,
} from './contender.ts'
import type { Agent } from '../../../core/api/agent.ts'
import { agents as agentKind } from '../../../core/api/kinds.ts'
import { apiVersion, labels } from '../../../core/api/names.ts'
import type { ApiObject } from '../../lab/api.ts'
import type { Facts, Results } from '../results.ts'
import { costsOf } from '../contender.ts'
import { inParallel, ensured, patiently } from './requests.ts'
import { auditPolicy, countByIdentity } from '../measure/requests.ts'
import { scratchDirectory } from '../server.ts'

const waiting = 50

/**
 * Lets 50 tasks wait where there is no agent. Returns how many milliseconds later the last of 50
 * Pods was there.
 */
export async function queueToPods({ maker, server }: OperatorContender): Promise<number> {
  const observer = startProgram<ToObserver, FromObserver>('observer/main.ts')
  try {
    const watching = observer.hear('watching', 30)
    observer.send({ kind: 'watch', access: server.access, path: paths.pods, shape: 'any' })
    await watching
    const chains = chainsOf('queue-', {
      name: 'queue',
      groups: waiting / 10,
      chains: 10,
      length: 1,
      meanTaskMs: 0,
      oneByOne: false,
      mostSeconds: 60,
    })
    await maker.make(chains)
    await new Promise((resolve) => setTimeout(resolve, 3_000))
    const reached = observer.hear('reached', 60)
    observer.send({ kind: 'await', prefix: '', finished: waiting })
    const begun = nowMs()
    await maker.resume([...new Set(chains.flat().map(({ group }) => group))])
    await reached
    const telling = observer.hear('seen', 30)
    observer.send({ kind: 'tell', prefix: '' })
    const { finished } = await telling
    return Math.max(...Object.values(finished)) - begun
  } finally {
    await observer.stop()
  }
}

/**
 * Requests to the API server at once while the crowd is made, and how long it may take to connect.
 */
const makers = 8
const mostMs = 240_000

/**
 * Makes Agents until there are so many, and waits until all of them are connected. The setting's
 * maximum is for those the scheduler makes.
 */
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

/**
 * The costs of the operator while nothing happens: share of a core, and requests to the API server.
 */
export async function idleCost(
  contender: OperatorContender,
  seconds: number,
): Promise<Pick<Facts, 'idleCore' | 'idleRequestsPerSecond'>> {
  // The last writes of the work before (Events, audit, registry) come first.
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

/**
 * The largest object that the operator keeps, as JSON. Events are left out: they go by themselves.
 */
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

const agents = 40

/**
 * Counts who asks the API server for what, from its audit log, in a run of its own: writing the log
 * costs the server CPU. The window begins before the tasks are made and ends when all are finished;
 * agents are there and warm.
 */
export async function countRequests(
  size: Size,
  program: OperatorProgram,
): Promise<NonNullable<Results['audit']>> {
  const directory = await scratchDirectory()
  const [policy, log] = [join(directory, 'policy.yaml'), join(directory, 'audit.log')]
  await writeFile(policy, auditPolicy)
  const operator = await startOperatorContender({
    agents,
    program,
    apiServerFlags: [
      `--audit-policy-file=${policy}`,
      `--audit-log-path=${log}`,
      '--audit-log-mode=blocking',
    ],
  })
  try {
    const workload = manyWorkload(200, size)
    await operator.run({ ...workload, name: 'warm', groups: agents / 10, length: 1 })
    await operator.clear()
    const before = (await readFile(log, 'utf8')).length
    const { tasks } = await operator.run(workload)
    const text = await readFile(log, 'utf8')
    return { tasks, identities: countByIdentity(text.slice(before)) }
  } finally {
    await operator.close()
    await rm(directory, { recursive: true, force: true })
  }
}
