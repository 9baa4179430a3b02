// The results of a run of the bench: one JSON document, from which tables and plots are made.
import { z } from 'zod'
import { rateOf, type Measurement } from './contender.ts'
import { percentile, summarize } from './measure/statistics.ts'

const counts = z.record(z.string(), z.number())
const costs = z.object({
  cpuMs: counts,
  othersMs: z.number(),
  seconds: z.number(),
  requests: counts,
  identities: z.record(z.string(), z.object({ writes: z.number(), reads: z.number() })),
  storedBytes: z.number(),
})

const record = z.object({
  contender: z.string(),
  workload: z.object({
    name: z.string(),
    groups: z.number(),
    chains: z.number(),
    length: z.number(),
    meanTaskMs: z.number(),
    oneByOne: z.boolean(),
    arrivals: z
      .object({ everyMs: z.number(), warmUpMs: z.number(), windowMs: z.number() })
      .optional(),
    mostSeconds: z.number(),
  }),
  made: z.number(),
  tasks: z.number(),
  seconds: z.number(),
  window: z.object({ tasks: z.number(), seconds: z.number() }).optional(),
  tasksPerSecond: z.number(),
  /** Milliseconds; null when there was no dependency. */
  dispatch: z
    .object({
      count: z.number(),
      p50: z.number(),
      p90: z.number(),
      p99: z.number(),
      max: z.number(),
      /** The percentiles 1 to 100. */
      curve: z.array(z.number()),
    })
    .nullable(),
  making: costs.nullable(),
  running: costs,
  peakBytes: z.number(),
})
/** One measured run as it is kept: the samples are reduced to their percentiles. */
export type RunRecord = z.infer<typeof record>

/**
 * Figures that are measured once and are not of a run of tasks. A figure that was not taken is
 * absent.
 */
const facts = z.object({
  /** Tasks waiting without agents -> the last of 50 Pods created, in milliseconds. */
  queueToPodsMs: z.number().optional(),
  largestBytes: z.number().optional(),
  largestName: z.string().optional(),
  /** The operator's peak memory with all tasks and all agents. */
  crowdPeakBytes: z.number().optional(),
  crowdAgents: z.number().optional(),
  crowdTasks: z.number().optional(),
  /** Share of one core, 1 = all of it, and requests to the API server, while nothing happens. */
  idleCore: z.number().optional(),
  idleRequestsPerSecond: z.number().optional(),
  /** The longest that a new request waited for its first status, in seconds. */
  restartSeconds: z.number().optional(),
  failoverSeconds: z.number().optional(),
  gracefulSeconds: z.number().optional(),
})
export type Facts = z.infer<typeof facts>

export const results = z.object({
  command: z.enum(['floor', 'operator']),
  quick: z.boolean(),
  date: z.string(),
  commit: z.string(),
  seconds: z.number(),
  machine: z.object({
    cores: z.number(),
    memoryBytes: z.number(),
    processor: z.string(),
    node: z.string(),
    kubernetes: z.string(),
    etcdInMemory: z.boolean(),
  }),
  agents: z.number(),
  /** The parts that failed, as sentences; their figures are absent. */
  troubles: z.array(z.string()),
  records: z.array(record),
  facts,
  /**
   * Requests by identity, from the API server's audit log, and the number of tasks that they were
   * for.
   */
  audit: z.object({ tasks: z.number(), identities: z.record(z.string(), counts) }).optional(),
})
export type Results = z.infer<typeof results>

/** Reduces a measurement to its record. */
export function recordOf(measurement: Measurement): RunRecord {
  const { dispatchMs, making, ...rest } = measurement
  return {
    ...rest,
    tasksPerSecond: rateOf(measurement),
    making: making ?? null,
    dispatch:
      dispatchMs.length === 0
        ? null
        : {
            ...summarize(dispatchMs),
            curve: Array.from({ length: 100 }, (_, index) =>
              round(percentile(dispatchMs, index + 1)),
            ),
          },
  }
}

const round = (ms: number): number => Math.round(ms * 100) / 100

/** The parts of a long run: one that fails costs its own figures, not those of the others. */
export class Stages {
  /** The parts that failed, as sentences. */
  readonly troubles: string[] = []

  /** Carries out a part; undefined when it failed. */
  async attempt<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      this.troubles.push(`${what}: ${why}`)
      console.error(`${what} failed: ${why}`)
      return undefined
    }
  }
}
