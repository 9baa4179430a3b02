import type { Random } from '../../../core/base/clock.ts'
import type { ForgeFate } from './forge.ts'
import type { CallName, Fate, WatchTrouble, Weather } from './network.ts'
import type { SimulatedProcess } from './process.ts'
import type { KubeClient } from '../../../core/kube/client.ts'
import type { SimulatedApiServer } from '../../../simulated-kubernetes/server.ts'
import type { Fault } from '../story.ts'
import type { SimulatedNode } from './node.ts'
import type { Operators } from './operators.ts'
import { remove } from './people.ts'
import type { Timeline } from './timeline.ts'

type Lasting = Extract<Fault, { readonly forMs: number; readonly atMs: number }>

const pass: Fate = { kind: 'pass' }

/** How the API server refuses to make a Pod, in its own words. */
const podRefusals: Readonly<Record<string, Fate>> = {
  quota: { kind: 'refuse', status: 403, message: 'exceeded quota: agents, requested: pods=1' },
  webhook: { kind: 'refuse', status: 500, message: 'failed calling webhook "policy.invalid"' },
}

/**
 * The faults of a story that last for a while, as the network, the forge, the model and the node
 * ask for them.
 */
export class Troubles implements Weather {
  readonly #timeline: Timeline
  readonly #random: Random
  readonly #lasting: readonly Lasting[]
  readonly #onInjected: (kind: string) => void

  constructor(options: {
    readonly faults: readonly Fault[]
    readonly timeline: Timeline
    readonly random: Random
    /** Called each time that a fault struck. */
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

/** Everything that a fault can strike. */
interface Stage {
  readonly operators: Operators
  readonly node: SimulatedNode
  readonly server: SimulatedApiServer
  readonly people: KubeClient
  readonly timeline: Timeline
}

/** Lets a fault that has its moment happen; false when there is nothing that it could strike. */
export function inject(fault: Extract<Fault, { readonly atMs: number }>, stage: Stage): boolean {
  const { operators, node, server, timeline, people } = stage
  const { leader } = operators
  switch (fault.kind) {
    case 'kill':
      if (leader !== undefined) operators.kill(leader.process, fault.restartMs)
      return leader !== undefined
    case 'terminate':
      operators.terminate()
      return leader !== undefined
    case 'pause':
      leader?.process.pause()
      timeline.after(fault.forMs, () => leader?.process.resume())
      return leader !== undefined
    case 'clock':
      if (leader !== undefined) leader.process.skewMs += fault.byMs
      return leader !== undefined
    case 'rate':
      leader?.process.runAt(fault.by)
      return leader !== undefined
    case 'stale':
    case 'hide':
    case 'cut':
    case 'silence': {
      const pipes = [...(leader?.network.pipes ?? [])].filter(
        ({ plural, isOpen }) => plural === fault.plural && isOpen,
      )
      for (const pipe of pipes) {
        if (fault.kind === 'cut') pipe.cut()
        else if (fault.kind === 'silence') pipe.silence()
        else if (fault.kind === 'stale') {
          pipe.hold(fault.revisions)
          timeline.after(fault.forMs, () => pipe.release())
        } else {
          pipe.hold(Number.POSITIVE_INFINITY)
          timeline.after(fault.forMs, () => {
            server.compact()
            pipe.cut()
          })
        }
      }
      return pipes.length > 0
    }
    case 'compact':
      server.compact()
      return true
    case 'agent': {
      const [agent] = node.agents.toSorted(
        (a, b) => Number(b.agent.holding !== undefined) - Number(a.agent.holding !== undefined),
      )
      if (agent === undefined) return false
      if (fault.does === 'die') agent.exit(137)
      else if (fault.does === 'partition') agent.partedUntil = timeline.elapsed + fault.forMs
      else agent.mood = fault.does
      return true
    }
    case 'delete':
      void remove(people, server, fault)
      return true
    case 'forge':
    case 'model':
    case 'pods':
    case 'refuse':
    case 'lose':
    case 'late':
    case 'down':
    case 'events':
      // Asked for while it lasts; see Troubles.
      return false
  }
}
