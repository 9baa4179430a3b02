// One attempt from assignment to report. An attempt always ends in a report, unless it was taken
// away.
import type { Logger } from 'pino'
import type { Assignment, Report } from '../../core/api/agent-protocol.ts'
import { type Action, actionType } from '../../core/api/agent-types.ts'
import { refusingReasons } from '../../core/api/failures.ts'
import type { HubClient } from './hub-client.ts'
import { type Model, modelOf } from './model.ts'
import { TaskFailure, type TaskOutcome, TaskTaken, reportOf } from './outcome.ts'
import { code, fix } from './pipelines/code.ts'
import { document } from './pipelines/document.ts'
import { branch, finish, verify } from './pipelines/examination.ts'
import { type CheckedTry, type Pipeline, deploy } from './pipelines/pipeline.ts'
import { review } from './pipelines/review.ts'
import { spec } from './pipelines/spec.ts'
import type { Sandbox } from './sandbox-client.ts'
import { runnerFor } from './verify/runner.ts'
import { within } from './timers.ts'
import { type Workspace, type WorkspaceSettings, openWorkspace } from './workspace/workspace.ts'

/** The settings that an attempt needs besides its assignment. */
export interface AttemptSettings {
  /** Name of the agent. */
  readonly agent: string
  readonly type: string
  /** Folder of the reporters, as the sandbox sees it. */
  readonly programs: string
  readonly workspace: WorkspaceSettings
  readonly now: () => number
  readonly random: () => number
}

const pipelines: Readonly<Record<Action, Pipeline>> = {
  branch,
  spec,
  code,
  verify,
  review,
  fix,
  document,
  deploy,
  finish,
}

/** Time before the deadline that is kept for the report. */
const reserveMs = 10_000

/**
 * Works on an assignment. Gives its report, or undefined when `signal` (the attempt was taken away)
 * ended it.
 */
export async function runAttempt(
  assignment: Assignment,
  settings: AttemptSettings,
  ports: {
    readonly hub: Pick<HubClient, 'model'>
    readonly sandbox: Sandbox
    readonly log: Logger
    readonly activity: (text: string) => void
    /** Called with each candidate as soon as it was checked. Not part of the report. */
    readonly tried?: (candidate: CheckedTry) => void
  },
  options: { readonly signal: AbortSignal },
): Promise<Report | undefined> {
  const startedAt = settings.now()
  const { log, activity, hub, sandbox } = ports
  const left = Date.parse(assignment.deadline) - settings.now() - reserveMs
  const deadline = within(Math.max(1000, Number.isFinite(left) ? left : 1000))
  const signal = AbortSignal.any([options.signal, deadline])
  const tell = (text: string): void => {
    log.info(text)
    activity(text)
  }
  const model = modelOf(assignment, hub, settings.random, tell)
  let workspace: Workspace | undefined
  let outcome: TaskOutcome
  try {
    if (actionType[assignment.action] !== settings.type)
      throw new TaskFailure(
        'InternalError',
        `a ${settings.type} agent was given the action ${assignment.action}`,
      )
    tell('cloning')
    workspace = await openWorkspace(assignment, settings.workspace, sandbox, { signal })
    outcome = await pipelines[assignment.action]({
      assignment,
      agent: settings.agent,
      workspace,
      runner: runnerFor(workspace, sandbox, settings.programs),
      model,
      activity: tell,
      ...(ports.tried === undefined ? {} : { tried: ports.tried }),
      signal,
    })
  } catch (error) {
    if (options.signal.aborted || error instanceof TaskTaken) {
      log.info({ why: error instanceof Error ? error.message : '' }, 'attempt taken away')
      return undefined
    }
    outcome = failed(error, deadline.aborted, model)
    log.warn({ reason: outcome.failure?.reason, error: describeError(error) }, 'attempt failed')
  } finally {
    await sandbox.reset(undefined, { signal: within(30_000) }).catch(() => undefined)
    await workspace?.close()
  }
  return reportOf(assignment, outcome, model.asked, (settings.now() - startedAt) / 1000)
}

function failed(error: unknown, late: boolean, model: Model): TaskOutcome {
  if (error instanceof TaskFailure && !late)
    return {
      verdict: refusingReasons.has(error.reason) ? 'Refused' : 'ChecksFailed',
      summary: error.message,
      evidence: error.evidence,
      failure: { reason: error.reason, message: error.message },
    }
  if (late) {
    // An attempt that only waited for the model has not failed by itself.
    const waited = model.waitsFor
    const message =
      waited === undefined
        ? 'The time for this attempt was over.'
        : `The model did not answer in time: ${waited}`
    return {
      verdict: 'ChecksFailed',
      summary: message,
      failure: { reason: waited === undefined ? 'TimedOut' : 'ModelUnavailable', message },
    }
  }
  const message = `An unexpected error ended the attempt: ${describeError(error)}`
  return {
    verdict: 'ChecksFailed',
    summary: message,
    failure: { reason: 'InternalError', message },
  }
}

function describeError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}
