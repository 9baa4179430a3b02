import { KubeClient } from '../../core/kube/client.ts'
import { type Pod, namespaces } from '../../core/kube/built-in-kinds.ts'
import { isConflict, isNotFound } from '../../core/kube/errors.ts'
import type { Resource } from '../../core/kube/resource.ts'
import { seededRandom } from '../support/virtual-clock.ts'
import { SimulatedApiServer } from '../../simulated-kubernetes/server.ts'
import { Effects, SimulatedProcess, describe, loggerOf } from './world/process.ts'
import { SimulatedNode, attemptsOf } from './world/node.ts'
import { CallCounter, checkEnd } from './checks/end-state.ts'
import { SimulatedForge } from './world/forge.ts'
import { GarbageCollector } from '../support/garbage-collector.ts'
import { Troubles, inject, quietFrom } from './world/troubles.ts'
import { Invariants, type Violation, taskFacts } from './checks/invariants.ts'
import { ownKinds } from '../support/simulated-server.ts'
import { SimulatedModel } from './world/model.ts'
import { Operators, address, namespace } from './world/operators.ts'
import { apply, edit, kinds, readingMs } from './world/people.ts'
import type { Story, TaskPlan } from './story.ts'
import { Timeline } from './world/timeline.ts'

/** The report on one run. */
export interface RunReport {
  readonly violations: readonly Violation[]
  /** The side effects of the operator, in order; see `Effects`. */
  readonly sites: readonly string[]
  /** How often each kind of fault struck. */
  readonly injected: ReadonlyMap<string, number>
  /** `fault x state of a task` pairs that were met. */
  readonly met: ReadonlySet<string>
  readonly commits: number
  /** Virtual time that passed. */
  readonly elapsedMs: number
}

interface RunOptions {
  /** Called with each line of the run's account, for people who look at one run. */
  readonly tell?: ((line: string) => void) | undefined
}

const startedAt = Date.UTC(2026, 0, 1)
/** After the last fault everything is over within this time, whatever happened. */
const patienceMs = 20 * 60_000
/** A replica that was just started may still be on its way to lead. */
const settleMs = 45_000
/** How long nothing may be written once everything is over. */
const quietMs = 40_000
/** How long the garbage collector takes to notice that an owner is gone. */
const collectMs = 150
/** The kinds that may have owners. */
const owned: readonly Resource[] = [kinds.pods, kinds.agenttasks]
const never = new AbortController().signal

/**
 * Runs a story from an empty cluster to quiescence and checks every promise on the way. Depends on
 * the story alone.
 */
