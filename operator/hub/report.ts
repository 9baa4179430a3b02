import type { Report, ReportReceipt } from '../../core/api/agent-protocol.ts'
import { isComplete, isIntegrating } from '../../core/api/task-state.ts'
import { Problem } from '../../core/base/http.ts'
import type { AgentStreams } from '../presence/agent-streams.ts'
import { isConflict } from '../../core/kube/errors.ts'
import type { Outcomes } from '../controllers/agent/outcomes.ts'
import type { World } from '../controllers/world.ts'
import { writeTransition } from '../controllers/agenttask/write-transition.ts'
import { acceptReport } from '../../core/tasks/transitions.ts'

/** After so many conflicts in a row the agent is asked to report again: its pause lets the other writer finish. */
const mostConflicts = 3

/** The agent that reports, by its reviewed token, and the tokens that the gateway counted for the task. */
interface Reporter {
  readonly agent: string
  readonly podUid: string
  readonly tokens: number
  readonly model: string
}

/**
 * Takes an agent's report. It is judged on the newest known version of the task and written on that version, so of two
 * reports only one is accepted, at the cost of one write. A refusal is judged again on a live read, because the cache may be
 * older than the agent's knowledge. Safe to repeat: an agent sends its report until it gets a receipt.
 */
export async function takeReport(
  world: World,
  parts: { readonly streams: AgentStreams; readonly outcomes: Outcomes },
  from: Reporter,
  report: Report,
  options: { readonly signal: AbortSignal },
): Promise<ReportReceipt> {
  const ref = { namespace: world.namespace, name: report.task }
  let task = world.tasks.newest(ref.namespace, ref.name)
  let live = false
  for (let conflicts = 0; conflicts < mostConflicts; ) {
    const decision =
      task === undefined ? undefined : acceptReport(task, report, from, world.clock.now())
    if (task !== undefined && decision?.kind === 'accepted') {
      try {
        const written = await writeTransition(
          world,
          parts.streams,
          task,
          decision.transition,
          options.signal,
          `agent/${from.agent}`,
        )
        parts.outcomes.add(from.agent, {
          // A dead-lettered task has a result, too, so `status.result` alone does not mean success.
          succeeded: isIntegrating(written) || isComplete(written),
          seconds: report.durationSeconds,
          tokens: from.tokens,
        })
        return { outcome: 'accepted', message: decision.transition.message }
      } catch (error) {
        if (!isConflict(error)) throw error
        conflicts += 1
      }
    } else if (live && decision !== undefined) {
      return decision.kind === 'fenced'
        ? { outcome: 'fenced', message: decision.message }
        : { outcome: 'accepted', message: 'it was accepted before' }
    }
    task = await world.client.get(world.tasks.resource, { ...ref, signal: options.signal })
    live = true
  }
  throw new Problem(503, 'Busy', `task ${report.task} is being written to; report again`)
}
