import type { Random } from '../../../core/base/clock.ts'
import type { ForgeFate } from './forge.ts'
import type { CallName, Fate, Weather } from './network.ts'
import type { SimulatedProcess } from './process.ts'
import type { Fault } from '../story.ts'
import type { Timeline } from './timeline.ts'
import type { WatchTrouble } from './watch-pipe.ts'

type Lasting = Extract<Fault, { readonly forMs: number; readonly atMs: number }>

const pass: Fate = { kind: 'pass' }

/** How the API server refuses to make a Pod, in its own words. */
const podRefusals: Readonly<Record<string, Fate>> = {
  quota: { kind: 'refuse', status: 403, message: 'exceeded quota: agents, requested: pods=1' },
  webhook: { kind: 'refuse', status: 500, message: 'failed calling webhook "policy.invalid"' },
}

/** The faults of a story that last for a while, as the network, the forge, the model and the node ask for them. */
export class Troubles implements Weather {
  readonly #timeline: Timeline
  readonly #random: Random
  readonly #lasting: readonly Lasting[]
  readonly #onInjected: (kind: string) => void

  constructor(options: {
    readonly faults: readonly Fault[]
    readonly timeline: Timeline
    readonly random: Random
    /** Told each time that something was struck. */
    readonly onInjected: (kind: string) => void
  }) {
    this.#timeline = options.timeline
    this.#random = options.random
    this.#onInjected = options.onInjected
    this.#lasting = options.faults.filter((fault): fault is Lasting => 'forMs' in fault)
  }

  latencyMs(): number {
    // Mostly fast, sometimes slow: overtaking is what finds races.
    const luck = this.#random.next()
    return luck < 0.9 ? 1 + luck * 6 : 20 + (luck - 0.9) * 800
  }

  fate(process: SimulatedProcess, call: CallName): Fate {
    for (const fault of this.#now()) {
      const fate = this.#fateBy(fault, call)
      if (fate === undefined || !process.name.startsWith('operator')) continue
      this.#onInjected(fault.kind)
      return fate
    }
    return pass
  }

  watchTrouble(process: SimulatedProcess, plural: string): WatchTrouble | undefined {
    if (!process.name.startsWith('operator')) return undefined
    for (const fault of this.#now()) {
      if (fault.kind !== 'events' || fault.plural !== plural) continue
      this.#onInjected('events')
      return fault.does
    }
    return undefined
  }

  forgeFate(): ForgeFate {
    const fault = this.#now().find(({ kind }) => kind === 'forge')
    if (fault?.kind !== 'forge') return 'pass'
    this.#onInjected('forge')
    return fault.does
  }

  isModelDown(): boolean {
    const down = this.#now().some(({ kind }) => kind === 'model')
    if (down) this.#onInjected('model')
    return down
  }

  podTrouble(): 'fail' | 'wait' | undefined {
    for (const fault of this.#now()) {
      if (fault.kind !== 'pods' || (fault.does !== 'fail' && fault.does !== 'wait')) continue
      this.#onInjected('pods')
      return fault.does
    }
    return undefined
  }

  #fateBy(fault: Lasting, { method, target }: CallName): Fate | undefined {
    switch (fault.kind) {
      case 'down':
        return { kind: 'down' }
      case 'refuse': {
        if (fault.target !== undefined && !target.startsWith(fault.target)) return undefined
        if (this.#random.next() >= fault.share) return undefined
        // A conflict is an answer to a write only.
        if (fault.status === 409 && method !== 'PUT') return undefined
        const asks = fault.status === 429 ? { retryAfterSeconds: 1 } : {}
        return { kind: 'refuse', status: fault.status, ...asks }
      }
      case 'pods':
        return method === 'POST' && target === 'pods' ? podRefusals[fault.does] : undefined
      case 'lose':
        return this.#random.next() < fault.share ? { kind: 'lose', reset: fault.reset } : undefined
      case 'late':
        return method !== 'GET' && this.#random.next() < fault.share
          ? { kind: 'late', ms: fault.byMs }
          : undefined
      default:
        return undefined
    }
  }

  #now(): readonly Lasting[] {
    const { elapsed } = this.#timeline
    return this.#lasting.filter(({ atMs, forMs }) => atMs <= elapsed && elapsed < atMs + forMs)
  }
}

/** When the last fault of a story is over. */
export function quietFrom(faults: readonly Fault[]): number {
  const end = (fault: Fault): number => {
    // These have no moment: they strike while there is work, or not at all.
    if (fault.kind === 'crash' || fault.kind === 'stale-start') return 0
    const lasts = 'forMs' in fault ? fault.forMs : 'restartMs' in fault ? fault.restartMs : 0
    return fault.atMs + lasts
  }
  return Math.max(0, ...faults.map(end))
}
