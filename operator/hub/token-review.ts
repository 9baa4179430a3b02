import type { KubeClient } from '../kube/client.ts'
import { tokenReviews } from '../kube/core.ts'
import type { Clock } from '../kube/ports.ts'

/** Who shows a token, in the API server's words. */
export interface TokenIdentity {
  /** e.g. `system:serviceaccount:guildhall:guildhall-agent`. */
  readonly username: string
  /** Present for tokens that are bound to a Pod. */
  readonly pod: { readonly name: string; readonly uid: string } | undefined
}

const extraKey = (name: string): string => `authentication.kubernetes.io/${name}`
const cacheLimit = 4096

/**
 * Asks the API server whose token it is.
 * Guarantees: an answer is reused for `knownMs` at most when it names a Pod, else for `unknownMs`; a token for another
 * audience is nobody's. Needs `create` on `tokenreviews`.
 * Caveat: who trusts an answer looks whether that very Pod is still there; the API server would, too, but is not asked.
 */
export class TokenReviewer {
  readonly #options: {
    readonly client: Pick<KubeClient, 'create'>
    readonly audience: string
    readonly clock: Clock
    readonly knownMs: number
    readonly unknownMs: number
  }
  readonly #cache = new Map<
    string,
    { readonly until: number; readonly who: TokenIdentity | undefined }
  >()

  constructor(options: {
    readonly client: Pick<KubeClient, 'create'>
    readonly audience: string
    readonly clock: Clock
    readonly knownMs: number
    readonly unknownMs: number
  }) {
    this.#options = options
  }

  /** The identity, or undefined when the API server does not know the token. Throws when it cannot be asked. */
  async review(
    token: string,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<TokenIdentity | undefined> {
    const { clock, knownMs, unknownMs, client, audience } = this.#options
    const cached = this.#cache.get(token)
    if (cached !== undefined && cached.until > clock.monotonic()) return cached.who
    const answer = await client.create(
      tokenReviews,
      { metadata: { name: '' }, spec: { token, audiences: [audience] } },
      { signal: options.signal },
    )
    const who = identityIn(answer.status, audience)
    if (this.#cache.size >= cacheLimit) this.#cache.clear()
    const ms = who?.pod === undefined ? unknownMs : knownMs
    this.#cache.set(token, { until: clock.monotonic() + ms, who })
    return who
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
