// Carries out a plan as the operator does, one task after the other: the operator's own rules decide what is ready, what an
// assignment holds and what a report does; the agent's own code works.
import { pino } from 'pino'
import { runAttempt } from '../../agent-image/agent/attempt.ts'
import type { CheckedTry } from '../../agent-image/agent/pipelines/pipeline.ts'
import { type Sandbox, connectSandbox } from '../../agent-image/agent/sandbox-client.ts'
import type { Assignment, Report } from '../../core/api/agent-protocol.ts'
import type { AgentTask } from '../../core/api/agent-task.ts'
import type { DevRequest, PlannedTask } from '../../core/api/devrequest.ts'
import { isFinished, isIntegrating } from '../../core/api/task-state.ts'
import {
  acceptReport,
  assign,
  integrated,
  readinessOf,
  skip,
} from '../../core/tasks/transitions.ts'
import { agentTaskOf } from '../../core/tasks/make.ts'
import { assignmentMessage } from '../../core/tasks/assignment.ts'
import type { ModelError } from '../../core/models/errors.ts'
import type { Gateway } from '../../core/models/gateway.ts'
import type { ModelProfile } from '../../core/models/profile.ts'
import type { Clock, Random } from '../../core/base/clock.ts'
import type { LocalForge } from './forge.ts'
import { modelDoor } from './model.ts'
import type { RunningSandbox } from './sandbox.ts'

/** What the tasks of a request are carried out with. */
export interface ChainParts {
  readonly request: DevRequest
  readonly tasks: readonly PlannedTask[]
  readonly profile: ModelProfile
  /** Test files of HEAD that decide about a unit, by the unit's name. */
  readonly named: Assignment['specs']
  readonly forge: LocalForge
  readonly sandbox: RunningSandbox
  /** An empty folder for the git directories of attempts. */
  readonly gitRoot: string
  readonly call: Gateway['call']
  /** When all has to be over, in milliseconds since 1970. */
  readonly endsAt: number
  readonly tell: (task: AgentTask, text: string) => void
  readonly clock: Clock
  readonly random: Random
}

/** A task at its end, with every candidate of it that was checked. */
export interface EndedTask {
  readonly task: AgentTask
  readonly tries: readonly CheckedTry[]
}

/** The model is gone; the work cannot go on. */
export class ModelLost extends Error {
  readonly why: ModelError
  constructor(why: ModelError) {
    super(why.message, { cause: why })
    this.why = why
  }
}

/**
 * Runs every task, in the order of the plan, until all have ended. A task that fails stops those that need it.
 * Throws the signal's reason, and `ModelLost`.
 */
export async function runChain(
  parts: ChainParts,
  options: { readonly signal: AbortSignal },
): Promise<readonly EndedTask[]> {
  const { request, clock } = parts
  const tasks = parts.tasks.map((planned): EndedTask => {
    const made = agentTaskOf(request, planned, {})
    const { namespace } = request.metadata
    const metadata = { ...bare, name: made.metadata.name, namespace, uid: made.metadata.name }
    return {
      task: { apiVersion: request.apiVersion, kind: 'AgentTask', ...made, metadata },
      tries: [],
    }
  })
  // One client for all: the first answer that it gets, before project code ran, says whom to believe.
  const client = connectSandbox(parts.sandbox.socketPath)
  const find = (name: string): AgentTask | undefined =>
    tasks.find(({ task }) => task.metadata.name === name)?.task
  for (;;) {
    const open = tasks.flatMap(({ task }, at) =>
      isFinished(task) ? [] : [{ at, readiness: readinessOf(task, find) }],
    )
    const next = open.find(({ readiness }) => readiness.state !== 'waiting')
    const entry = next === undefined ? undefined : tasks[next.at]
    if (next === undefined || entry === undefined) return tasks
    tasks[next.at] =
      next.readiness.state === 'broken'
        ? { ...entry, task: moved(entry.task, skip(entry.task, next.readiness.by, clock.now())) }
        : await attempt(
            parts,
            entry,
            tasks.map(({ task }) => task),
            { ...options, client },
          )
  }
}

const bare = { resourceVersion: '', generation: 1, creationTimestamp: '' }
const agentName = 'guild-try'
/** An attempt keeps this much of its time for its report, which here takes none. */
const reserveSeconds = 10

async function attempt(
  parts: ChainParts,
  { task, tries }: EndedTask,
  all: readonly AgentTask[],
  { signal, client }: { readonly signal: AbortSignal; readonly client: Sandbox },
): Promise<EndedTask> {
  const { request, profile, forge, sandbox, clock, random } = parts
  const left = Math.max(0, parts.endsAt - clock.now()) / 1000
  const timeoutSeconds = Math.min(task.spec.timeoutSeconds, left) + reserveSeconds
  const timed = { ...task, spec: { ...task.spec, timeoutSeconds } }
  const held = moved(task, assign(timed, { name: agentName, podUid: agentName }, clock.now()))
  const message = assignmentMessage(held, request, all, profile, forge.url)
  const door = modelDoor(parts.call, held)
  const checked: CheckedTry[] = []
  const report = await runAttempt(
    { ...message, specs: [...parts.named, ...message.specs] },
    {
      agent: agentName,
      type: task.spec.type,
      assets: sandbox.assets,
      workspace: {
        workspace: sandbox.workspace,
        gitRoot: parts.gitRoot,
        token: () => Promise.resolve(''),
        protocols: ['file'],
      },
      now: () => clock.now(),
      random: () => random.next(),
    },
    {
      hub: door,
      sandbox: client,
      log: pino({ level: 'silent' }),
      activity: (text) => parts.tell(task, text),
      tried: (candidate) => checked.push(candidate),
    },
    { signal },
  )
  signal.throwIfAborted()
  if (door.lost !== undefined) throw new ModelLost(door.lost)
  if (report === undefined) throw new Error(`the attempt on ${task.metadata.name} ended early`)
  const after = await take(parts, held, report, { signal })
  return { task: after, tries: [...tries, ...checked] }
}

/** What the operator makes of a report; an accepted commit is on the branch then. */
async function take(
  { forge, profile, clock }: ChainParts,
  held: AgentTask,
  report: Report,
  options: { readonly signal: AbortSignal },
): Promise<AgentTask> {
  const from = { podUid: agentName, tokens: 0, model: profile.name }
  const decision = acceptReport(held, report, from, clock.now())
  if (decision.kind !== 'accepted') throw new Error(`a report was not accepted: ${decision.kind}`)
  const taken = moved(held, decision.transition)
  const commit = taken.status?.result?.commit
  if (!isIntegrating(taken) || commit === undefined) return taken
  await forge.advance(commit, options)
  return moved(taken, integrated(taken, commit, clock.now()))
}

const moved = (
  task: AgentTask,
  { status }: { status: AgentTask['status'] & object },
): AgentTask => ({
  ...task,
  status,
})
