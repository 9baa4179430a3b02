import type { KubeClient } from '../../../core/kube/client.ts'

/** What a played API server says about a token. */
export interface TokenVerdict {
  readonly authenticated: boolean
  /** Those of the asked audiences that the token is good for. */
  readonly audiences: readonly string[]
  readonly username: string
  /** The Pod that the token is bound to. */
  readonly podUid?: string | undefined
}

/** A client whose API server answers a TokenReview with `verdictOf` the token; undefined for a token that it does not know. */
export function tokenClient(
  verdictOf: (token: string) => TokenVerdict | undefined,
): Pick<KubeClient, 'create'> {
  const key = 'authentication.kubernetes.io'
  const create = async (_kind: unknown, review: { readonly spec: { readonly token: string } }) => {
    const verdict = verdictOf(review.spec.token)
    if (verdict === undefined) return { ...review, status: { authenticated: false } }
    const { authenticated, audiences, username, podUid } = verdict
    const extra =
      podUid === undefined ? {} : { [`${key}/pod-name`]: ['agent-1'], [`${key}/pod-uid`]: [podUid] }
    return { ...review, status: { authenticated, audiences, user: { username, extra } } }
  }
  return { create } as unknown as Pick<KubeClient, 'create'>
}
