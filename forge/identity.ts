import type { IncomingMessage } from 'node:http'
import { audiences } from '../core/api/names.ts'
import { bearerToken } from '../core/base/http.ts'
import type { Clock } from '../core/base/clock.ts'
import type { KubeClient } from '../core/kube/client.ts'
import { TokenReviewer, type TokenClaims, type TokenIdentity } from '../core/kube/token-review.ts'
import type { Identity } from './access.ts'

/** Names of the ServiceAccounts that have a role here; all live in `namespace`. */
export interface Accounts {
  readonly namespace: string
  readonly operator: string
  readonly agent: string
  readonly reader: string
}

/**
 * `unknown`: the API server does not know the token (401). `stranger`: it does, and the bearer has
 * no role here (403).
 */
type Recognition =
  | { readonly kind: 'known'; readonly identity: Identity }
  | { readonly kind: 'unknown'; readonly message: string }
  | { readonly kind: 'stranger'; readonly message: string }

/**
 * The role of a reviewed token: the account *and* the audience must fit, so that a token for one
 * server opens no other.
 */
function recognize(who: TokenIdentity | undefined, accounts: Accounts): Recognition {
  if (who === undefined) {
    return {
      kind: 'unknown',
      message: `The token is not valid for the forge; make one with: kubectl -n ${accounts.namespace} create token ${accounts.reader} --audience ${audiences.forge}`,
    }
  }
  const prefix = `system:serviceaccount:${accounts.namespace}:`
  const name = who.username
  const account = name.startsWith(prefix) ? name.slice(prefix.length) : undefined
  const isFor = (audience: string) => who.audiences.includes(audience)
  if (account === accounts.operator && isFor(audiences.forge)) {
    return { kind: 'known', identity: { kind: 'operator', name } }
  }
  if (account === accounts.reader && isFor(audiences.forge)) {
    return { kind: 'known', identity: { kind: 'reader', name } }
  }
  // A token of an agent that is bound to no Pod was made by hand; nobody holds a task with it.
  if (account === accounts.agent && isFor(audiences.hub) && who.pod !== undefined) {
    return { kind: 'known', identity: { kind: 'agent', name, podUid: who.pod.uid } }
  }
  return {
    kind: 'stranger',
    message: `${name} with audience ${who.audiences.join(', ') || 'none'} has no role on the forge.`,
  }
}

/**
 * The token of a request: `Bearer <token>`, or `Basic` with the token as the password, which git
 * can store.
 */
export function tokenOf(request: Pick<IncomingMessage, 'headers'>): string | undefined {
  const bearer = bearerToken(request)
  if (bearer !== undefined) return bearer
  const value = /^Basic +([A-Za-z0-9+/=]{1,12288})$/i.exec(request.headers.authorization ?? '')?.[1]
  if (value === undefined) return undefined
  const text = Buffer.from(value, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  const password = colon < 0 ? '' : text.slice(colon + 1)
  return password === '' ? undefined : password
}

/** The forge sees no Pods, so a token is asked about again as soon as its Pod may be gone. */
const freshMs = 10_000
const tries = 3

/**
 * Reviews tokens and remembers each answer for at most ten seconds.
 * Guarantees: those of `TokenReviewer`, so that strangers delay nobody who has a role here; a token
 * that names another account than ours is refused unasked.
 * Errors: `CrowdedError` when too many strangers wait; those of the client when the API server
 * cannot be asked.
 */
export class Identities {
  readonly #reviewer: TokenReviewer
  readonly #accounts: Accounts

  constructor(options: {
    readonly client: Pick<KubeClient, 'create'>
    readonly accounts: Accounts
    readonly clock: Clock
    /** Ends with the server. */
    readonly signal: AbortSignal
  }) {
    const { client, accounts, clock, signal } = options
    this.#accounts = accounts
    this.#reviewer = new TokenReviewer({
      client,
      audiences: [audiences.hub, audiences.forge],
      clock,
      knownMs: freshMs,
      unknownMs: freshMs,
      isOurs: (who) => recognize(who, accounts).kind === 'known',
      laneOf: (claims) => laneOf(claims, accounts),
      namesStrangers: true,
      tries,
      signal,
    })
  }

  async recognize(token: string): Promise<Recognition> {
    return recognize(await this.#reviewer.review(token), this.#accounts)
  }
}

/**
 * A token that says nothing of itself may be one of another authenticator; all such share one lane.
 */
function laneOf(claims: TokenClaims | undefined, accounts: Accounts): string | undefined {
  const { namespace, operator, agent, reader } = accounts
  const ours = [operator, agent, reader].map((one) => `system:serviceaccount:${namespace}:${one}`)
  const subject = claims?.subject
  if (subject !== undefined && !ours.includes(subject)) return undefined
  return `${subject ?? ''} ${claims?.podUid ?? ''}`
}
