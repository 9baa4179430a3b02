import { counted } from '../api/plain-text.ts'
import { findingsInShort, heldBy } from '../api/task-state.ts'
import type { Agent } from '../api/agent.ts'
import { conditionOf, isTrue } from '../api/condition-list.ts'
import type { DevRequest } from '../api/devrequest.ts'
import { hopelessReasons } from '../api/failures.ts'
import { requestConditions } from '../api/conditions.ts'
import { type Line, type Span, amount, shortCommit, span } from './text.ts'
import {
  type Snapshot,
  type TaskLine,
  hasRequestSucceeded,
  isOfRequest,
  isRequestFinished,
  isRequestUnchecked,
  modelInUse,
  modelLabel,
  planAuthor,
  requestStatus,
  taskLines,
  waitingText,
} from './request.ts'
import { type TaskState, icons, stateOf, taskDetail, testsOf, verdictText } from './task.ts'

/**
 * The changes between two snapshots of one request, one line each, in the order in which a person
 * would tell them.
 * Pure. Level-based: a step that came and went between the two snapshots shows by its outcome only.
 */
export function transitions(before: Snapshot | undefined, after: Snapshot): readonly Line[] {
  return [
    ...requestBegan(before, after),
    ...planMade(before, after),
    ...agentsChanged(before, after),
    ...tasksChanged(before, after),
    ...requestChanged(before, after),
  ]
}

const name = (text: string): Span => span(text, 'bold')

function requestBegan(before: Snapshot | undefined, { request }: Snapshot): readonly Line[] {
  const out: Line[] = []
  const word = requestStatus(request)
  if (!isRequestFinished(request) && (!before || requestStatus(before.request) !== word)) {
    out.push([name(request.metadata.name), span(` is ${word}`)])
  }
  const model = modelInUse(request)
  if (model !== '' && (!before || modelInUse(before.request) !== model)) {
    out.push([name(request.metadata.name), span(` works with the model ${model}`)])
  }
  return out
}

function planMade(before: Snapshot | undefined, after: Snapshot): readonly Line[] {
  const plan = after.request.status?.plan
  if (plan === undefined || plan.hash === before?.request.status?.plan?.hash) return []
  const units = [...new Set(plan.tasks.flatMap((task) => task.unit ?? []))]
  return [
    [
      span('plan made', 'green'),
      span(
        ` by ${planAuthor(after.request)}: ${counted(units.length, 'unit')} (${units.join(', ')}), ${counted(plan.tasks.length, 'task')}, team ${plan.team.map(({ type, count }) => `${count} ${type}`).join(', ')}`,
      ),
    ],
    ...plan.warnings.map((warning) => [span(`plan warning: ${warning}`, 'yellow')]),
  ]
}

/** Who came and who left, of those that work on the request or are free. */
export function agentsChanged(before: Snapshot | undefined, after: Snapshot): readonly Line[] {
  const { request } = after
  const old = new Map(before?.agents.map((agent) => [agent.metadata.name, agent]))
  const present = new Set(after.agents.map((agent) => agent.metadata.name))
  return [
    ...after.agents
      // An agent that ended before the first look is not news.
      .filter((agent) => !old.has(agent.metadata.name) && agent.status?.state !== 'terminated')
      .filter((agent) => isOfRequest(agent, request))
      .map((agent) => [
        span('agent ', 'cyan'),
        name(agent.metadata.name),
        span(
          ` (${agent.spec.type}) ${before === undefined ? '' : 'appeared and '}is ${agent.status?.state ?? 'starting'}`,
        ),
      ]),
    ...[...old.values()]
      .filter((agent) => !present.has(agent.metadata.name) && isOfRequest(agent, request))
      .map((agent) => [
        span('agent ', 'cyan'),
        name(agent.metadata.name),
        span(` left${recordOf(agent)}`),
      ]),
  ]
}

function recordOf(agent: Agent): string {
  const { completed = 0, failed = 0 } = agent.status?.performance ?? {}
  return completed + failed === 0 ? '' : ` after ${counted(completed + failed, 'task')}`
}

function tasksChanged(before: Snapshot | undefined, after: Snapshot): readonly Line[] {
  const old = new Map(
    (before === undefined ? [] : taskLines(before)).map((line) => [line.planned.name, line]),
  )
  return taskLines(after).flatMap((line) => taskChanged(old.get(line.planned.name), line))
}