export async function run(story: Story, { tell }: RunOptions = {}): Promise<RunReport> {
  const timeline = new Timeline()
  const injected = new Map<string, number>()
  const met = new Set<string>()
  const say = (line: string): void => tell?.(`${(timeline.elapsed / 1000).toFixed(3)} ${line}`)
  const strike = (kind: string): void => {
    injected.set(kind, (injected.get(kind) ?? 0) + 1)
    const states = invariants.tasks.map((task) => taskFacts(task).reason || 'New')
    for (const state of states.length === 0 ? ['NoTask'] : states) met.add(`${kind} x ${state}`)
  }
  const troubles = new Troubles({
    faults: story.faults,
    timeline,
    random: seededRandom(story.seed ^ 0x5eed),
    onInjected: strike,
  })
  const world = new SimulatedProcess({ name: 'world', timeline, startedAt, seed: story.seed })
  const server = new SimulatedApiServer({
    clock: world.clock,
    random: world.random,
    kinds: ownKinds(),
  })
  const invariants = new Invariants({
    maxAgents: story.maxAgents,
    elapsed: () => timeline.elapsed,
  })
  const clientOf = (user: string): KubeClient =>
    new KubeClient({
      config: address,
      clock: world.clock,
      random: world.random,
      transport: server.transport({ user }),
    })
  const people = clientOf('person')

  const effects = new Effects(
    story.faults.flatMap((fault) => (fault.kind === 'crash' ? [fault.point] : [])),
    (process, point, site) => {
      strike('crash')
      say(`crash of ${process.name} ${point.when} ${site}`)
      const fault = story.faults.find((each) => each.kind === 'crash' && each.point === point)
      operators.kill(process, fault?.kind === 'crash' ? fault.restartMs : 0)
    },
  )
  const tasks = plannedTasks(story)
  const forge = new SimulatedForge({
    timeline,
    fate: () => troubles.forgeFate(),
    latencyMs: () => troubles.latencyMs(),
    conflicts: (task) => tasks.get(task)?.conflicts ?? 0,
  })
  const model = new SimulatedModel({ timeline, isDown: () => troubles.isModelDown() })
  const calls = new CallCounter(timeline)
  const node = new SimulatedNode({
    client: clientOf('kubelet'),
    timeline,
    startedAt,
    seed: story.seed,
    latencyMs: () => troubles.latencyMs(),
    hub: () => operators.hub,
    podTrouble: () => troubles.podTrouble(),
    tokenFor: (pod: Pod) =>
      server.issueToken({
        username: `system:serviceaccount:${namespace}:guildhall-agent`,
        audiences: ['guildhall-hub'],
        pod: { namespace, name: pod.metadata.name, uid: pod.metadata.uid ?? '' },
      }),
    attempt: attemptsOf({ requests: story.requests, forge, tasks: () => invariants.tasks }),
    onReceipt: (pod, report, outcome) =>
      say(`${pod.metadata.name} reported ${report.task}#${report.attempt}: ${outcome}`),
  })
  const collectorClient = clientOf('garbage-collector')
  const collector = new GarbageCollector<Resource>({
    soon: (run) => timeline.after(collectMs, run),
    remove: async ({ kind, name, namespace, uid }) => {
      await collectorClient.delete(kind, { name, namespace, uid }, { signal: never })
    },
    onError: (error) => {
      if (!isNotFound(error) && !isConflict(error)) throw error
    },
  })
  server.onCommit(({ type, resource, object, previous, user, verb }) => {
    const commit = { type, plural: resource.plural, object, previous }
    invariants.onCommit(commit)
    collector.see(
      type,
      owned.find(({ plural }) => plural === resource.plural),
      object.metadata,
    )
    if (tell !== undefined) say(`${user} ${verb} ${resource.plural} ${describe(object, type)}`)
    if (resource.plural === 'pods') node.onPod(type, object)
  })

  await people.create(namespaces, { metadata: { name: namespace } }, { signal: never })
  const operators = new Operators({
    story,
    timeline,
    startedAt,
    effects,
    weather: troubles,
    server: () => server.transport({ user: 'operator' }),
    forgeFor: (process) => forge.clientFor(process, effects),
    model,
    log: (process) => loggerOf(process, tell === undefined ? undefined : say),
    onCall: (process, call) => calls.count(process, call),
  })
  for (const request of story.requests)
    timeline.after(request.atMs, () => {
      void apply(people, request)
      if (request.plan === 'edited') edit(people, request, timeline)
    })
  for (const fault of story.faults)
    if ('atMs' in fault)
      timeline.after(fault.atMs, () => {
        if (inject(fault, { operators, node, server, people, timeline })) strike(fault.kind)
        say(`fault ${JSON.stringify(fault)}`)
      })

  const settled = story.requests.map(
    ({ atMs, plan }) => atMs + (plan === 'edited' ? 2 * readingMs : 0),
  )
  const quietAt = Math.max(quietFrom(story.faults), ...settled) + 1
  const end = quietAt + patienceMs
  const isCalm = (): boolean =>
    timeline.elapsed >= quietAt &&
    operators.isComplete &&
    invariants.requests.every((request) => request.status?.completionTime !== undefined) &&
    invariants.agents.length === 0 &&
    invariants.pods.length === 0
  while (timeline.elapsed < end && !isCalm() && invariants.violations.length === 0)
    await timeline.advance(1_000)
  // Objects that are due to be removed later still go, and late records are still written.
  const ttl = Math.max(0, ...story.requests.map(({ ttlSeconds = 0 }) => ttlSeconds * 1000))
  if (invariants.violations.length === 0) {
    await timeline.advance(ttl + settleMs)
    const writesBefore = calls.writes
    await timeline.advance(quietMs)
    checkEnd({ story, tasks, invariants, server, forge, calls, writesBefore })
  }
  return {
    violations: invariants.violations,
    sites: effects.sites,
    injected,
    met,
    commits: server.revision,
    elapsedMs: timeline.elapsed,
  }
}

/** The ready-made tasks of a story, by name. */
function plannedTasks({ requests }: Story): ReadonlyMap<string, TaskPlan> {
  return new Map(
    requests.flatMap(({ plan }) =>
      typeof plan === 'string' ? [] : plan.map((task) => [task.name, task] as const),
    ),
  )
}
