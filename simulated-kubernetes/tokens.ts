import { jwt } from './jwt.ts'
import { keyFor } from './collection.ts'
import { type Fields, isFields } from './json.ts'
import type { Store } from './store.ts'

/** Whom a token stands for. */
export interface TokenSubject {
  /** e.g. `system:serviceaccount:guildhall:guildhall-agent`. */
  readonly username: string
  readonly audiences: readonly string[]
  /** The Pod it is bound to: the token dies with it. */
  readonly pod?: { readonly namespace: string; readonly name: string; readonly uid: string }
}

const ownAudience = 'https://kubernetes.default.svc.cluster.local'

/** Tokens that the server issued, and what TokenReview says of them. */
export class Tokens {
  readonly #store: Store
  readonly #issued = new Map<string, TokenSubject & { readonly id: string }>()

  constructor(store: Store) {
    this.#store = store
  }

  issue(subject: TokenSubject): string {
    const id = this.#store.random.uuid()
    const { username: sub, audiences: aud, pod } = subject
    const bound = pod === undefined ? {} : { 'kubernetes.io': { pod } }
    const token = jwt({ sub, aud, jti: id, ...bound }, id)
    this.#issued.set(token, { ...subject, id })
    return token
  }

  /** The answer to a TokenReview: the whole object. */
  review(request: Fields): Fields {
    const spec = isFields(request['spec']) ? request['spec'] : {}
    const asked = Array.isArray(spec['audiences']) ? (spec['audiences'] as readonly string[]) : []
    const answer = {
      kind: 'TokenReview',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: {},
      spec,
    }
    const { token } = spec
    const subject = typeof token === 'string' ? this.#issued.get(token) : undefined
    if (subject === undefined || !this.#isAlive(subject)) {
      const error = '[invalid bearer token, square/go-jose: error in cryptographic primitive]'
      return { ...answer, status: { user: {}, error } }
    }
    const wanted = asked.length === 0 ? [ownAudience] : asked
    const audiences = wanted.filter((audience) => subject.audiences.includes(audience))
    if (audiences.length === 0) {
      const error = `[invalid bearer token, token audiences ${JSON.stringify(subject.audiences)} is invalid for the target audiences ${JSON.stringify(wanted)}]`
      return { ...answer, status: { user: {}, error } }
    }
    return { ...answer, status: { authenticated: true, user: userOf(subject), audiences } }
  }

  #isAlive({ pod }: TokenSubject): boolean {
    if (pod === undefined) return true
    const found = this.#store.of({ group: '', plural: 'pods' }).get(keyFor(pod.namespace, pod.name))
    return found?.metadata.uid === pod.uid
  }
}

function userOf({ username, pod, id }: TokenSubject & { readonly id: string }): Fields {
  const [, , namespace = ''] = username.split(':')
  const prefix = 'authentication.kubernetes.io'
  return {
    username,
    groups: [
      'system:serviceaccounts',
      `system:serviceaccounts:${namespace}`,
      'system:authenticated',
    ],
    extra: {
      [`${prefix}/credential-id`]: [`JTI=${id}`],
      ...(pod === undefined
        ? {}
        : { [`${prefix}/pod-name`]: [pod.name], [`${prefix}/pod-uid`]: [pod.uid] }),
    },
  }
}
