// Asks the API server whose a token is. Unknown callers can neither delay known ones nor crowd them
// out.
import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Cancel, Clock } from '../base/clock.ts'
import type { KubeClient } from './client.ts'
import { type TokenReview, tokenReviews } from './built-in-kinds.ts'
import { isTransient } from './errors.ts'

/** The bearer of a token, as the API server names it. */
export interface TokenIdentity {
  /** For example `system:serviceaccount:guildhall:guildhall-agent`. */
  readonly username: string
  /** The audiences that were asked for and that the token is good for. */
  readonly audiences: readonly string[]
  /** Present for tokens that are bound to a Pod. */
  readonly pod: { readonly name: string; readonly uid: string } | undefined
}

export interface TokenReviewerOptions {
  readonly client: Pick<KubeClient, 'create'>
  /** The audiences that a token may have. */
  readonly audiences: readonly string[]
  readonly clock: Pick<Clock, 'monotonic' | 'after' | 'sleep'>
  /** For how long an answer about one of ours is used again, in milliseconds. */
  readonly knownMs: number
  /** The same for an answer about anybody else. */
  readonly unknownMs: number
  /** Whether this is one of ours; by default everybody who has a Pod. */
  readonly isOurs?: (who: TokenIdentity) => boolean
  /**
   * The lane in which a new token waits for its review. A token without a lane cannot be one of
   * ours and is refused without a review. `claims` are undefined for a token without any: another
   * authenticator's, or an invented one. By default a token waits with others of the Pod that it
   * names, and a token without claims is refused.
   */
  readonly laneOf?: (claims: TokenClaims | undefined) => string | undefined
  /**
   * Whether the review of a token for none of `audiences` returns its bearer too, so that a refusal
   * can name the bearer; by default it returns undefined.
   */
  readonly namesStrangers?: boolean
  /**
   * How often a review is tried when a failure may pass; once by default. A review may be repeated,
   * unlike a creation.
   */
  readonly tries?: number
  /**
   * Ends reviews that are under way. Many calls may wait for one review, so no single caller can
   * end it.
   */
  readonly signal?: AbortSignal
}

const tryPauseMs = 200

/**
 * Asks the API server whose a token is. Needs `create` on `tokenreviews`.
 * Guarantees: an answer is reused for `knownMs` at most when it is about one of ours, else for
 * `unknownMs`; a token that is too long or names other audiences is refused unasked; and the
 * guarantees of `TokenAnswers` about strangers.
 * Caveat: the Pod of an answer may be gone since. A caller that trusts the answer looks whether
 * that very Pod is there.
 */
export class TokenReviewer {
  readonly #options: TokenReviewerOptions
  readonly #laneOf: (claims: TokenClaims | undefined) => string | undefined
  readonly #answers: TokenAnswers<TokenIdentity | undefined>

  constructor(options: TokenReviewerOptions) {
    const { clock, knownMs, unknownMs } = options
    const { isOurs = (who) => who.pod !== undefined } = options
    const isOne = (who: TokenIdentity | undefined) => who !== undefined && isOurs(who)
    this.#options = options
    this.#laneOf = options.laneOf ?? ((claims) => claims && (claims.podUid ?? ''))
    this.#answers = new TokenAnswers({
      clock,
      isOurs: isOne,
      freshMs: (who) => (isOne(who) ? knownMs : unknownMs),
      ask: async (token) => this.#ask(token),
    })
  }

  /**
   * The identity; undefined when the API server does not know the token, or certainly would not.
   * Errors: `CrowdedError`; those of the client when the API server cannot be asked.
   */
  async review(token: string): Promise<TokenIdentity | undefined> {
    if (token.length > longestToken) return undefined
    const claims = claimsOf(token)
    const named = claims?.audiences
    if (named?.every((one) => !this.#options.audiences.includes(one)) === true) return undefined
    const lane = this.#laneOf(claims)
    return lane === undefined ? undefined : this.#answers.of(token, lane)
  }

  async #ask(token: string): Promise<TokenIdentity | undefined> {
    const { client, audiences, clock, tries = 1, signal } = this.#options
    const question = { metadata: { name: '' }, spec: { token, audiences } }
    for (let count = 1; ; count += 1) {
      try {
        const { status } = await client.create(tokenReviews, question, { signal })
        return this.#identityIn(status)
      } catch (error) {
        if (count === tries || !isTransient(error)) throw error
        await clock.sleep(tryPauseMs, { signal })
      }
    }
  }

  #identityIn(status: TokenReview['status']): TokenIdentity | undefined {
    const { username = '', extra } = status?.user ?? {}
    if (status?.authenticated !== true || username === '') return undefined
    const audiences = this.#options.audiences.filter((one) => status.audiences?.includes(one))
    if (audiences.length === 0 && this.#options.namesStrangers !== true) return undefined
    const name = extra?.[extraKey('pod-name')]?.[0] ?? ''
    const uid = extra?.[extraKey('pod-uid')]?.[0] ?? ''
    return { username, audiences, pod: name === '' || uid === '' ? undefined : { name, uid } }
  }
}

