import { audiences } from '../core/api/names.ts'
import type { Clock } from '../core/base/ports.ts'
import {
  claimsOf,
  longestToken,
  TokenAnswers,
  type TokenClaims,
} from '../core/kube/token-answers.ts'
import type { Identity } from './access.ts'

/** What the API server says about a token. */
export interface TokenVerdict {
  readonly authenticated: boolean
  /** Those of the asked audiences that the token is good for. */
  readonly audiences: readonly string[]
  readonly username: string
  /** The Pod the token is bound to, if it is. */
  readonly podUid?: string | undefined
}

/** Asks the API server about a token (TokenReview with both audiences of Guildhall). */
export interface IdentityReviewer {
  review(token: string, options: { readonly signal: AbortSignal }): Promise<TokenVerdict>
}

/** Names of the ServiceAccounts that have a role here; all live in `namespace`. */
export interface Accounts {
  readonly namespace: string
  readonly operator: string
  readonly agent: string
  readonly reader: string
}

/**
 * `unknown`: the API server does not know the token (401). `stranger`: it does, and the bearer has no role here (403).
 */
export type Recognition =
  | { readonly kind: 'known'; readonly identity: Identity }
  | { readonly kind: 'unknown'; readonly message: string }
  | { readonly kind: 'stranger'; readonly message: string }

/** The role of a reviewed token: the account *and* the audience must fit, so that a token for one door opens no other. */
export function recognize(verdict: TokenVerdict, accounts: Accounts): Recognition {
  if (!verdict.authenticated || verdict.username === '') {
    return {
      kind: 'unknown',
      message: `The token is not valid for the forge; make one with: kubectl -n ${accounts.namespace} create token ${accounts.reader} --audience ${audiences.forge}`,
    }
  }
  const prefix = `system:serviceaccount:${accounts.namespace}:`
  const name = verdict.username
  const account = name.startsWith(prefix) ? name.slice(prefix.length) : undefined
  const isFor = (audience: string) => verdict.audiences.includes(audience)
  if (account === accounts.operator && isFor(audiences.forge)) {
    return { kind: 'known', identity: { kind: 'operator', name } }
  }
  if (account === accounts.reader && isFor(audiences.forge)) {
    return { kind: 'known', identity: { kind: 'reader', name } }
  }
  // An agent without a Pod would be a token that somebody minted by hand; it holds no task.
  if (account === accounts.agent && isFor(audiences.hub) && verdict.podUid) {
    return { kind: 'known', identity: { kind: 'agent', name, podUid: verdict.podUid } }
  }
  return {
    kind: 'stranger',
    message: `${name} with audience ${verdict.audiences.join(', ') || 'none'} has no role on the forge.`,
  }
}

/** The token of an `Authorization` header: `Bearer <token>`, or `Basic` with the token as the password (what git can store). */
export function tokenOf(header: string | undefined): string | undefined {
  const [, scheme, value] =
    /^(Bearer|Basic) +([A-Za-z0-9._~+/=-]{1,12288})$/i.exec(header ?? '') ?? []
  if (scheme === undefined || value === undefined) return undefined
  if (scheme.toLowerCase() === 'bearer') return value
  const text = Buffer.from(value, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  const password = colon < 0 ? '' : text.slice(colon + 1)
  return password === '' ? undefined : password
}

const freshMs = 10_000

/**
 * Reviews tokens and remembers each answer for at most ten seconds.
 * Guarantees: what `TokenAnswers` promises, so that strangers delay nobody who has a role here; failures to ask are not
 * remembered; a token that names somebody else, or another audience than ours, is refused unasked.
 * Errors: `CrowdedError` when too many strangers wait; those of the reviewer.
 */
export class Identities {
  readonly #answers: TokenAnswers<Recognition>
  readonly #accounts: Accounts

  constructor(options: {
    readonly reviewer: IdentityReviewer
    readonly accounts: Accounts
    readonly clock: Clock
    /** Ends with the server: a review is shared, so no single caller may cancel it. */
    readonly signal: AbortSignal
  }) {
    const { reviewer, accounts, clock, signal } = options
    this.#accounts = accounts
    this.#answers = new TokenAnswers({
      clock,
      isOurs: ({ kind }) => kind === 'known',
      freshMs: () => freshMs,
      ask: async (token) => recognize(await reviewer.review(token, { signal }), accounts),
    })
  }

  async recognize(token: string): Promise<Recognition> {
    const claims = claimsOf(token)
    if (token.length > longestToken || (claims !== undefined && !mayBeOurs(claims, this.#accounts)))
      return recognize({ authenticated: false, audiences: [], username: '' }, this.#accounts)
    // A token that says nothing of itself may be one of another authenticator; all such share one lane.
    return this.#answers.of(token, `${claims?.subject ?? ''} ${claims?.podUid ?? ''}`)
  }
}

/** Whether a token may be one of ours by its own words, which nobody has checked: good for refusing only. */
function mayBeOurs(claims: TokenClaims, { namespace, operator, agent, reader }: Accounts): boolean {
  const { subject, audiences: named } = claims
  const ours = [operator, agent, reader].map((one) => `system:serviceaccount:${namespace}:${one}`)
  return (
    (subject === undefined || ours.includes(subject)) &&
    (named === undefined || named.includes(audiences.forge) || named.includes(audiences.hub))
  )
}
