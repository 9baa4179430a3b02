import { setTimeout as sleep } from 'node:timers/promises'
import type { DevRequest } from '../../../core/api/devrequest.ts'
import { devRequests } from '../../../core/api/kinds.ts'
import { apiVersion, leaderLease } from '../../../core/api/names.ts'
import { follow, orMissing, type ApiObject } from '../../lab/api.ts'
import { startLab, type Lab } from '../../lab/lab.ts'
import type { OperatorReplica } from '../../lab/operator.ts'
import { paths } from '../../lab/paths.ts'
import { SimulatedAgents } from '../../lab/simulated-agents.ts'
import type { Facts } from '../results.ts'
import { scratchDirectory } from '../server.ts'
import type { OperatorProgram } from './contender.ts'

/**
 * How often a new request is made. Its wait is the part of an outage that a person would notice.
 */
const probeMs = 200
const mostSeconds = 60

/**
 * Ends the leading operator in three ways. Returns how long a new request waited at most for its
 * first status: killed with a second replica standing by, stopped with one standing by, killed and
 * started again alone.
 */
export async function measureRecovery(
  program: OperatorProgram,
): Promise<Pick<Facts, 'restartSeconds' | 'failoverSeconds' | 'gracefulSeconds'>> {
  const directory = await scratchDirectory()
  const lab = await startLab({
    directory,
    runner: new SimulatedAgents(),
    replicas: 2,
    history: false,
    ...program,
  })
  try {
    await untilServed(lab)
    // Down for good: started again, its Pod would take its Lease back at once.
    const failoverSeconds = await outage(lab, async (leader) => leader.kill())
    await restart(lab)
    const gracefulSeconds = await outage(lab, async (leader) => {
      await leader.stop()
    })
    // The replica that ended last stays down: the other one leads alone now.
    const restartSeconds = await outage(lab, async (leader) => {
      leader.process.signal('SIGKILL')
      await leader.process.exited
      await leader.start()
    })
    return { failoverSeconds, gracefulSeconds, restartSeconds }
  } finally {
    await lab.stop()
  }
}

/** Starts the replicas that are down, and waits until they stand by. */
async function restart(lab: Lab): Promise<void> {
  for (const replica of lab.operators) if (!replica.process.running) await replica.start()
  for (const replica of lab.operators) await replica.ready()
}

async function leaderOf(lab: Lab): Promise<OperatorReplica> {
  const lease = await lab.author.get<
    ApiObject & { readonly spec: { readonly holderIdentity: string } }
  >(`${paths.leases}/${leaderLease}`)
  const found = lab.operators.find(
    ({ podName, process }) => process.running && lease.spec.holderIdentity.startsWith(podName),
  )
  if (found === undefined) throw new Error(`nobody we know leads: ${lease.spec.holderIdentity}`)
  return found
}

/** Waits for the first request of a lab: once it has a status, the leader is at work. */
async function untilServed(lab: Lab): Promise<void> {
  await outage(lab, () => undefined)
}

let probes = 0

/** The longest that any request made from `end` on waited for its first status, in seconds. */
async function outage(
  lab: Lab,
  end: (leader: OperatorReplica) => Promise<void> | void,
): Promise<number> {
  const life = new AbortController()
  const made = new Map<string, number>()
  let longest = 0
  await follow<ApiObject & Pick<DevRequest, 'status'>>(
    lab.author,
    paths.devRequests,
    ({ object }) => {
      const since = made.get(object.metadata.name)
      if (since === undefined || object.status === undefined) return
      made.delete(object.metadata.name)
      longest = Math.max(longest, performance.now() - since)
      void orMissing(lab.author.delete(`${paths.devRequests}/${object.metadata.name}`))
    },
    { signal: life.signal },
  )
  try {
    const leader = await leaderOf(lab)
    const ended = Promise.resolve(end(leader))
    const begun = performance.now()
    // Three quiet seconds after the last wait: a second wave of waiting belongs to the same outage.
    for (
      let quiet = 0;
      quiet < 3_000 || made.size > 0;
      quiet = made.size > 0 ? 0 : quiet + probeMs
    ) {
      if (performance.now() - begun > mostSeconds * 1000)
        throw new Error(`${made.size} requests have no status after ${mostSeconds} s`)
      probes += 1
      const name = `probe-${probes}`
      made.set(name, performance.now())
      await lab.author.create(paths.devRequests, {
        apiVersion,
        kind: devRequests.kind,
        metadata: { name },
        // The forge has no such repository, so that the first status is all the work there is.
        spec: { request: 'Nothing', source: { repository: { name: 'nowhere' } } },
      })
      await sleep(probeMs)
    }
    await ended
    return longest / 1000
  } finally {
    life.abort()
    await lab.author.delete(paths.devRequests)
  }
}
