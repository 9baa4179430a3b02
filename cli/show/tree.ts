import { counted } from '../../core/api/plain-text.ts'
import { conditionOf } from '../../core/api/condition-list.ts'
import { requestConditions } from '../../core/api/conditions.ts'
import type { DevRequest } from '../../core/api/devrequest.ts'
import { align, type Row } from './columns.ts'
import { amount, between } from './figures.ts'
import {
  hasRequestSucceeded,
  isRequestUnchecked,
  isRehearsal,
  isRequestFinished,
  modelLabel,
  requestStatus,
  taskLines,
  type Snapshot,
  type TaskLine,
} from './snapshot.ts'
import { draw, lengthOf, shorten, span, type Line, type Span, type Style } from './style.ts'
import { toldOnce, untold, type ToldOnce } from './told-once.ts'
import { icons, stateOf, taskDetail, taskDuration } from './task-state.ts'

const titleWidth = 38
/** Narrower screens get shorter titles, so that what a task does right now is not cut off. */
const comfortableWidth = 130
const narrowWidth = 110

/**
 * One request as a tree: its state, its plan, and every task under its unit.
 * Pure. `now` in milliseconds since 1970. A model that answers from scripts is called `rehearsal` wherever it shows.
 */
export function renderTree(snapshot: Snapshot, now: number, style: Style): readonly string[] {
  const { request } = snapshot
  const lines = taskLines(snapshot)
  const told = toldOnce()
  const [first = [], ...more] = header(request, now)
  const above = [...more, ...planLines(request)].flatMap((line) => untold(line, told))
  return [first, ...above, ...taskRows(lines, request, now, told, style.width)].map((line) =>
    draw(line, style),
  )
}

function header(request: DevRequest, now: number): readonly Line[] {
  const { status, metadata } = request
  const word = requestStatus(request)
  const started = status?.startedAt ?? metadata.creationTimestamp
  const parts: Span[] = [
    span(metadata.name, 'bold'),
    span(word, statusPaint(request)),
    span(between(started, status?.completionTime, now)),
  ]
  if (status?.progress) parts.push(span(`progress ${status.progress}`))
  const model = modelLabel(request)
  if (model !== '') {
    parts.push(span(`model ${model}`, isRehearsal(status?.model) ? 'magenta' : undefined))
  }
  if (status?.tokens) parts.push(span(`tokens ${amount(status.tokens)}`))
  if (status?.branch) {
    const commits = status.commits ? ` (${counted(status.commits, 'commit')})` : ''
    parts.push(span(`branch ${status.branch}${commits}`, 'cyan'))
  }
  const first = parts.flatMap((part, at) => (at === 0 ? [part] : [span('   '), part]))
  const stalled = conditionOf(request, requestConditions.Stalled)
  const reason = conditionOf(request, requestConditions.Succeeded)?.message
  return [
    first,
    ...(status?.waitingFor ? [[span(`waiting: ${status.waitingFor}`, 'yellow')]] : []),
    ...(stalled?.status === 'True' ? [[span(`stalled: ${stalled.message}`, 'yellow')]] : []),
    ...(isRequestFinished(request)
      ? [[span(status?.summary ?? reason ?? '')]].filter((line) => lengthOf(line) > 0)
      : []),
  ]
}

function planLines(request: DevRequest): readonly Line[] {
  const plan = request.status?.plan
  if (plan === undefined) return []
  const by = {
    model: `the model ${plan.model ?? request.status?.model ?? ''}`.trim(),
    template: 'the fallback template',
    person: 'a person',
  }[plan.source]
  const units = new Set(plan.tasks.flatMap((task) => task.unit ?? [])).size
  const team = plan.team.map(({ type, count }) => `${count} ${type}`).join(', ')
  return [
    [
      span('plan by ', 'dim'),
      span(by, isRehearsal(plan.model) && plan.source === 'model' ? 'magenta' : 'dim'),
      span(
        `: ${counted(units, 'unit')}, ${counted(plan.tasks.length, 'task')} in ${counted(plan.waves.length, 'wave')}, team ${team}`,
        'dim',
      ),
    ],
    ...plan.warnings.map((warning) => [span(`warning: ${warning}`, 'yellow')]),
  ]
}

