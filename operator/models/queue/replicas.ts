import type { Clock } from '../../runtime/clock.ts'
import { ModelError } from '../errors.ts'
import type { ModelProfile } from '../profile.ts'

/** Which of the servers that hold a model answers a question. */
export interface Replicas {
  /**
   * Gives the profile with the endpoint of the server to ask. Call `end` exactly once, with what was thrown, if anything.
   * There is always one: how many questions there are at once is the slots' business.
   */
  take(profile: ModelProfile): {
    readonly profile: ModelProfile
    readonly end: (error?: unknown) => void
  }
}

interface Server {
  running: number
  /** The model that it was asked for last, which it has in memory. */
  model: string | undefined
  /** Questions to it that failed because of it: others are preferred until then. */
  avoidUntil: number
}

/** How long a server that failed is asked only when there is no other. */
const avoidMs = 15_000

/**
 * Chooses servers so that models stay in memory: a model goes where it was last, as long as there is a free place; then to
 * a server that has none, and to one with another model only when all places elsewhere are taken. A server that could not
 * answer is avoided for a while.
 */
export function createReplicas(clock: Pick<Clock, 'monotonic'>): Replicas {
  const servers = new Map<string, Server>()
  const serverAt = (endpoint: string): Server => {
    const known = servers.get(endpoint) ?? { running: 0, model: undefined, avoidUntil: 0 }
    servers.set(endpoint, known)
    return known
  }

  function order(server: Server, { name, parallel }: ModelProfile): readonly number[] {
    const place = server.model === name ? 0 : server.model === undefined ? 1 : 2
    return [
      Number(server.avoidUntil > clock.monotonic()),
      Number(server.running >= parallel),
      place,
      server.running,
    ]
  }

  return {
    take(profile) {
      const endpoints = profile.replicas ?? [profile.endpoint]
      const [best = profile.endpoint] = endpoints.toSorted((one, other) =>
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
          server.avoidUntil = clock.monotonic() + avoidMs
          server.model = undefined
        },
      }
    },
  }
}

/** Sorting is stable: of equals the first in the profile's list. */
function compare(one: readonly number[], other: readonly number[]): number {
  return one.map((figure, at) => figure - (other[at] ?? 0)).find((step) => step !== 0) ?? 0
}

/** How many questions all servers of a model answer at once. */
export function placesOf({ parallel, replicas }: ModelProfile): number {
  return parallel * (replicas?.length ?? 1)
}
