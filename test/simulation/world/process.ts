import { seededRandom } from '../../support/virtual-clock.ts'
import { type Cancel, type Clock, type Random, sleepOn } from '../../../core/base/clock.ts'
import type { Logger } from '../../../core/base/logger.ts'
import type { Condition } from '../../../core/api/schema.ts'
import type { KubeObject } from '../../../core/kube/resource.ts'
import type { Timeline } from './timeline.ts'

/**
 * - `running`: callbacks run when they are due.
 * - `paused`: stopped by the system (SIGSTOP, a frozen node): due callbacks wait, time goes on.
 * - `dead`: killed: nothing of it ever goes on; its memory is as good as gone.
 */
type ProcessState = 'running' | 'paused' | 'dead'

/**
 * One process of the simulated world. All that can wake its code comes through `deliver`: timers,
 * answers, messages. So a kill drops everything it has in mind at whatever `await` it stands, and a
 * pause holds it there.
 */
export class SimulatedProcess {
  readonly name: string
  readonly clock: Clock
  readonly random: Random
  readonly #timeline: Timeline
  readonly #held: (() => void)[] = []
  readonly #mourners: (() => void)[] = []
  #state: ProcessState = 'running'
  /** How far its wall clock is off, in milliseconds. */
  skewMs = 0
  /**
   * Its clocks showed `own` at the moment `at` of the world, and count `rate` milliseconds in one
   * of the world since.
   */
  #pace = { own: 0, at: 0, rate: 1 }

  constructor(options: {
    readonly name: string
    readonly timeline: Timeline
    readonly startedAt: number
    readonly seed: number
  }) {
    const { name, timeline, startedAt, seed } = options
    this.name = name
    this.random = seededRandom(seed)
    this.#timeline = timeline
    const after = (ms: number, run: () => void): Cancel =>
      timeline.after(ms / this.#pace.rate, () => this.deliver(run))
    this.clock = {
      now: () => startedAt + this.#elapsed() + this.skewMs,
      monotonic: () => this.#elapsed(),
      after,
      sleep: async (ms, { signal }) => sleepOn({ after }, ms, signal),
    }
  }

  /**
   * Its clocks run so much faster than the world's from now on; timers that are set already stay
   * where they are.
   */
  runAt(rate: number): void {
    this.#pace = { own: this.#elapsed(), at: this.#timeline.elapsed, rate }
  }

  #elapsed(): number {
    const { own, at, rate } = this.#pace
    return own + (this.#timeline.elapsed - at) * rate
  }

  get state(): ProcessState {
    return this.#state
  }

  /** Runs it now, later when paused, never when dead. */
  deliver(run: () => void): void {
    if (this.#state === 'running') run()
    else if (this.#state === 'paused') this.#held.push(run)
  }

  pause(): void {
    if (this.#state === 'running') this.#state = 'paused'
  }

  /** Goes on: callbacks that were due meanwhile run now, one after another. */
  resume(): void {
    if (this.#state !== 'paused') return
    this.#state = 'running'
    for (const run of this.#held.splice(0)) this.#timeline.after(0, () => this.deliver(run))
  }

  kill(): void {
    if (this.#state === 'dead') return
    this.#state = 'dead'
    this.#held.length = 0
    for (const mourn of this.#mourners.splice(0)) mourn()
  }

  /** Calls `mourn` when the process dies; at once when it is dead already. */
  onDeath(mourn: () => void): void {
    if (this.#state === 'dead') mourn()
    else this.#mourners.push(mourn)
  }
}

/** Where a process is to be killed: just before or just after the side effect with this number. */
export interface CrashPoint {
  readonly effect: number
  readonly when: 'before' | 'after'
}

/**
 * Every side effect of the operator in the order in which it was begun: writes to the API server,
 * calls of the forge that change something, messages to agents. A run is the same up to any of
 * them, so that each can be the last thing a process did.
 */
export class Effects {
  /** The name of each, e.g. `PUT agenttasks/status Running`; the index is its number. */
  readonly sites: string[] = []
  readonly #points: readonly CrashPoint[]
  readonly #onCrash: (process: SimulatedProcess, point: CrashPoint, site: string) => void

  constructor(
    points: readonly CrashPoint[],
    onCrash: (process: SimulatedProcess, point: CrashPoint, site: string) => void,
  ) {
    this.#points = points
    this.#onCrash = onCrash
  }

  /**
   * A process is about to do it. Returns whether it still lives, and what to call when it is done;
   * the answer to that says whether it still lives then.
   */
  begin(process: SimulatedProcess, site: string): { readonly alive: boolean; done(): boolean } {
    const effect = this.sites.push(site) - 1
    const alive = this.#survives(process, effect, 'before', site)
    return { alive, done: () => this.#survives(process, effect, 'after', site) }
  }

  #survives(
    process: SimulatedProcess,
    effect: number,
    when: CrashPoint['when'],
    site: string,
  ): boolean {
    const point = this.#points.find((each) => each.effect === effect && each.when === when)
    if (point === undefined) return true
    this.#onCrash(process, point, site)
    return false
  }
}

// One run in words, for people who look at it.

/** An object after a commit: version and conditions. */
export function describe(object: KubeObject, type: string): string {
  const { metadata, status } = object as KubeObject & {
    readonly status?: { readonly conditions?: readonly Condition[] }
  }
  const said = (status?.conditions ?? []).map(
    ({ type: name, status: is, reason }) => `${name}=${is}/${reason}`,
  )
  return `${type} ${metadata.name} @${metadata.resourceVersion ?? ''} ${said.join(' ')}`
}

/** The log of a process; without `say` nothing is put into words. */
export function loggerOf(
  process: SimulatedProcess,
  say: ((line: string) => void) | undefined,
): Logger {
  const line =
    (level: string) =>
    (fields: object, message: string): void => {
      if (process.state === 'dead') return
      const { err } = fields as { readonly err?: unknown }
      say?.(`${process.name} ${level} ${message}${err instanceof Error ? ` (${err.message})` : ''}`)
    }
  const nothing = (): void => undefined
  return say === undefined
    ? { debug: nothing, info: nothing, warn: nothing, error: nothing }
    : { debug: nothing, info: line('info'), warn: line('warn'), error: line('error') }
}
