// The results of `npm run bench -- gateway`, and their tables.
import { summarize, type Summary } from '../measure/statistics.ts'
import { figure, markdownTable } from '../report/figures.ts'

/** One run, as it is written down. All durations in milliseconds. */
export interface GatewayResults {
  readonly date: string
  readonly commit: string
  readonly quick: boolean
  readonly cores: number
  readonly processor: string
  readonly node: string
  readonly calls: readonly {
    readonly name: string
    readonly bare: Summary
    readonly gateway: Summary
    /** Of the differences of neighbours in time. */
    readonly added: Summary
  }[]
  readonly busy: {
    readonly slots: number
    readonly calls: number
    /** How long something waited. */
    readonly waitedMs: number
    /** Of the slots at the server in that time, 1 = all. */
    readonly share: number
  }
}

/** A pair of the same question, bare and by way of the gateway, one right after the other. */
export interface Pair {
  readonly bareMs: number
  readonly gatewayMs: number
}

/** The summary of many pairs. */
export function callsOf(name: string, pairs: readonly Pair[]): GatewayResults['calls'][number] {
  return {
    name,
    bare: summarize(pairs.map(({ bareMs }) => bareMs)),
    gateway: summarize(pairs.map(({ gatewayMs }) => gatewayMs)),
    added: summarize(pairs.map(({ bareMs, gatewayMs }) => gatewayMs - bareMs)),
  }
}

const mostAddedMs = 10
const leastBusy = 0.95

/** The tables of a run, with the two promises judged. */
export function gatewayReport({ calls, busy, ...run }: GatewayResults): string {
  const rows = calls.map(({ name, bare, gateway, added }) => [
    name,
    String(bare.count),
    ...[bare.p50, gateway.p50, added.p50, bare.p99, gateway.p99, added.p99].map((ms) =>
      figure(ms, 'ms'),
    ),
  ])
  const head = ['calls', 'pairs', 'bare p50', 'gateway p50', 'added p50', 'bare p99']
  const worst = Math.max(...calls.map(({ added }) => added.p50))
  const word = (met: boolean) => (met ? 'yes' : '**no**')
  return [
    `\`npm run bench -- gateway\`${run.quick ? ', a quick run' : ''} on ${run.date.slice(0, 10)}, commit ${run.commit}: ${run.cores} cores (${run.processor}), Node ${run.node}. Model, bare client and gateway share one process.`,
    markdownTable([...head, 'gateway p99', 'added p99'], rows, [1, 2, 3, 4, 5, 6, 7]),
    markdownTable(
      ['what', 'goal', 'measured', 'met'],
      [
        [
          'what the gateway adds to a call, p50',
          `<= ${mostAddedMs} ms`,
          figure(worst, 'ms'),
          word(worst <= mostAddedMs),
        ],
        [
          'slots busy at the server while work waits',
          `>= ${leastBusy * 100} %`,
          `${figure(busy.share * 100, '%')} (${busy.calls} calls for ${busy.slots} slots, ${figure(busy.waitedMs / 1000, 's')})`,
          word(busy.share >= leastBusy),
        ],
      ],
    ),
  ].join('\n\n')
}

/** How busy slots are while work waits for them, integrated over time. */
interface BusyMeter {
  /** Tells how many are at work at the server and how many wait before it, from now on. */
  readonly tell: (change: { readonly working?: number; readonly waiting?: number }) => void
  /** Share of the slots' time, 1 = all of it; NaN when nothing ever waited. */
  readonly share: () => number
  readonly waitedMs: () => number
}

/** Makes a meter for `slots`; `now` in milliseconds. */
export function createBusyMeter(slots: number, now: () => number): BusyMeter {
  let working = 0
  let waiting = 0
  let since = now()
  let busyMs = 0
  let waitedMs = 0
  const integrate = () => {
    const until = now()
    if (waiting > 0) {
      waitedMs += until - since
      busyMs += (Math.min(working, slots) / slots) * (until - since)
    }
    since = until
  }
  return {
    tell(change) {
      integrate()
      working = change.working ?? working
      waiting = change.waiting ?? waiting
    },
    share: () => busyMs / waitedMs,
    waitedMs: () => waitedMs,
  }
}
