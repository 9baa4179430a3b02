import type { Report, ReportReceipt } from '../../api/agent-protocol.ts'
import { hasSucceeded, isIntegrating } from '../../api/task-state.ts'
import type { Lines } from '../../hub/lines.ts'
import { isConflict } from '../../kube/errors.ts'
import type { Outcomes } from '../agent/controller.ts'
import type { World } from '../world.ts'
import { writeTransition } from './controller.ts'
import { acceptReport } from './transitions.ts'

/** Who reports, as the API server says, and what the gateway counted for the attempt. */
export interface Reporter {
  readonly agent: string
  readonly podUid: string
  readonly tokens: number
  readonly model: string
}

/**
 * Takes an agent's report: judged on a live read, written on that version, so that of two reports only one is accepted.
 * Safe to repeat: an agent sends its report until it gets this receipt.
 */
export async function takeReport(
  world: World,
  parts: { readonly lines: Lines; readonly outcomes: Outcomes },
  from: Reporter,
  report: Report,
  options: { readonly signal: AbortSignal },
): Promise<ReportReceipt> {
  for (;;) {
    const task = await world.client.get(world.tasks.resource, {
      namespace: world.namespace,
      name: report.task,
      signal: options.signal,
    })
    const decision = acceptReport(task, report, from, world.clock.now())
    if (decision.kind === 'fenced') return { outcome: 'fenced', message: decision.message }
    if (decision.kind === 'repeated')
      return { outcome: 'accepted', message: 'it was accepted before' }
    try {
      const written = await writeTransition(
        world,
        parts.lines,
        task,
        decision.transition,
        options.signal,
        `agent/${from.agent}`,
      )
      parts.outcomes.add(from.agent, {
        // A dead-lettered task keeps its last result, too.
        succeeded: isIntegrating(written) || hasSucceeded(written),
        seconds: report.durationSeconds,
        tokens: from.tokens,
      })
      return { outcome: 'accepted', message: decision.transition.message }
    } catch (error) {
      if (!isConflict(error)) throw error
    }
  }
}
