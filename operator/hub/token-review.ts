import type { KubeClient } from '../../core/kube/client.ts'
import { tokenReviews } from '../../core/kube/core.ts'
import type { Clock } from '../../core/base/ports.ts'
import { TokenAnswers, type TokenClaims, claimsOf } from '../../core/kube/token-answers.ts'

/** Who shows a token, in the API server's words. */
export interface TokenIdentity {
  /** e.g. `system:serviceaccount:guildhall:guildhall-agent`. */
  readonly username: string
  /** Present for tokens that are bound to a Pod. */
  readonly pod: { readonly name: string; readonly uid: string } | undefined
}

export interface TokenReviewerOptions {
  readonly client: Pick<KubeClient, 'create'>
  readonly audience: string
  readonly clock: Pick<Clock, 'monotonic' | 'after'>
  /** How long an answer about one of ours is believed, in milliseconds. */
  readonly knownMs: number
  /** The same for everybody else. */
  readonly unknownMs: number
  /** Whether this is one of ours; whoever has a Pod unless told. */
  readonly isOurs?: (who: TokenIdentity) => boolean
  /**
   * With whom a token queues that nobody has asked about; undefined: it cannot be one of ours and is refused unasked.
   * By the Pod that it names unless told.
   */
  readonly laneOf?: (claims: TokenClaims) => string | undefined
}

const extraKey = (name: string): string => `authentication.kubernetes.io/${name}`

/**
 * Asks the API server whose token it is.
 * Guarantees: an answer is reused for `knownMs` at most when it is about one of ours, else for `unknownMs`; a token for
 * another audience is nobody's; what is no JSON Web Token, is over-long or names other audiences is refused unasked; and
 * what `TokenAnswers` promises about strangers. Needs `create` on `tokenreviews`.
 * Caveat: who trusts an answer looks whether that very Pod is still there; the API server would, too, but is not asked.
 */
export class TokenReviewer {
  readonly #audience: string
  readonly #laneOf: (claims: TokenClaims) => string | undefined
  readonly #answers: TokenAnswers<TokenIdentity | undefined>

  constructor(options: TokenReviewerOptions) {
    const { client, audience, clock, knownMs, unknownMs } = options
    const { isOurs = (who) => who.pod !== undefined, laneOf = ({ podUid }) => podUid ?? '' } =
      options
    const oursIs = (who: TokenIdentity | undefined) => who !== undefined && isOurs(who)
    this.#audience = audience
    this.#laneOf = laneOf
    this.#answers = new TokenAnswers({
      clock,
      isOurs: oursIs,
      freshMs: (who) => (oursIs(who) ? knownMs : unknownMs),
      ask: async (token) => {
        const question = { metadata: { name: '' }, spec: { token, audiences: [audience] } }
        const answer = await client.create(tokenReviews, question)
        return identityIn(answer.status, audience)
      },
    })
  }

  /**
   * The identity, or undefined when the API server does not know the token, or surely would not.
   * Errors: `CrowdedError`; those of the client when the API server cannot be asked.
   */
  async review(token: string): Promise<TokenIdentity | undefined> {
    const claims = claimsOf(token)
    if (claims?.audiences?.includes(this.#audience) === false) return undefined
    const lane = claims === undefined ? undefined : this.#laneOf(claims)
    return lane === undefined ? undefined : this.#answers.of(token, lane)
  }
}

function identityIn(
  status:
    | {
        readonly authenticated?: boolean
        readonly audiences?: readonly string[]
        readonly user?: {
          readonly username?: string
          readonly extra?: Readonly<Record<string, readonly string[]>>
        }
      }
    | undefined,
  audience: string,
): TokenIdentity | undefined {
  const username = status?.user?.username
  if (status?.authenticated !== true || username === undefined) return undefined
  if (status.audiences?.includes(audience) !== true) return undefined
  const name = status.user?.extra?.[extraKey('pod-name')]?.[0]
  const uid = status.user?.extra?.[extraKey('pod-uid')]?.[0]
  return { username, pod: name === undefined || uid === undefined ? undefined : { name, uid } }
}
