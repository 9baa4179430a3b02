import type { Agent } from '../../core/api/agent.ts'
import type { AgentTask } from '../../core/api/agent-task.ts'
import { agentReasons } from '../../core/api/conditions.ts'
import { isConflict, isNotFound } from '../../core/kube/errors.ts'
import {
  type Reconcile,
  type Result,
  WaitError,
  done,
  requeueAfter,
} from '../../core/kube/runtime/controller.ts'
import type { Outcomes } from '../controllers/agent/outcomes.ts'
import { draining } from '../controllers/agent/decide.ts'
import type { StartFailures } from '../controllers/agent/start-failures.ts'
import { Stopwatch } from '../controllers/time-in-state.ts'
import { type World, claimOf } from '../controllers/world.ts'
import { type Change, writeStatus } from '../controllers/write-status.ts'
import type { AgentStreams } from '../presence/agent-streams.ts'
import type { AgentSettings } from '../settings/config.ts'
import { Assignments } from './assignments.ts'
import { Backlog } from './backlog.ts'
import { NewAgents } from './new-agents.ts'
import { observe } from './observe.ts'
import { schedule } from './schedule.ts'
import { WaitingTimes, writeWaiting } from './waiting-times.ts'

/** The only key of the scheduler: each run decides about all tasks and agents. */
export const schedulerKey = 'all'

/** Writes of one batch. They are sent at once; the client's limiter bounds them together with all other calls. */
const batchSize = 16
/** Pause before the next run after a write met a newer version. */
const conflictPauseMs = 1_000
/** A task waits this long for one reason before the reason is written: most tasks get an agent sooner. */
const dwellMs = 2_000
/** Time for a pending Pod to be scheduled where another agent was retired: its own controller looks every 15 s. */
const roomMs = 20_000

/** Carries out what `schedule` decides: assignments first, then new agents, then retirements, then waiting reasons. */
export function schedulerReconciler(
  world: World,
  parts: {
    readonly streams: AgentStreams
    readonly settings: AgentSettings
    readonly starts: Pick<StartFailures, 'troubles'>
    readonly outcomes: Pick<Outcomes, 'of'>
    /** Sends the assignment to the Pod that holds it now. */
    readonly dispatch: (task: AgentTask) => void
  },
): Reconcile {
  const backlog = new Backlog(world.tasks)
  const waitingTimes = new WaitingTimes(dwellMs)
  const newAgents = new NewAgents(world, parts.settings)
  const assignments = new Assignments(world, parts.settings, parts.dispatch)
  const idleTimes = new Stopwatch(world.agents, world.clock)
  let roomFrom = 0
  return async function reconcileSchedule(_key, { signal }): Promise<Result> {
    const now = world.clock.now()
    const seen = observe(world, { ...parts, backlog, newAgents, assignments, idleTimes }, now)
    const decided = schedule({ ...seen, roomFrom })
    if (decided.retire.some(({ forCluster }) => forCluster === true)) roomFrom = now + roomMs
    const waiting = waitingTimes.of(decided.waiting, world.clock.monotonic())
    const failures = new WriteFailures()
    const isMore = [
      await carryOut(assignments.of(decided.assign), failures, signal, async (assignment) =>
        assignments.give(assignment, signal),
      ),
      await carryOut(newAgents.of(decided.create), failures, signal, async (agent) =>
        newAgents.make(agent, signal),
      ),
      await carryOut(decided.retire, failures, signal, async ({ agent, reason }) =>
        retire(world, parts.streams, agent.name, reason, signal),
      ),
      await carryOut(waiting.long, failures, signal, async (one) =>
        writeWaiting(world, one, signal),
      ),
    ]
    failures.throwFirst()
    if (isMore.includes(true)) return requeueAfter(0, 'more is decided than was carried out')
    const pauses = [
      ...(decided.nextAt === undefined ? [] : [decided.nextAt - now]),
      ...(waiting.nextMs === undefined ? [] : [waiting.nextMs]),
    ]
    return pauses.length === 0
      ? done
      : requeueAfter(Math.max(100, Math.min(...pauses)), 'an idle time or a pause ends')
  }
}

/**
 * Sends the writes of one batch. Returns true when items are left: tasks may have become ready meanwhile, and they must not
 * wait until everything that was decided now has been written. A batch with failed writes is followed by the next
 * batch, so that they do not keep the other writes from being made.
 */
async function carryOut<T>(
  items: readonly T[],
  failures: WriteFailures,
  signal: AbortSignal,
  write: (item: T) => Promise<void>,
): Promise<boolean> {
  for (let from = 0; from < items.length; from += batchSize) {
    const before = failures.count
    const batch = items.slice(from, from + batchSize)
    for (const end of await Promise.allSettled(batch.map(write)))
      if (end.status === 'rejected') failures.add(end.reason)
    signal.throwIfAborted()
    if (failures.count === before) return from + batchSize < items.length
  }
  return false
}

/** Errors of the writes of one run; the run fails with the gravest of them. */
class WriteFailures {
  readonly #errors: unknown[] = []

  get count(): number {
    return this.#errors.length
  }

  add(error: unknown): void {
    // An object that was changed or deleted brings the scheduler back by its change. A conflict may come without one, too.
    if (isConflict(error)) this.#errors.push(new WaitError(conflictPauseMs, error.message))
    else if (!isNotFound(error)) this.#errors.unshift(error)
  }

  throwFirst(): void {
    if (this.#errors.length > 0) throw this.#errors[0]
  }
}

async function retire(
  world: World,
  streams: AgentStreams,
  name: string,
  reason: string,
  signal: AbortSignal,
): Promise<void> {
  const agent = world.agents.get(world.namespace, name)
  if (agent === undefined) return
  // The cache shows all own writes, but an earlier leader may have given it a task.
  if (claimOf(world, agent.status?.podUid) !== undefined) return
  const message = `${name} ${reason}`
  const change: Change<NonNullable<Agent['status']>> = {
    status: draining(agent, message, world.clock.now()),
    act: { action: agentReasons.Draining, message },
    notices: [{ type: 'Normal', reason: agentReasons.Draining, action: 'Scale', message }],
  }
  await writeStatus(world, world.agents, agent, change, { signal })
  if (agent.status?.podUid !== undefined) streams.send(agent.status.podUid, { kind: 'drain' })
}
