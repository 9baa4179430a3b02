import type { Clock } from '../../base/clock.ts'
import { ModelError } from '../errors.ts'
import type { ModelProfile } from '../profile.ts'

/** Chooses which of the servers that hold a model answers a question. */
export interface Replicas {
  /**
   * Gives the profile with the endpoint of the server to ask. Call `end` exactly once, with the
   * thrown error, if any. There is always a server: the slots bound how many questions there are at
   * once.
   */
  take(profile: ModelProfile): {
    readonly profile: ModelProfile
    readonly end: (error?: unknown) => void
  }
  /**
   * Milliseconds until one of the model's servers may be asked, when all said when to come back; 0
   * when one may be asked now.
   */
  restMs(profile: ModelProfile): number
}

interface ServerLoad {
  running: number
  /** The model that it was asked for last, which it has in memory. */
  model: string | undefined
  /** Other servers are preferred until then, because a question failed by its fault. */
  avoidUntil: number
  /** The server asked to be left alone until then. */
  restUntil: number
}

/** How long a server that failed is asked only when there is no other. */
const avoidMs = 15_000

/**
 * Chooses servers so that models stay in memory: a model goes to the server where it was last while
 * that has a free slot, then to a server that has no model loaded, and to one with another model
 * only when all slots elsewhere are taken. A server that could not answer is avoided for a while,
 * and one that said when to come back until then.
 */
export function createReplicas(clock: Pick<Clock, 'monotonic'>): Replicas {
  const servers = new Map<string, ServerLoad>()
  const serverAt = (endpoint: string): ServerLoad => {
    const known = servers.get(endpoint)
    if (known !== undefined) return known
    const server: ServerLoad = { running: 0, model: undefined, avoidUntil: 0, restUntil: 0 }
    servers.set(endpoint, server)
    return server
  }

  function order(server: ServerLoad, { name, parallel }: ModelProfile): readonly number[] {
    const distance = server.model === name ? 0 : server.model === undefined ? 1 : 2
    return [
      Number(server.restUntil > clock.monotonic()),
      Number(server.avoidUntil > clock.monotonic()),
      Number(server.running >= parallel),
      distance,
      server.running,
    ]
  }

  return {
    take(profile) {
      const [best = profile.endpoint] = endpointsOf(profile).toSorted((one, other) =>
        compare(order(serverAt(one), profile), order(serverAt(other), profile)),
      )
      const server = serverAt(best)
      server.running++
      server.model = profile.name
      let open = true
      return {
        profile: { ...profile, endpoint: best },
        end(error) {
          if (!open) return
          open = false
          server.running--
          if (!(error instanceof ModelError)) return
          if (error.code !== 'ModelUnavailable' && error.code !== 'ModelMissing') return
          const now = clock.monotonic()
          server.avoidUntil = now + avoidMs
          server.restUntil = Math.max(server.restUntil, now + (error.retryAfterMs ?? 0))
          server.model = undefined
        },
      }
    },
    restMs(profile) {
      const ends = endpointsOf(profile).map((endpoint) => serverAt(endpoint).restUntil)
      return Math.max(0, Math.min(...ends) - clock.monotonic())
    },
  }
}

/** Sorting is stable: of equals, the first in the profile's list wins. */
function compare(one: readonly number[], other: readonly number[]): number {
  return one.map((figure, at) => figure - (other[at] ?? 0)).find((step) => step !== 0) ?? 0
}

function endpointsOf({ endpoint, replicas }: ModelProfile): readonly string[] {
  return replicas ?? [endpoint]
}

/** How many questions all servers of a model answer at once. */
export function slotCountOf(profile: ModelProfile): number {
  return profile.parallel * endpointsOf(profile).length
}
