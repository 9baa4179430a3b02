import type { Violation } from './checks/invariants.ts'
import type { RunReport } from './run.ts'
import type { Told } from './worker.ts'

/** Adds up the reports of runs: speed, faults, coverage, failures. */
export class Tally {
  readonly failures: Told[] = []
  readonly #startedAt = performance.now()
  readonly #injected = new Map<string, number>()
  readonly #met = new Map<string, number>()
  readonly #sites = new Map<string, number>()
  readonly #wanted = new Map<string, number>()
  readonly #crashed = new Map<string, number>()
  #runs = 0
  #virtualMs = 0
  #commits = 0

  add(told: Told): void {
    this.#runs += 1
    this.#virtualMs += told.elapsedMs
    this.#commits += told.commits
    for (const [kind, count] of told.injected) add(this.#injected, kind, count)
    for (const pair of told.met) add(this.#met, pair, 1)
    for (const site of told.sites) add(this.#sites, site, 1)
    for (const fault of told.story.faults)
      if (fault.kind === 'crash') {
        const site = told.sites[fault.point.effect]
        if (site !== undefined) add(this.#crashed, `${site} ${fault.point.when}`, 1)
      }
    if (told.violations.length > 0) this.failures.push(told)
  }

  /** A scene whose every side effect is to be crashed at. */
  addScene(_name: string, report: RunReport): void {
    for (const site of report.sites)
      for (const when of ['before', 'after']) add(this.#wanted, `${site} ${when}`, 1)
  }

  /** Every crash point that was asked for was reached. */
  get isComplete(): boolean {
    return this.#missing.length === 0
  }

  get #missing(): readonly string[] {
    return [...this.#wanted].flatMap(([site, want]) =>
      (this.#crashed.get(site) ?? 0) < want ? [site] : [],
    )
  }

  figures(mode: string) {
    const seconds = (performance.now() - this.#startedAt) / 1000
    const broken = new Map<string, number>()
    for (const { violations } of this.failures)
      for (const { invariant } of violations) add(broken, invariant, 1)
    const wanted = total(this.#wanted)
    const reached = wanted - this.#missing.length
    return {
      mode,
      runs: this.#runs,
      failed: this.failures.length,
      broken: Object.fromEntries(broken) satisfies Record<string, number>,
      seconds: Math.round(seconds * 10) / 10,
      runsPerSecond: Math.round((this.#runs / seconds) * 10) / 10,
      virtualHours: Math.round(this.#virtualMs / 360_000) / 10,
      revisions: this.#commits,
      injected: sorted(this.#injected),
      sites: sorted(this.#sites),
      met: sorted(this.#met),
      crashPoints: {
        wanted,
        reached,
        percent: Math.floor((1000 * reached) / Math.max(1, wanted)) / 10,
        missing: this.#missing,
      },
    }
  }

  table(mode: string): string {
    const figures = this.figures(mode)
    const lines = [
      `${figures.runs} runs (${mode}) in ${figures.seconds} s: ${figures.runsPerSecond}/s, ${figures.virtualHours} h of virtual time, ${figures.revisions} revisions`,
      `faults that struck: ${words(figures.injected)}`,
      `fault x state of a task:`,
      ...matrix(Object.keys(figures.met)),
    ]
    if (this.#wanted.size > 0) {
      const { wanted, reached, percent, missing } = figures.crashPoints
      lines.push(
        `crash points: ${reached} of ${wanted} (${percent} %), at ${this.#wanted.size / 2} kinds of side effect`,
        ...missing.map((site) => `  not reached: ${site}`),
      )
    }
    lines.push(
      figures.failed === 0
        ? '0 violations'
        : `${figures.failed} runs broke a promise: ${words(figures.broken)}`,
    )
    return lines.join('\n')
  }
}

/** The promise that a run broke first. */
export function firstOf(told: Told): Pick<Violation, 'message'> & { readonly invariant: string } {
  return told.violations[0] ?? { invariant: 'none', message: '' }
}

function add(to: Map<string, number>, key: string, count: number): void {
  to.set(key, (to.get(key) ?? 0) + count)
}

function total(of: ReadonlyMap<string, number>): number {
  return [...of.values()].reduce((sum, count) => sum + count, 0)
}

function sorted(of: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  return Object.fromEntries([...of].toSorted(([a], [b]) => a.localeCompare(b)))
}

function words(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')
}

/** One line for each fault, one mark for each state in which it struck. */
function matrix(pairs: readonly string[]): readonly string[] {
  const split = pairs.map((pair) => pair.split(' x '))
  const faults = [...new Set(split.map(([fault = '']) => fault))].toSorted()
  const states = [...new Set(split.map(([, state = '']) => state))].toSorted()
  const width = Math.max(0, ...faults.map((fault) => fault.length))
  return [
    `  ${''.padEnd(width)}  ${states.join(' ')}`,
    ...faults.map(
      (fault) =>
        `  ${fault.padEnd(width)}  ${states
          .map((state) => (pairs.includes(`${fault} x ${state}`) ? 'x' : '.').padEnd(state.length))
          .join(' ')}`,
    ),
  ]
}
