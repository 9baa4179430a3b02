// Asking the API server about bearer tokens, so that strangers can neither stall nor outnumber those who belong here.
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Cancel, Clock } from '../base/ports.ts'

/** What a token says of itself. Nobody has checked its signature: good for refusing and for queueing, never for trust. */
export interface TokenClaims {
  /** `sub`, e.g. `system:serviceaccount:guildhall:guildhall-agent`; undefined when it names nobody. */
  readonly subject: string | undefined
  /** `aud`; undefined when it names none. */
  readonly audiences: readonly string[] | undefined
  /** Uid of the Pod that it says it is bound to. */
  readonly podUid: string | undefined
}

/** In characters. Tokens of Kubernetes are between 1 and 2 KiB long. */
export const longestToken = 8 * 1024

const payload = z.object({
  sub: z.string().optional(),
  aud: z.union([z.string().transform((one) => [one]), z.array(z.string())]).optional(),
  'kubernetes.io': z
    .object({ pod: z.object({ uid: z.string().max(64) }).optional() })
    .optional()
    .catch(undefined),
})

/** Reads a token without checking it. Undefined for what is no JSON Web Token, or too long: no API server need be asked. */
export function claimsOf(token: string): TokenClaims | undefined {
  if (token.length > longestToken) return undefined
  const [, body] = /^[\w-]+\.([\w-]+)\.[\w-]+$/.exec(token) ?? []
  if (body === undefined) return undefined
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'))
  } catch {
    return undefined
  }
  const { success, data } = payload.safeParse(value)
  if (!success) return undefined
  return { subject: data.sub, audiences: data.aud, podUid: data['kubernetes.io']?.pod?.uid }
}

/** Too many tokens that nobody knows are waiting to be asked about: the caller should come back in a second. */
export class CrowdedError extends Error {
  override readonly name = 'CrowdedError'
  constructor() {
    super('too many unknown tokens are being looked up; try again in a second')
  }
}

export interface TokenAnswersOptions<Answer> {
  readonly clock: Pick<Clock, 'monotonic' | 'after'>
  /** One question to the API server. Shared by all who wait for it, so none of them can cancel it. */
  readonly ask: (token: string) => Promise<Answer>
  /** Whether the answer is about one of ours. Only such answers are kept apart from those of strangers. */
  readonly isOurs: (answer: Answer) => boolean
  /** For how long an answer is believed, in milliseconds. */
  readonly freshMs: (answer: Answer) => number
}

/** Kept answers about ours, and about strangers; each list lets go of the one that was not used for longest. */
const mostOurs = 1_000
const mostStrangers = 2_000
/** Questions about new tokens that are under way at once: a small part of the client's connections. */
const inFlight = 4
/** Questions that turn out to be about strangers: so many a second in the long run, so many at once after a quiet time. */
const strangersPerSecond = 10
const strangersAtOnce = 40
/** Those who wait: in one lane, so that nobody fills the room of others, and in all. */
const mostInLane = 8
const mostWaiting = 1_024

interface Kept<Answer> {
  readonly until: number
  readonly answer: Answer
}

interface Waiting {
  readonly begin: () => void
}

/**
 * Answers about tokens, each asked for once while it is believed.
 * Guarantees: calls with one token share one question; keys are hashes, so no token is kept after its answer; answers about
 * strangers never push out answers about ours; a token that was ours is asked about again without waiting behind
 * strangers; new tokens wait in lanes that take turns, and at most `inFlight` of them are asked about at once. A question
 * that finds one of ours costs the strangers' rate nothing.
 * Errors: `CrowdedError` at once when a lane or the room is full; those of `ask`, which are not kept.
 */
export class TokenAnswers<Answer> {
  readonly #options: TokenAnswersOptions<Answer>
  readonly #ours = new Map<string, Kept<Answer>>()
  readonly #strangers = new Map<string, Kept<Answer>>()
  readonly #asking = new Map<string, Promise<Answer>>()
  readonly #lanes = new Map<string, Waiting[]>()
  #waiting = 0
  #underWay = 0
  #budget = strangersAtOnce
  #filledAt: number
  #cancelTimer: Cancel | undefined

  constructor(options: TokenAnswersOptions<Answer>) {
    this.#options = options
    this.#filledAt = options.clock.monotonic()
  }

  /** The answer about a token. `lane` names with whom it queues when it is new: whom it says it belongs to. */
  async of(token: string, lane: string): Promise<Answer> {
    const key = createHash('sha256').update(token).digest('base64url')
    const known = this.#ours.get(key) ?? this.#strangers.get(key)
    if (known !== undefined && known.until > this.#options.clock.monotonic()) {
      this.#keep(key, known)
      return known.answer
    }
    const asking = this.#asking.get(key)
    if (asking !== undefined) return asking
    const begun = this.#ours.has(key)
      ? this.#options.ask(token)
      : this.#inTurn(lane, () => this.#options.ask(token))
    const answer = begun.then(
      (found) => {
        this.#asking.delete(key)
        const until = this.#options.clock.monotonic() + this.#options.freshMs(found)
        this.#keep(key, { until, answer: found })
        return found
      },
      (error: unknown) => {
        this.#asking.delete(key)
        throw error
      },
    )
    this.#asking.set(key, answer)
    return answer
  }

  /** Puts an answer at the young end of its list. */
  #keep(key: string, kept: Kept<Answer>): void {
    const ours = this.#options.isOurs(kept.answer)
    this.#ours.delete(key)
    this.#strangers.delete(key)
    const list = ours ? this.#ours : this.#strangers
    list.set(key, kept)
    const [oldest] = list.keys()
    if (list.size > (ours ? mostOurs : mostStrangers) && oldest !== undefined) list.delete(oldest)
  }

  async #inTurn(lane: string, ask: () => Promise<Answer>): Promise<Answer> {
    const before = this.#lanes.get(lane) ?? []
    if (before.length >= mostInLane || this.#waiting >= mostWaiting) throw new CrowdedError()
    await new Promise<void>((resolve) => {
      this.#lanes.set(lane, [...before, { begin: resolve }])
      this.#waiting += 1
      this.#serve()
    })
    try {
      const answer = await ask()
      if (this.#options.isOurs(answer)) this.#budget = Math.min(strangersAtOnce, this.#budget + 1)
      return answer
    } finally {
      this.#underWay -= 1
      this.#serve()
    }
  }

  #serve(): void {
    while (this.#waiting > 0 && this.#underWay < inFlight) {
      if (!this.#pay()) {
        this.#serveLater()
        return
      }
      const [first] = this.#lanes
      if (first === undefined) return
      const [lane, [next, ...rest]] = first
      // Its turn is over: what is left of the lane goes behind all others.
      this.#lanes.delete(lane)
      if (rest.length > 0) this.#lanes.set(lane, rest)
      this.#waiting -= 1
      this.#underWay += 1
      next?.begin()
    }
  }

  #pay(): boolean {
    const now = this.#options.clock.monotonic()
    const grown = ((now - this.#filledAt) / 1000) * strangersPerSecond
    this.#budget = Math.min(strangersAtOnce, this.#budget + grown)
    this.#filledAt = now
    if (this.#budget < 1) return false
    this.#budget -= 1
    return true
  }

  #serveLater(): void {
    if (this.#cancelTimer !== undefined) return
    const ms = Math.ceil(((1 - this.#budget) / strangersPerSecond) * 1000)
    this.#cancelTimer = this.#options.clock.after(Math.max(1, ms), () => {
      this.#cancelTimer = undefined
      this.#serve()
    })
  }
}