function taskChanged(before: TaskLine | undefined, after: TaskLine): readonly Line[] {
  const was = before === undefined ? 'planned' : stateOf(before.task)
  const is = stateOf(after.task)
  const say = (text: string): Line => [icons[is], span(' '), name(labelOf(after)), span(text)]
  const out: Line[] = []
  const lost = after.task?.status?.history ?? []
  for (const attempt of lost.slice(before?.task?.status?.history?.length ?? 0)) {
    const why = attempt.failure ?? { reason: attempt.verdict ?? 'no result', message: '' }
    out.push([
      icons.failed,
      span(' '),
      name(labelOf(after)),
      span(
        ` attempt ${attempt.attempt} on ${attempt.agent} ended: ${why.reason}${why.message === '' ? '' : `: ${why.message}`}`,
      ),
    ])
  }
  const attempt = after.task === undefined ? undefined : heldBy(after.task)?.attempt
  const wasAttempt = before?.task === undefined ? undefined : heldBy(before.task)?.attempt
  const skippedRun = is === 'succeeded' && was !== 'running' && was !== 'integrating'
  if (is === 'running' && (was !== 'running' || attempt !== wasAttempt)) {
    out.push(say(startedText(after, attempt ?? 1)))
  }
  const activity = after.agent?.status?.activity ?? ''
  if (is === 'running' && activity !== '' && activity !== before?.agent?.status?.activity) {
    out.push(say(`: ${activity}`))
  }
  if (is === was) return out
  if (is === 'integrating') out.push(say(` reported: ${taskDetail(after)}`))
  const failure = after.task?.status?.failure
  const isToldAbove = out.length > 0 && lost.at(-1)?.failure?.message === failure?.message
  if (isOver(is))
    out.push(
      say(
        isToldAbove && failure !== undefined && (is === 'dead' || is === 'failed')
          ? ` ${endWordOf(after, is)}: ${failure.reason}`
          : endedText(after, is, skippedRun),
      ),
    )
  return out
}

const isOver = (state: TaskState): boolean =>
  ['succeeded', 'skipped', 'failed', 'dead'].includes(state)

const labelOf = ({ planned }: TaskLine): string =>
  planned.unit === undefined ? planned.action : `${planned.action} ${planned.unit}`

function startedText({ task, planned }: TaskLine, attempt: number): string {
  const again = attempt > 1 ? `, attempt ${attempt}` : ''
  return ` started on ${task?.status?.assignment?.agent ?? 'an agent'}${again}: ${planned.title}`
}

const endWords = { skipped: 'skipped', dead: 'has no attempt left', failed: 'failed' } as const

/** A task may be given up with attempts left, where its failure stays the same in each. */
function endWordOf({ task }: TaskLine, state: keyof typeof endWords): string {
  const { attempts = 0, failure } = task?.status ?? {}
  const isLeft = task !== undefined && attempts < task.spec.maxAttempts
  return state === 'dead' && isLeft && failure !== undefined && hopelessReasons.has(failure.reason)
    ? 'is given up, because another attempt would end the same'
    : endWords[state]
}

function endedText(line: TaskLine, state: TaskState, told: boolean): string {
  if (state === 'succeeded') return ` finished${succeededText(line, told)}`
  if (state === 'unchecked') return ` was written, and nothing could check it: ${taskDetail(line)}`
  const word = endWordOf(line, state === 'skipped' || state === 'dead' ? state : 'failed')
  const text = taskDetail(line)
  return ` ${word}${text === '' ? '' : `: ${text}`}`
}

/** `toldAgent`: no line told the start, so this one names the agent. */
function succeededText({ task }: TaskLine, toldAgent: boolean): string {
  if (task === undefined) return ''
  const { result, assignment } = task.status ?? {}
  const facts = [
    result === undefined ? '' : verdictText(task, result.verdict),
    testsOf(task),
    (result?.tries ?? 0) > 1 ? `${result?.tries} tries` : '',
    findingsInShort(task, 120),
  ].filter(Boolean)
  const agent = toldAgent ? ` on ${assignment?.agent ?? 'an agent'}` : ''
  const where = result?.merged ? `, integrated as ${shortCommit(result.merged)}` : ''
  return `${agent}${facts.length === 0 ? '' : `: ${facts.join(', ')}`}${where}`
}

function requestChanged(before: Snapshot | undefined, { request }: Snapshot): readonly Line[] {
  const { status, metadata } = request
  const out: Line[] = []
  const waiting = waitingText(request)
  if (waiting !== '' && (before === undefined || waiting !== waitingText(before.request))) {
    out.push([name(metadata.name), span(` is waiting: ${waiting}`, 'yellow')])
  }
  const stalled = conditionOf(request, requestConditions.Stalled)
  if (
    stalled?.status === 'True' &&
    (before === undefined ||
      conditionOf(before.request, requestConditions.Stalled)?.message !== stalled.message)
  ) {
    out.push([name(metadata.name), span(` is stalled: ${stalled.message}`, 'yellow')])
  }
  const wasFinished = before !== undefined && isTrue(before.request, requestConditions.Finished)
  if (isRequestFinished(request) && !wasFinished) {
    const mark = requestMark(request)
    const facts = [
      status?.progress ? `${status.progress} tasks` : '',
      status?.branch ? `branch ${status.branch}` : '',
      status?.tokens ? `${amount(status.tokens)} tokens` : '',
      modelLabel(request) === '' ? '' : `model ${modelLabel(request)}`,
    ].filter(Boolean)
    out.push([
      span(`${mark.text} `, mark.paint),
      name(metadata.name),
      span(` ${requestStatus(request)}${facts.length === 0 ? '' : `: ${facts.join(', ')}`}`),
    ])
    if (status?.summary) out.push([span(status.summary)])
  }
  return out
}

function requestMark(request: DevRequest): Span {
  if (hasRequestSucceeded(request)) return icons.succeeded
  return isRequestUnchecked(request) ? icons.unchecked : icons.failed
}
