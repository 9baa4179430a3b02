// A contender carries out a workload, and a measurement says how. The floor and the operator are
// contenders; another engine joins by one more implementation of `Contender`.
import { setTimeout as sleep } from 'node:timers/promises'
import { type RequestCounts, requestsBetween } from './measure/requests.ts'
import { type Workload, dispatchTimes, finishedIn, windowOf, type ChainTask } from './workloads.ts'
import { cpuBetween, peakMemory, readCpu, type CpuReading } from './measure/processes.ts'
import { type FromObserver, type ToObserver, LateError, type Program } from './program.ts'
import type { BenchServer, ServerCounters } from './server.ts'

/**
 * The costs of a stretch of a run for all processes, seen from outside: by the server's own count,
 * and by /proc.
 */
export interface Costs {
  /**
   * CPU by role, in milliseconds: `contender`, `apiserver`, `etcd`, and the other processes of the
   * run.
   */
  readonly cpuMs: Readonly<Record<string, number>>
  /** CPU that all other processes of the machine took meanwhile, in milliseconds. */
  readonly othersMs: number
  readonly seconds: number
  /** The requests to the API server, of all identities. */
  readonly requests: RequestCounts
  /** Writes and reads of each identity of ours, where the server counts them apart. */
  readonly identities: Readonly<Record<string, { readonly writes: number; readonly reads: number }>>
  /** Bytes that were put into etcd. */
  readonly storedBytes: number
}

/** The figures of one run. */
export interface Measurement {
  readonly contender: string
  readonly workload: Workload
  /** Tasks that were made. */
  readonly made: number
  /** Tasks that were seen to finish. */
  readonly tasks: number
  /** From the first task running to the last one finished. */
  readonly seconds: number
  /** What was finished in the window that counts, where work arrived at a pace. */
  readonly window?: { readonly tasks: number; readonly seconds: number } | undefined
  /**
   * Last dependency finished -> task running, as a third process saw it on its watch, in
   * milliseconds. With a window only where the dependency finished in it.
   */
  readonly dispatchMs: readonly number[]
  /** While the tasks were made and nothing ran yet, where a contender does work then. */
  readonly making: Costs | undefined
  /** While they ran. */
  readonly running: Costs
  /** The most memory the contender's process held so far. */
  readonly peakBytes: number
}

/** A program that can carry out a workload on a running API server. */
export interface Contender {
  readonly name: string
  run(workload: Workload): Promise<Measurement>
  /** Ends the processes that it started. */
  close(): Promise<void>
}

/**
 * Finished tasks a second: in the window that counts, else from the first task running to the last
 * one finished.
 */
export function rateOf({
  window,
  ...whole
}: Pick<Measurement, 'tasks' | 'seconds' | 'window'>): number {
  const { tasks, seconds } = window ?? whole
  return seconds > 0 ? tasks / seconds : 0
}

/** The cost of one task: its share of the costs while tasks were made and while they ran. */
export function perTask(measurement: Measurement, cost: (costs: Costs) => number): number {
  const { making, running, made, tasks } = measurement
  const before = making === undefined ? 0 : cost(making) / made
  return before + (tasks === 0 ? Number.NaN : cost(running) / tasks)
}

/** The observer as a contender holds it. */
export type Observer = Program<ToObserver, FromObserver>

/** Writes and reads by identity so far. */
export type IdentityCounts = Costs['identities']

/** A run to measure, and the functions that make a contender work. */
interface TimedRun {
  readonly contender: string
  readonly workload: Workload
  readonly server: BenchServer
  readonly observer: Observer
  /** What the names of this run's tasks begin with. */
  readonly prefix: string
  readonly tasks: readonly ChainTask[]
  /** The processes besides server and observer, by role; `contender` is one of them. */
  readonly pids: Readonly<Record<string, number>>
  readonly identities?: () => Promise<IdentityCounts>
  /**
   * Makes the tasks without starting any; resolves when the contender has nothing more to do with
   * them.
   */
  readonly make?: () => Promise<void>
  /**
   * Lets the work begin. `until` resolves when so many tasks with this prefix are finished, or time
   * is over.
   */
  readonly go: (until: (prefix: string, finished: number) => Promise<void>) => Promise<void>
}

