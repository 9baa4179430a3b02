import type { Results } from '../results.ts'
import {
  growthOf,
  meanOf,
  othersShare,
  rate,
  recordsOf,
  taskCosts,
  type TaskCosts,
  bytes,
  figure,
  markdownTable,
} from './figures.ts'
import { goals } from './goals.ts'
import { plotsOf } from './plots.ts'

/** Why a goal is missed, by its id. */
export type Reasons = Readonly<Record<string, string>>

/** The generated parts of docs/performance.md by the name of their markers. */
export function sectionsOf(results: Results, reasons: Reasons): Readonly<Record<string, string>> {
  return {
    run: runLine(results),
    goals: goalTable(results, reasons),
    throughput: throughputTable(results),
    dispatch: dispatchTable(results),
    costs: costTable(results),
    requests: requestTable(results),
    plots: plotsOf(results)
      .map(({ file, alt }) => `![${alt}](bench/${file})`)
      .join('\n\n'),
  }
}

/** Puts generated parts between their markers. Throws for a part that the text has no place for. */
export function fillIn(text: string, sections: Readonly<Record<string, string>>): string {
  return Object.entries(sections).reduce((filled, [name, body]) => {
    const place = new RegExp(`(<!-- bench:${name}:begin -->\n)[^]*?(<!-- bench:${name}:end -->)`)
    if (!place.test(filled)) throw new Error(`the document has no place for bench:${name}`)
    return filled.replace(place, (_all, begin: string, end: string) => `${begin}${body}\n${end}`)
  }, text)
}

/** The run and its machine, in a sentence or two. */
function runLine({
  machine,
  date,
  commit,
  seconds,
  quick,
  command,
  agents,
  troubles,
}: Results): string {
  const memory = Math.round(machine.memoryBytes / 1024 ** 3)
  const size = quick ? 'a quick run' : 'a full run'
  return (
    `\`npm run bench -- ${command}\`, ${size} of ${Math.round(seconds)} s on ${date.slice(0, 10)}, commit ${commit}: ` +
    `${machine.cores} cores (${machine.processor}), ${memory} GiB, Node ${machine.node}, Kubernetes ${machine.kubernetes}, ` +
    `etcd ${machine.etcdInMemory ? 'in memory' : 'on disk'}${command === 'operator' ? `, ${agents} agents` : ''}.` +
    (troubles.length === 0 ? '' : ` Failed, and so not measured: ${troubles.join('; ')}.`)
  )
}

/** Every goal with its measured figure, and the reason where it is missed. */
export function goalTable(results: Results, reasons: Reasons): string {
  const rows = goals.map((goal) => {
    const found = goal.judge(results)
    const word = found === undefined ? '-' : found.met ? 'yes' : '**no**'
    const why = found === undefined || found.met ? '' : (reasons[goal.id] ?? '')
    return [goal.what, goal.goal, found?.measured ?? 'not measured', word, goal.elsewhere, why]
  })
  return markdownTable(['what', 'goal', 'measured', 'met', 'elsewhere', 'why not'], rows)
}

/** Tasks a second by tasks in flight, with how busy others kept the machine. */
function throughputTable(results: Results): string {
  const names = [...new Set(results.records.map(({ workload }) => workload.name))].filter((name) =>
    /^(?:flight|tasks)-/.test(name),
  )
  const { cores } = results.machine
  const rows = names.map((name) => {
    const floor = recordsOf(results, 'floor', name)
    const operator = recordsOf(results, 'operator', name)
    const share = (meanOf(operator, rate) / meanOf(floor, rate)) * 100
    const others = meanOf([...floor, ...operator], (record) => othersShare(record, cores))
    const done = operator[0]
    return [
      name.replace('flight-', 'in flight: ').replace('tasks-', 'tasks at once: '),
      figure(meanOf(floor, rate)),
      figure(meanOf(operator, rate)),
      figure(share, '%'),
      done === undefined ? '-' : `${done.tasks} of ${done.made}`,
      figure(others * 100, '%'),
    ]
  })
  return tableOrNot(
    ['workload', 'floor, tasks/s', 'operator, tasks/s', 'share', 'finished', 'others took'],
    rows,
    [1, 2, 3, 4, 5],
  )
}

/** Dispatch latency of every record that has it: each run of its own, since a tail has no mean. */
function dispatchTable(results: Results): string {
  const { cores } = results.machine
  const rows = results.records
    .filter(
      ({ workload, dispatch }) => ['idle', 'half'].includes(workload.name) && dispatch !== null,
    )
    .map((record) => [
      `${record.contender}, ${record.workload.name === 'half' ? 'half load' : 'idle'}`,
      figure(rate(record)),
      String(record.dispatch?.count ?? 0),
      figure(record.dispatch?.p50, 'ms'),
      figure(record.dispatch?.p90, 'ms'),
      figure(record.dispatch?.p99, 'ms'),
      figure(record.dispatch?.max, 'ms'),
      figure(othersShare(record, cores) * 100, '%'),
    ])
  return tableOrNot(
    ['run', 'tasks/s', 'dispatches', 'p50', 'p90', 'p99', 'most', 'others took'],
    rows,
    [1, 2, 3, 4, 5, 6, 7],
  )
}

/** The costs of one task, for each number of tasks at once. */
function costTable(results: Results): string {
  const idle = recordsOf(results, 'operator', 'idle')[0]
  const row = (name: string, costs: TaskCosts, peak: number): readonly string[] => [
    name,
    figure(costs.cpuMs, 'ms'),
    figure(costs.wholeCpuMs, 'ms'),
    figure(costs.apiServerCpuMs, 'ms'),
    figure(costs.etcdCpuMs, 'ms'),
    figure(costs.writes),
    figure(costs.reads),
    bytes(costs.storedBytes),
    figure(peak / 1e6, 'MB'),
  ]
  const peakOf = (tasks: number): number =>
    recordsOf(results, 'operator', `tasks-${tasks}`)[0]?.peakBytes ?? Number.NaN
  return tableOrNot(
    [
      'tasks at once',
      'operator CPU',
      'with making',
      'API server CPU',
      'etcd CPU',
      'writes',
      'reads',
      'stored',
      'peak memory so far',
    ],
    [
      ...(idle === undefined ? [] : [row('one after another', taskCosts(idle), idle.peakBytes)]),
      ...growthOf(results).map((costs) => row(String(costs.tasks), costs, peakOf(costs.tasks))),
    ],
    [1, 2, 3, 4, 5, 6, 7, 8],
  )
}

/** The requests of each identity for each task, from the audit log; rare requests are left out. */
function requestTable({ audit }: Results): string {
  if (audit === undefined) return notMeasured
  const rows = Object.entries(audit.identities).flatMap(([who, counts]) =>
    Object.entries(counts)
      .filter(([what, count]) => !what.startsWith('WATCH') && count / audit.tasks >= 0.005)
      .toSorted(([, one], [, other]) => other - one)
      .map(([what, count]) => [
        who.replace(/^system:serviceaccount:\w+:/, ''),
        what,
        String(count),
        figure(count / audit.tasks),
      ]),
  )
  return `${audit.tasks} tasks, from before they were made until all were finished; \`lab-author\` is the person.\n\n${markdownTable(['who', 'what', 'requests', 'per task'], rows, [2, 3])}`
}

const notMeasured = 'Not measured in this run.'

function tableOrNot(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[],
): string {
  return rows.length === 0 ? notMeasured : markdownTable(head, rows, right)
}
