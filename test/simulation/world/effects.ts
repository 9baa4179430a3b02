import type { SimulatedProcess } from './process.ts'

/** Where a process is to be killed: just before or just after the side effect with this number. */
export interface CrashPoint {
  readonly effect: number
  readonly when: 'before' | 'after'
}

/**
 * Every side effect of the operator in the order in which it was begun: writes to the API server, calls of the forge that
 * change something, messages to agents. A run is the same up to any of them, so that each can be the last thing a process did.
 */
export class Effects {
  /** What each was, e.g. `PUT agenttasks/status Running`; the index is its number. */
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
   * A process is about to do it. Returns whether it still lives, and what to call when it is done; the answer to that says
   * whether it still lives then.
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
