import { counted } from '../../core/api/plain-text.ts'
import type { Plan, PlannedTask } from '../../core/api/devrequest.ts'
import type { MadePlan, TranscriptEntry } from '../../core/planner/plan.ts'
import { align, type Row } from './columns.ts'
import { isRehearsal, labelOf } from './snapshot.ts'
import { columnsOf, draw, shorten, span, type Line, type Style } from './style.ts'

/** A plan, and what it was made from. */
export interface PlanView extends MadePlan {
  readonly name: string
  /** What was asked for. */
  readonly request: string
  /** The model that was asked; empty when none was needed. */
  readonly model: string
  /** Every word of the model instead of the first lines. */
  readonly verbose: boolean
}

const usualWidth = 110
const leastWidth = 40
const shownLines = 8

/** A plan as programs read it: `guild plan --json`. */
export function planAsJson(plan: Plan): object {
  return {
    hash: plan.hash,
    source: plan.source,
    waves: plan.waves,
    team: Object.fromEntries(plan.team.map(({ type, count }) => [type, count])),
    tasks: plan.tasks.map(({ name, type, title, after, files, doneWhen }) => ({
      name,
      type,
      title,
      after,
      files,
      doneWhen,
    })),
    warnings: plan.warnings,
  }
}

/** A plan as a tree of waves, then team, warnings, and what the model said with what was made of it. Pure. */
export function renderPlan(view: PlanView, style: Style): readonly string[] {
  const width = Math.max(leastWidth, style.width ?? usualWidth)
  return [
    ...header(view, width),
    ...align(view.plan.waves.flatMap((wave, at) => waveRows(wave, at, view.plan))),
    ...teamAndWarnings(view.plan, width),
    [],
    ...conversation(view, width),
  ].map((line) => draw(line, style))
}

function header({ name, request, plan, model }: PlanView, width: number): readonly Line[] {
  const units = [...new Set(plan.tasks.flatMap((task) => task.unit ?? []))]
  const by = {
    model: `units proposed by the model ${labelOf(model)}`,
    template: `units by rule from the request, not by the model ${labelOf(model)}`,
    person: 'units given by a person',
  }[plan.source]
  const paint = isRehearsal(model) && plan.source !== 'person' ? 'magenta' : undefined
  const counts = [
    `${counted(units.length, 'unit')} (${units.join(', ')})`,
    `${counted(plan.tasks.length, 'task')} in ${counted(plan.waves.length, 'wave')}`,
  ]
  const room = Math.max(20, width - name.length - 3)
  return [
    [span(name, 'bold'), span('   '), span(shorten(request.replaceAll(/\s+/g, ' ').trim(), room))],
    [span('plan', 'dim'), span(`   ${counts.join(', ')}`)],
    [span('source', 'dim'), span(` ${plan.source}: `), span(by, paint)],
    [span('hash', 'dim'), span(`   ${plan.hash}`)],
    [],
  ]
}

/** The tasks of a wave, and under each what it waits for and what it may write. */
function waveRows(wave: readonly string[], at: number, plan: Plan): readonly Row[] {
  const tasks = wave.flatMap((name) => plan.tasks.find((task) => task.name === name) ?? [])
  return [
    { lead: [span(`wave ${at + 1}`, 'bold')], cells: [] },
    ...tasks.flatMap((task, index) => taskRows(task, index === tasks.length - 1)),
  ]
}

function taskRows(task: PlannedTask, last: boolean): readonly Row[] {
  const details = [
    ...(task.after.length === 0 ? [] : [`after ${task.after.join(', ')}`]),
    ...(task.files.length === 0 ? [] : [`files ${task.files.join(', ')}`]),
  ]
  return [
    {
      lead: [span(last ? '└─ ' : '├─ ', 'dim')],
      cells: [span(task.type, 'cyan'), span(task.name), span(task.title, 'bold')],
    },
    ...details.map((text) => ({
      lead: [span(last ? '      ' : '│     ', 'dim'), span(text, 'dim')],
      cells: [],
    })),
  ]
}

function teamAndWarnings(plan: Plan, width: number): readonly Line[] {
  const team = plan.team.map(({ type, count }) => `${count} ${type}`).join(', ')
  return [
    [],
    [span('team', 'dim'), span(`   ${team}`)],
    ...plan.warnings.flatMap((warning) =>
      wrapped(`warning: ${warning}`, width).map((text): Line => [span(text, 'yellow')]),
    ),
  ]
}

function conversation({ transcript, model, verbose }: PlanView, width: number): readonly Line[] {
  if (transcript.length === 0) return [[span('No model was asked.', 'dim')]]
  const title: Line = [
    span('What the model said', 'bold'),
    span(`   ${labelOf(model)}`, isRehearsal(model) ? 'magenta' : 'dim'),
  ]
  return [title, ...transcript.flatMap((entry) => answerLines(entry, verbose, width))]
}

function answerLines(entry: TranscriptEntry, verbose: boolean, width: number): readonly Line[] {
  const { purpose, text, outcome } = entry
  const all = text.trim() === '' ? ['(nothing)'] : wrapped(text.trimEnd(), width - 4)
  const shown = verbose || all.length <= shownLines + 1 ? all : all.slice(0, shownLines)
  const more = all.length - shown.length
  const used = outcome === 'used'
  return [
    [span(`${purpose}  `, 'cyan'), span(questionInWords(purpose), 'dim')],
    ...shown.map((line): Line => [span('  │ ', 'dim'), span(line)]),
    ...(more === 0
      ? []
      : [[span(`  │ … ${counted(more, 'more line')}; --verbose shows all`, 'dim')]]),
    ...wrapped(`the harness: ${outcome}`, width - 2).map(
      (line): Line => [span('  '), span(line, used ? 'green' : 'yellow')],
    ),
  ]
}

const questions: Readonly<Record<string, string>> = {
  'plan.notes': 'what must exist',
  'plan.units': 'the units of work',
  'plan.repair': 'the units again, told what was wrong',
}

/** What a question of the planner asks for, in a few words. */
export function questionInWords(purpose: string): string {
  return questions[purpose] ?? purpose
}

/** Lines of at most `width` columns; nothing is dropped, and words stay whole where they fit. */
function wrapped(text: string, width: number): readonly string[] {
  return text.split('\n').flatMap((line) => {
    const lines: string[] = []
    let rest = columnsOf(line.replaceAll('\t', '  '))
    while (rest.length > width) {
      const blank = rest.slice(0, width).lastIndexOf(' ')
      const end = blank > width / 2 ? blank + 1 : width
      lines.push(rest.slice(0, end).join(''))
      rest = rest.slice(end)
    }
    return [...lines, rest.join('')]
  })
}
