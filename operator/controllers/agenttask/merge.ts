import type { FailureReason } from '../../../core/api/failures.ts'
import type { AgentTask } from '../../../core/api/agent-task.ts'
import type { IntegrateResult } from '../../../core/api/forge-protocol.ts'
import { git, trailers } from '../../../core/api/names.ts'
import { type Forge, ForgeError } from '../../forge/client.ts'
import type { Clock } from '../../../core/base/clock.ts'
import { WaitError } from '../../../core/kube/runtime/controller.ts'
import { type Transition, attemptOver, integrated } from '../../../core/tasks/transitions.ts'

const forgePauseMs = 3_000

/**
 * Answers of the forge that asking again does not change: the branch is gone, or the two programs
 * do not fit together.
 */
const hopelessMerge: Partial<Record<ForgeError['code'], FailureReason>> = {
  NotFound: 'PushRejected',
  BranchMoved: 'PushRejected',
  BadRequest: 'InternalError',
  Forbidden: 'InternalError',
}

/**
 * Merges the accepted commit. The forge answers `contained` to the same merge again, so a crash in
 * between does no harm. The forge gets the files that the task may change; the files in the report
 * are only the agent's word.
 * Errors: WaitError when asking again may help.
 */
export async function mergeResult(
  clock: Pick<Clock, 'now'>,
  forge: Pick<Forge, 'integrate'>,
  task: AgentTask,
  { signal }: { readonly signal: AbortSignal },
): Promise<Transition> {
  const { action, files, repository, branch, requestRef, title } = task.spec
  const { result, assignment } = task.status ?? {}
  if (result?.commit === undefined || assignment === undefined)
    throw new TypeError(`task ${task.metadata.name} has nothing to merge`)
  try {
    const merge = await forge.integrate(
      repository,
      {
        into: branch,
        from: git.taskBranch(task.metadata.name, assignment.attempt),
        commit: result.commit,
        task: { action, files },
        subject: `Merge ${title}`.slice(0, 200),
        trailers: [
          { name: trailers.request, value: requestRef.name },
          { name: trailers.task, value: task.metadata.name },
          { name: trailers.agent, value: assignment.agent },
          { name: trailers.model, value: result.model || 'none' },
          { name: trailers.attempts, value: String(assignment.attempt) },
          { name: trailers.verdict, value: result.verdict },
        ],
      },
      { signal },
    )
    return afterMerge(task, merge, clock.now())
  } catch (error) {
    if (!(error instanceof ForgeError)) throw error
    const reason = hopelessMerge[error.code]
    if (reason !== undefined)
      return attemptOver(task, { reason, message: error.message }, clock.now())
    throw new WaitError(forgePauseMs, error.message, { cause: error })
  }
}

/** The transition that follows from the forge's answer. */
function afterMerge(task: AgentTask, merge: IntegrateResult, now: number): Transition {
  switch (merge.outcome) {
    case 'merged':
    case 'contained':
      return integrated(task, merge.commit, now)
    case 'conflict': {
      const message = `it collides with merged work in ${merge.files.join(', ')}`
      return attemptOver(task, { reason: 'Conflict', message }, now)
    }
    case 'refused': {
      const message = `the forge did not merge the commit: ${merge.message}`
      return attemptOver(task, { reason: 'ScopeViolated', message }, now)
    }
  }
}