/** Work that is still under way when the last task ends (audit, Events) belongs to the run. */
const settleMs = 1_500

/**
 * Measures one run from outside: by the server's counters, by /proc, and by the watch of a third
 * process.
 */
export async function measure(run: TimedRun): Promise<Measurement> {
  const { contender, workload, observer, prefix, tasks } = run
  const first = await take(run)
  await run.make?.()
  const before = run.make === undefined ? first : await take(run)
  const end = Date.now() + workload.mostSeconds * 1000
  await run.go(async (part, finished) => {
    const reached = observer.hear('reached', Math.max(0, end - Date.now()) / 1000)
    observer.send({ kind: 'await', prefix: part, finished })
    await reached.catch((error: unknown) => {
      if (!(error instanceof LateError)) throw error
    })
  })
  await sleep(settleMs)
  const after = await take(run)
  const telling = observer.hear('seen', 60)
  observer.send({ kind: 'tell', prefix })
  const { running, finished } = await telling
  const seen = { running, finished }
  const ends = Object.values(finished)
  const begun = Object.values(running).reduce((least, at) => Math.min(least, at), Infinity)
  const counted = workload.arrivals === undefined ? undefined : windowOf(seen, workload.arrivals)
  return {
    contender,
    workload,
    made: tasks.length,
    tasks: ends.length,
    seconds: ends.length === 0 ? 0 : (Math.max(...ends) - begun) / 1000,
    window: counted === undefined ? undefined : finishedIn(seen, counted),
    dispatchMs: dispatchTimes(tasks, seen, counted),
    making: run.make === undefined ? undefined : costsBetween(first, before),
    running: costsBetween(before, after),
    peakBytes: await peakMemory(run.pids['contender'] ?? 0),
  }
}

/** The costs of a stretch of time that is not a run of tasks, e.g. of idling. */
export async function costsOf(
  run: Pick<TimedRun, 'server' | 'observer' | 'pids' | 'identities'>,
  work: () => Promise<void>,
): Promise<Costs> {
  const before = await take(run)
  await work()
  return costsBetween(before, await take(run))
}

interface Reading {
  readonly at: number
  readonly counters: ServerCounters
  readonly identities: IdentityCounts
  /**
   * CPU before and after the counters were read: reading them costs the server a tenth of a second,
   * which is left out.
   */
  readonly cpu: readonly [CpuReading, CpuReading]
}

async function take({
  server,
  observer,
  pids,
  identities = async () => ({}),
}: Pick<TimedRun, 'server' | 'observer' | 'pids' | 'identities'>): Promise<Reading> {
  const all = { ...server.pids, observer: observer.pid, bench: process.pid, ...pids }
  const cpu = await readCpu(all)
  const counters = await server.counters()
  const known = await identities()
  return { at: Date.now(), counters, identities: known, cpu: [cpu, await readCpu(all)] }
}

function costsBetween(before: Reading, after: Reading): Costs {
  const cpu = cpuBetween(before.cpu[1], after.cpu[0])
  return {
    cpuMs: cpu.byRole,
    othersMs: cpu.othersMs,
    seconds: (after.at - before.at) / 1000,
    requests: requestsBetween(before.counters.requests, after.counters.requests),
    identities: Object.fromEntries(
      Object.entries(after.identities).map(([who, { writes, reads }]) => [
        who,
        {
          writes: writes - (before.identities[who]?.writes ?? 0),
          reads: reads - (before.identities[who]?.reads ?? 0),
        },
      ]),
    ),
    storedBytes: after.counters.storedBytes - before.counters.storedBytes,
  }
}
