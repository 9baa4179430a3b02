// Rules of the fault proxy: which requests are struck, and by which fault.

/** One request as rules look at it. */
export interface SeenRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly userAgent: string
  readonly watch: boolean
  readonly body: string
}

/** The fault that strikes a request. */
export type Fault =
  /** It arrives late, or its answer does; in milliseconds. */
  | { readonly kind: 'delay'; readonly beforeMs?: number; readonly afterMs?: number }
  /**
   * The connection breaks: `before` the server hears of it, `after` the server did it and before a
   * byte of the answer, or in the `middle` of the answer.
   */
  | { readonly kind: 'cut'; readonly when: 'before' | 'after' | 'middle' }
  /** The answer breaks off after so many bytes; also a watch. */
  | { readonly kind: 'cut-at'; readonly bytes: number }
  /** The server gets it twice; the client sees the first answer. */
  | { readonly kind: 'duplicate' }
  /** The server never hears of it; the client gets this status. */
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly reason?: string
      readonly retryAfterSeconds?: number
      /** JSON to answer with, instead of a Status; e.g. an earlier answer of the server. */
      readonly body?: string
    }
  /** A watch that says at once, inside a good answer, that the version asked for is forgotten. */
  | { readonly kind: 'expired-watch' }
  /**
   * The head of the answer and so many of its bytes come through, then nothing more, with the
   * connection open.
   */
  | { readonly kind: 'freeze'; readonly afterBytes?: number }
  /**
   * It waits until `release`, then goes to the server, whether anybody still waits for the answer
   * or not.
   */
  | { readonly kind: 'hold' }
  /**
   * Something else happens before the server hears of it, or after it answered and before the
   * client hears. With `lost` the server never hears of it.
   */
  | {
      readonly kind: 'meanwhile'
      readonly before?: () => Promise<void> | void
      readonly after?: () => Promise<void> | void
      readonly lost?: boolean
    }

/** Requests that a fault befalls: those for which everything that is said here holds. */
export interface Match {
  readonly method?: string | readonly string[]
  /** Of path and query. */
  readonly path?: RegExp
  readonly userAgent?: RegExp
  readonly watch?: boolean
  readonly body?: RegExp
}

export interface Rule extends Match {
  readonly fault: Fault
  /** Only the first so many matches, after `skip` that pass. */
  readonly times?: number
  readonly skip?: number
  /** Only every so manieth match. */
  readonly every?: number
  /** Only with this probability. */
  readonly probability?: number
}

/** A rule in force. */
export interface RuleHandle {
  /** Requests it befell. */
  readonly hits: number
  /** Resolves with the first of them, once it is there. */
  readonly first: Promise<SeenRequest>
  /** Lets the requests go on that it holds. */
  release(): void
  /** Ends it; the requests that it holds go on. */
  remove(): void
}

interface LiveRule {
  readonly rule: Rule
  readonly released: Promise<void>
  readonly hit: (request: SeenRequest) => void
  matches: number
  hits: number
}

/** A fault that befalls one request; `released` resolves when its rule lets go. */
export interface Stroke {
  readonly fault: Fault
  readonly released: Promise<void>
}

/**
 * Rules in the order in which they were made; the first that befalls a request decides. Chance
 * comes from the seed.
 */
export class RuleBook {
  readonly #rules = new Set<LiveRule>()
  readonly #random: () => number

  constructor(seed: number) {
    this.#random = seeded(seed)
  }

  add(rule: Rule): RuleHandle {
    const first = Promise.withResolvers<SeenRequest>()
    const release = Promise.withResolvers<undefined>()
    const live: LiveRule = {
      rule,
      released: release.promise.then(() => undefined),
      hit: first.resolve,
      matches: 0,
      hits: 0,
    }
    this.#rules.add(live)
    return {
      get hits() {
        return live.hits
      },
      first: first.promise,
      release: () => release.resolve(undefined),
      remove: () => {
        this.#rules.delete(live)
        release.resolve(undefined)
      },
    }
  }

  clear(): void {
    this.#rules.clear()
  }

  /** The fault that strikes a request, if any. */
  strike(request: SeenRequest): Stroke | undefined {
    for (const live of this.#rules) {
      if (!matches(live.rule, request)) continue
      live.matches += 1
      const { skip = 0, times = Infinity, every = 1, probability = 1, fault } = live.rule
      if (live.matches <= skip || (live.matches - skip) % every !== 0) continue
      if (live.hits >= times || this.#random() >= probability) continue
      live.hits += 1
      live.hit(request)
      return { fault, released: live.released }
    }
    return undefined
  }
}

function matches(rule: Match, request: SeenRequest): boolean {
  const methods = rule.method === undefined ? [request.method] : [rule.method].flat()
  return (
    methods.includes(request.method) &&
    (rule.watch === undefined || rule.watch === request.watch) &&
    rule.path?.test(request.path) !== false &&
    rule.userAgent?.test(request.userAgent) !== false &&
    rule.body?.test(request.body) !== false
  )
}

/** Mulberry32: the same numbers for the same seed. */
function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
