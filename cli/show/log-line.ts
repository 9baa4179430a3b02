import { z } from 'zod'
import { span, type Line, type Paint } from '../../core/view/text.ts'

const record = z.record(z.string(), z.unknown())
const withMessage = z.object({ message: z.unknown() })

/** A line of the operator's log, as pino writes it. */
type LogRecord = Readonly<z.infer<typeof record>>

/** Which lines a person wants. All given filters must fit. */
export interface LogFilter {
  readonly request?: string | undefined
  readonly task?: string | undefined
  readonly agent?: string | undefined
}

const levels: Readonly<Record<string, { readonly word: string; readonly paint: Paint }>> = {
  '10': { word: 'trace', paint: 'dim' },
  '20': { word: 'debug', paint: 'dim' },
  '30': { word: 'info', paint: 'green' },
  '40': { word: 'warn', paint: 'yellow' },
  '50': { word: 'error', paint: 'red' },
  '60': { word: 'fatal', paint: 'red' },
}

/**
 * Parses one line; undefined for a line that is not a JSON object (a stack trace, a message of
 * Node).
 */
export function parseLogLine(text: string): LogRecord | undefined {
  try {
    return record.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

/** True when the line passes the filter. */
export function logLineFits(line: LogRecord, filter: LogFilter): boolean {
  return (['request', 'task', 'agent'] as const).every(
    (key) => filter[key] === undefined || line[key] === filter[key],
  )
}

/** Fields that stand in the line by themselves, or say nothing to a person. */
const shown = new Set([
  'level',
  'time',
  'msg',
  'pid',
  'hostname',
  'logger',
  'at',
  'agent',
  'err',
  'error',
])

/** One line for people: time, level, who, message, and the other fields behind it. */
export function formatLogLine(line: LogRecord): Line {
  const level = levels[String(line['level'])] ?? {
    word: textOf(line['level']),
    paint: 'dim' as const,
  }
  const who = [textOf(line['logger'] ?? 'operator'), textOf(line['agent'])]
    .filter(Boolean)
    .join(' ')
  // Whole records inside a line (a trace of a model call) are for programs: `-o json` shows them.
  const rest = Object.entries(line).filter(
    ([key, value]) => !shown.has(key) && typeof value !== 'object',
  )
  // Fields that an agent wrote are shown apart: `request=x` among them must not look like a field
  // of the operator.
  const said = fieldsIn(line['fields'])
  const problem = line['err'] ?? line['error']
  return [
    span(timeOf(line['time']), 'dim'),
    span(` ${level.word.padEnd(5)} `, level.paint),
    span(who, 'cyan'),
    span(`  ${textOf(line['msg'])}`),
    ...(rest.length === 0
      ? []
      : [span(`  ${rest.map(([key, value]) => `${key}=${textOf(value)}`).join(' ')}`, 'dim')]),
    ...(said === '' ? [] : [span(`  {${said}}`, 'dim')]),
    ...(problem === undefined ? [] : [span(`  ${problemText(problem)}`, 'red')]),
  ]
}

function fieldsIn(value: unknown): string {
  return Object.entries(record.safeParse(value).data ?? {})
    .map(([key, one]) => `${key}=${textOf(one)}`)
    .join(' ')
}

/** The local time of day; pino writes milliseconds or RFC 3339. */
function timeOf(value: unknown): string {
  const date = new Date(typeof value === 'number' || typeof value === 'string' ? value : Number.NaN)
  return Number.isNaN(date.getTime()) ? '--:--:--' : date.toTimeString().slice(0, 8)
}

function problemText(value: unknown): string {
  return textOf(withMessage.safeParse(value).data?.message ?? value)
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}
