// Carries out a plan as the operator does, one task after the other. The rules of `core/tasks`
// decide which task is ready, what its assignment holds and what follows from a report; the agent's
// own code does the work.
import { pino } from 'pino'
import { runAttempt } from '../../agent-image/agent/attempt.ts'
import type { CheckedTry } from '../../agent-image/agent/pipelines/pipeline.ts'
import { type Sandbox, connectSandbox } from '../../agent-image/agent/sandbox-client.ts'
import type { Assignment, ModelCall, ModelEvent, Report } from '../../core/api/agent-protocol.ts'
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
import { agentTaskOf } from '../../core/tasks/planned-task.ts'
import { assignmentMessage } from '../../core/tasks/assignment.ts'
import { ModelError, errorEvent } from '../../core/models/errors.ts'
import type { Gateway } from '../../core/models/gateway.ts'
import type { ModelProfile } from '../../core/models/profile.ts'
import type { Clock, Random } from '../../core/base/clock.ts'
import type { RunningSandbox } from './sandbox.ts'
import { mkdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { git as gitNames } from '../../core/api/names.ts'
import type { Checkout } from './checkout.ts'
import type { Abortable } from '../../core/base/wait.ts'

/** What the tasks of a request are carried out with. */
interface ChainParts {
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
 * Runs every task, in the order of the plan, until all have ended. A task that fails stops those
 * that need it. Throws the signal's reason, and `ModelLost`.
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
  // One client for all: the first answer that it gets, before project code ran, says whom to
  // believe.
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
      programs: sandbox.programs,
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

// The agents' way to the model without a hub: the operator's gateway, in this process.

/** The part of the hub that an attempt needs. */
interface ModelDoor {
  model(
    call: ModelCall,
    options: { readonly signal: AbortSignal },
  ): AsyncGenerator<ModelEvent, void, void>
  /**
   * The error that kept the model from answering: there is no hub here that waits until the model
   * is back.
   */
  readonly lost: ModelError | undefined
}

/** Asks for `task`: the gateway is told the same about it as the hub would tell. */
function modelDoor(call: Gateway['call'], task: AgentTask): ModelDoor {
  let lost: ModelError | undefined
  return {
    get lost() {
      return lost
    },
    async *model(asked, { signal }) {
      const { task: _task, uid: _uid, attempt: _attempt, schema, ...question } = asked
      const { spec, metadata } = task
      try {
        yield { kind: 'started', model: spec.model }
        yield await call(
          {
            ...question,
            model: spec.model,
            request: spec.requestRef.name,
            task: metadata.name,
            priority: spec.priority,
            ...(schema === undefined ? {} : { schema }),
          },
          { signal },
        )
      } catch (error) {
        if (!(error instanceof ModelError)) throw error
        // The gateway has waited. In a cluster the attempt would wait on; here a person wants to
        // know.
        if (error.retryable) lost = error
        yield errorEvent(error, false)
      }
    },
  }
}

// What the forge is to the cluster, in a folder: a bare repository that holds the request's branch.

export interface LocalForge {
  /** Base URL; agents clone `${url}/${repository}.git`. */
  readonly url: string
  readonly repository: string
  readonly branch: string
  /** The commit that the request starts from: the files of HEAD, without its history. */
  readonly base: string
  /** Lets git in the checkout read the commits of the branch. */
  readonly env: Readonly<Record<string, string>>
  /** Moves the branch on to a commit whose ancestor is the head of the branch. */
  advance(commit: string, options: Abortable): Promise<void>
  head(): string
}

/**
 * Makes the forge below `folder`. It borrows the objects of the checkout and writes none there.
 * Agents see one commit instead of the history: git then never asks for objects that a shallow or
 * partial clone lacks.
 */
export async function openForge(
  checkout: Checkout,
  request: string,
  folder: string,
  options: Abortable,
): Promise<LocalForge> {
  const name = repositoryName(checkout.root)
  const bare = join(folder, `${name}.git`)
  const branch = gitNames.resultBranch(request)
  const git = async (args: readonly string[], input = ''): Promise<string> => {
    const env = { GIT_DIR: bare, ...identity }
    return (await checkout.git(args, { ...options, env, input })).toString('utf8').trim()
  }
  await mkdir(folder, { recursive: true })
  await git(['init', '--quiet', '--bare', '--template=', '--initial-branch=unused'])
  await mkdir(join(bare, 'objects', 'info'), { recursive: true })
  await writeFile(join(bare, 'objects', 'info', 'alternates'), `${checkout.objects}\n`)
  const message = `The state of ${checkout.head}\n`
  const base = await git(['commit-tree', `${checkout.head}^{tree}`, '-F', '-'], message)
  await git(['update-ref', `refs/heads/${branch}`, base])
  let head = base
  return {
    url: pathToFileURL(folder).href,
    repository: name,
    branch,
    base,
    env: { GIT_ALTERNATE_OBJECT_DIRECTORIES: join(bare, 'objects') },
    async advance(commit) {
      await git(['merge-base', '--is-ancestor', head, commit])
      await git(['update-ref', `refs/heads/${branch}`, commit, head])
      head = commit
    },
    head: () => head,
  }
}

/** As the forge would call it: the checkout's folder, in the letters that go into an address. */
function repositoryName(root: string): string {
  const plain = basename(root)
    .replaceAll(/[^\w.-]+/g, '-')
    .replace(/^[.-]+|[.-]+$|\.git$/g, '')
  return plain.slice(0, 60) || 'project'
}

const identity = {
  GIT_AUTHOR_NAME: gitNames.committerName,
  GIT_AUTHOR_EMAIL: gitNames.committerEmail,
  GIT_COMMITTER_NAME: gitNames.committerName,
  GIT_COMMITTER_EMAIL: gitNames.committerEmail,
}
