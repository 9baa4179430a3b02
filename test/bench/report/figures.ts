// What the tables and plots say, computed from the records of one run of the bench.
import { perTask, type Costs } from '../contender.ts'
import { ratio } from '../measure/statistics.ts'
import type { Results, RunRecord } from '../results.ts'

/**
 * Every record of a contender for a workload; the floor is measured before and after the operator.
 */
export function recordsOf(
  results: Results,
  contender: string,
  workload: string,
): readonly RunRecord[] {
  return results.records.filter(
    (record) => record.contender === contender && record.workload.name === workload,
  )
}

/** The mean of a figure over all records that have it; NaN when none has. */
export function meanOf(
  records: readonly RunRecord[],
  read: (record: RunRecord) => number | undefined,
): number {
  const values = records.flatMap((record) => {
    const value = read(record)
    return value === undefined || Number.isNaN(value) ? [] : [value]
  })
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

export const rate = (record: RunRecord): number => record.tasksPerSecond

/** The floor's throughput: the best of its numbers in flight, each the mean of before and after. */
export function floorRate(results: Results): number {
  const names = results.records
    .filter(
      ({ contender, workload }) => contender === 'floor' && workload.name.startsWith('flight-'),
    )
    .map(({ workload }) => workload.name)
  return Math.max(
    ...[...new Set(names)].map((name) => meanOf(recordsOf(results, 'floor', name), rate)),
  )
}

/** What one task costs the operator and its surroundings. */
export interface TaskCosts {
  readonly tasks: number
  /**
   * Those that were finished when the run ended; all costs are divided by them, those of unfinished
   * tasks included.
   */
  readonly finished: number
  /** Of the operator's process: while the tasks ran, and with their making. */
  readonly cpuMs: number
  readonly wholeCpuMs: number
  readonly apiServerCpuMs: number
  readonly etcdCpuMs: number
  /** Writes of all identities but the author's, after the task was created. */
  readonly writes: number
  /** GET and LIST of the operator. */
  readonly reads: number
  readonly storedBytes: number
}

/** What one task of a record cost. */
export function taskCosts(record: RunRecord): TaskCosts {
  const each = (cost: (costs: Costs) => number): number =>
    perTask({ ...record, making: record.making ?? undefined, dispatchMs: [] }, cost)
  const running = (cost: (costs: Costs) => number): number => cost(record.running) / record.tasks
  return {
    tasks: record.made,
    finished: record.tasks,
    cpuMs: running(({ cpuMs }) => cpuMs['contender'] ?? 0),
    wholeCpuMs: each(({ cpuMs }) => cpuMs['contender'] ?? 0),
    apiServerCpuMs: running(({ cpuMs }) => cpuMs['apiserver'] ?? 0),
    etcdCpuMs: running(({ cpuMs }) => cpuMs['etcd'] ?? 0),
    writes: each(workingWrites) - each(({ requests }) => requests['POST agenttasks'] ?? 0),
    reads: each(({ identities }) => identities['operator']?.reads ?? 0),
    storedBytes: each(({ storedBytes }) => storedBytes),
  }
}

/** Of everybody but the person who made the requests. */
export function workingWrites({ identities }: Costs): number {
  const { author: _author, ...working } = identities
  return Object.values(working).reduce((sum, { writes }) => sum + writes, 0)
}

/** The operator's costs for each number of tasks at once, the smallest first. */
export function growthOf(results: Results): readonly TaskCosts[] {
  return results.records
    .filter(
      ({ contender, workload }) => contender === 'operator' && workload.name.startsWith('tasks-'),
    )
    .map(taskCosts)
    .toSorted((a, b) => a.tasks - b.tasks)
}

/** How much more the largest number of tasks costs each of them than the smallest. */
export function growthRatio(
  growth: readonly TaskCosts[],
  read: (costs: TaskCosts) => number,
): number {
  const [first, last] = [growth[0], growth.at(-1)]
  if (first === undefined || last === undefined || first === last) return Number.NaN
  return ratio(read(last), read(first))
}

/** Share of the machine that others took while a record was made; 1 is all cores. */
export function othersShare({ running }: RunRecord, cores: number): number {
  return running.othersMs / 1000 / running.seconds / cores
}

/**
 * A Markdown table with padded columns, so that it reads well in a terminal, too. The first column
 * is text, `right` names the others that are figures.
 */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string {
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => (row[column] ?? '').length)),
  )
  const line = (cells: readonly string[]): string =>
    `| ${widths
      .map((width, column) => {
        const cell = cells[column] ?? ''
        return right.includes(column) ? cell.padStart(width) : cell.padEnd(width)
      })
      .join(' | ')} |`
  const rule = `|${widths
    .map((width, column) =>
      right.includes(column) ? `${'-'.repeat(width + 1)}:` : '-'.repeat(width + 2),
    )
    .join('|')}|`
  return [line(head), rule, ...rows.map(line)].join('\n')
}

/** A figure with about three digits that matter; `-` for none. */
export function figure(value: number | undefined, unit = ''): string {
  if (value === undefined || !Number.isFinite(value)) return '-'
  const size = Math.abs(value)
  const digits = size >= 100 || value === 0 ? 0 : size >= 10 ? 1 : 2
  return `${value.toFixed(digits)}${unit === '' ? '' : ` ${unit}`}`
}

/** Bytes as people read them, in powers of 1024. */
export function bytes(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '-'
  if (value >= 1024 * 1024) return figure(value / 1024 / 1024, 'MiB')
  return value >= 1024 ? figure(value / 1024, 'KiB') : figure(value, 'B')
}