const extraKey = (name: string): string => `authentication.kubernetes.io/${name}`

/**
 * The claims of a token. Nobody has checked its signature: they serve to refuse a token and to
 * queue it, never to trust it.
 */
export interface TokenClaims {
  /**
   * `sub`, e.g. `system:serviceaccount:guildhall:guildhall-agent`; undefined when it names no subject.
   */
  readonly subject: string | undefined
  /** `aud`; undefined when it names none. */
  readonly audiences: readonly string[] | undefined
  /** Uid of the Pod that it claims to be bound to. */
  readonly podUid: string | undefined
}

/** In characters. Tokens of Kubernetes are between 1 and 2 KiB long. */
const longestToken = 8 * 1024

const payload = z.object({
  sub: z.string().optional(),
  aud: z.union([z.string().transform((one) => [one]), z.array(z.string())]).optional(),
  'kubernetes.io': z
    .object({ pod: z.object({ uid: z.string().max(64) }).optional() })
    .optional()
    .catch(undefined),
})

/**
 * Reads a token without checking it. Undefined when it is not a JSON Web Token or is too long; then
 * the API server need not be asked.
 */
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

/**
 * Too many unknown tokens are waiting for a review: the caller should come back in a
 * second.
 */
export class CrowdedError extends Error {
  override readonly name = 'CrowdedError'
  constructor() {
    super('too many unknown tokens are being looked up; try again in a second')
  }
}

interface TokenAnswersOptions<Answer> {
  readonly clock: Pick<Clock, 'monotonic' | 'after'>
  /**
   * One question to the API server. Shared by all who wait for it, so none of them can cancel it.
   */
  readonly ask: (token: string) => Promise<Answer>
  /**
   * Whether the answer is about one of ours. Such answers are kept apart from those about
   * strangers.
   */
  readonly isOurs: (answer: Answer) => boolean
  /** For how long an answer is used again, in milliseconds. */
  readonly freshMs: (answer: Answer) => number
}

/**
 * The most answers that are kept about ours, and about strangers; a full list drops the answer that
 * was unused for longest.
 */
const mostOurs = 1_000
const mostStrangers = 2_000
/**
 * Questions about new tokens that are under way at once: a small part of the client's connections.
 */
const inFlight = 4
/**
 * Limits of questions that turn out to be about strangers: a second in the long run, and at once
 * after a quiet time.
 */
const strangersPerSecond = 10
const strangersAtOnce = 40
/** Callers that wait: in one lane, so that no lane takes the room of others, and in all. */
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
 * Answers about tokens; each is asked for once and used again for `freshMs`.
 * Guarantees: calls with one token share one question; keys are hashes, so no token is kept after
 * its answer; answers about strangers never push out answers about ours; a token that was ours is
 * asked about again without waiting behind strangers; new tokens wait in lanes that take turns, and
 * at most `inFlight` of them are asked about at once. A question that finds one of ours costs the
 * strangers' rate nothing.
 * Errors: `CrowdedError` at once when a lane or the room is full; those of `ask`, which are not
 * kept.
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

  /**
   * The answer about a token. `lane` is the queue in which a new token waits, by the owner that it
   * claims.
   */
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

  /** Makes an answer the newest of its list. */
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
      // The lane had its turn: the rest of it goes behind all other lanes.
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
