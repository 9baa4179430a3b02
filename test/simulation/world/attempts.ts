import type { AgentTask } from '../../../core/api/agent-task.ts'
import type { Assignment, Report } from '../../../core/api/agent-protocol.ts'
import type { Pod } from '../../../core/kube/core.ts'
import { type Attempt, reportOn } from '../../support/simulated-agent.ts'
import { commitId, type SimulatedForge } from './forge.ts'
import { signature } from '../checks/invariants.ts'
import type { RunningAgent } from './node.ts'
import type { RequestPlan, TaskPlan } from '../story.ts'

/** Actions whose result is a commit, for tasks that the real planner made. */
const writing: ReadonlySet<string> = new Set(['branch', 'spec', 'code', 'fix', 'document'])

/** How attempts go: by the story for ready-made tasks, by the action for planned ones. */
export function attemptsOf(parts: {
  readonly requests: readonly RequestPlan[]
  readonly forge: SimulatedForge
  /** The truth, as the forge and a liar see it. */
  readonly tasks: () => readonly AgentTask[]
}): (agent: () => RunningAgent | undefined, pod: Pod, assignment: Assignment) => Attempt {
  const plans = new Map<string, TaskPlan>(
    parts.requests.flatMap(({ plan }) =>
      typeof plan === 'string' ? [] : plan.map((task) => [task.name, task] as const),
    ),
  )
  const revised = new Set(
    parts.requests.filter(({ plan }) => plan === 'revised').map(({ name }) => name),
  )
  return (agent, pod, assignment) => {
    const podUid = pod.metadata.uid ?? ''
    const { task, attempt, uid, action, earlier, request, unit } = assignment
    const hopeless = revised.has(request) && action === 'code' && unit === 'part-1'
    const plan = plans.get(task)
    const base = (summary: string): Report => reportOn(assignment, { summary })
    const honest = base(signature(podUid, attempt))
    const failed = (reason: 'ChecksFailed' | 'PushRejected'): Report => ({
      ...honest,
      verdict: 'ChecksFailed',
      failure: { reason, message: 'as the story says' },
    })
    return {
      ms: plan?.workMs ?? 900,
      twice: () => agent()?.mood === 'twice',
      lies: () => (agent()?.mood === 'lie' ? liesAbout(parts.tasks(), podUid, base('a lie')) : []),
      report: () => {
        if (agent()?.mood === 'hang') return 'hangs'
        if (hopeless) return failed('ChecksFailed')
        if (
          earlier.filter(({ reason }) => reason === 'ChecksFailed').length < (plan?.failures ?? 0)
        )
          return failed('ChecksFailed')
        if (!(plan?.commits ?? writing.has(action))) return honest
        const commit = commitId(podUid, task, String(attempt))
        const truth = parts.tasks().find(({ metadata }) => metadata.uid === uid)
        return parts.forge.push(truth, { podUid, attempt }, commit)
          ? { ...honest, commit }
          : failed('PushRejected')
      },
    }
  }
}

/** A note on every lie: a liar that was given just that attempt meanwhile is believed, and the checks have to know. */
export const lie = 'this is a lie'

/**
 * Reports about every task that somebody else holds or held, and about its own task under other numbers. Signed, since one
 * that arrives late may find that the liar was given just that attempt meanwhile, and then it counts.
 */
function liesAbout(tasks: readonly AgentTask[], podUid: string, own: Report): readonly Report[] {
  const signed = (report: Report): Report => ({
    ...report,
    summary: signature(podUid, report.attempt),
    notes: [lie],
  })
  const others = tasks
    .filter(({ metadata }) => metadata.uid !== own.uid)
    .map(({ metadata, status }) =>
      signed({
        ...own,
        task: metadata.name,
        uid: metadata.uid,
        attempt: status?.assignment?.attempt ?? 1,
      }),
    )
  return [
    ...others,
    signed({ ...own, attempt: own.attempt + 1 }),
    { ...own, uid: `${own.uid}-earlier` },
    { ...own, commit: commitId('a lie'), attempt: Math.max(1, own.attempt - 1), uid: 'nobody' },
  ]
}