function taskRows(
  lines: readonly TaskLine[],
  request: DevRequest,
  now: number,
  told: ToldOnce,
  width = comfortableWidth,
): readonly Line[] {
  const row = (line: TaskLine, branch: string) => {
    const { lead, cells } = taskRow(line, branch, request, now, width)
    const detail = cells.at(-1)
    return detail === undefined
      ? { lead, cells }
      : { lead, cells: [...cells.slice(0, -1), span(told.row(detail.text), detail.paint)] }
  }
  const groups = groupByUnit(lines)
  const rows: Row[] = []
  groups.forEach(({ unit, members }, at) => {
    const last = at === groups.length - 1
    if (unit === undefined) {
      rows.push(
        ...members.map((line, index) =>
          row(line, last && index === members.length - 1 ? '└─ ' : '├─ '),
        ),
      )
      return
    }
    rows.push({ lead: [span(last ? '└─ ' : '├─ ', 'dim'), span(unit, 'bold')], cells: [] })
    const inset = last ? '   ' : '│  '
    members.forEach((line, index) => {
      const branch = index === members.length - 1 ? '└─ ' : '├─ '
      rows.push(row(line, inset + branch))
    })
  })
  return align(rows)
}

/** Tasks of one unit stand together where the first of them stands. */
function groupByUnit(
  lines: readonly TaskLine[],
): readonly { readonly unit: string | undefined; readonly members: readonly TaskLine[] }[] {
  const groups: { unit: string | undefined; members: TaskLine[] }[] = []
  for (const line of lines) {
    const { unit } = line.planned
    const open = groups.find((group) => unit !== undefined && group.unit === unit)
    if (open === undefined) groups.push({ unit, members: [line] })
    else open.members.push(line)
  }
  return groups
}

function taskRow(
  line: TaskLine,
  branch: string,
  request: DevRequest,
  now: number,
  width: number,
): Row {
  const { planned, task } = line
  const state = stateOf(task)
  const quiet = state === 'planned' || state === 'waiting' || state === 'skipped'
  const model = task?.status?.result?.model || task?.spec.model || request.status?.model || ''
  const started = task?.status?.startedAt !== undefined || state === 'running'
  // The header names the model too; only scripted answers are marked in every line whatever the width.
  const known = width < narrowWidth && model === request.status?.model && !isRehearsal(model)
  const title = shorten(
    planned.title,
    Math.max(14, titleWidth - Math.max(0, comfortableWidth - width)),
  )
  return {
    lead: [span(branch, 'dim'), icons[state], span(' ')],
    cells: [
      span(planned.action, quiet ? 'dim' : 'bold'),
      span(title, quiet ? 'dim' : undefined),
      span(agentOf(line)),
      span(started && !known ? model : '', isRehearsal(model) ? 'magenta' : 'dim'),
      span(taskDuration(task, now)),
      span(taskDetail(line), detailPaint[state]),
    ],
  }
}

const detailPaint = {
  planned: 'dim',
  waiting: 'dim',
  running: undefined,
  integrating: undefined,
  succeeded: undefined,
  unchecked: 'yellow',
  skipped: 'dim',
  failed: 'red',
  dead: 'red',
} as const

function agentOf({ task, agent }: TaskLine): string {
  const { assignment, history } = task?.status ?? {}
  return assignment?.agent ?? history?.at(-1)?.agent ?? agent?.metadata.name ?? ''
}

function statusPaint(request: DevRequest): Span['paint'] {
  if (!isRequestFinished(request)) return 'blue'
  if (isRequestUnchecked(request)) return 'yellow'
  return hasRequestSucceeded(request) ? 'green' : 'red'
}
