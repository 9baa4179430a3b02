import type { HttpRequest } from '../core/kube/transport.ts'
import { keyFor, type ObjectStore } from './store.ts'
import { type Fields, isFields } from './json.ts'
import { badRequest } from './refusal.ts'
import { readBody } from './request.ts'

/** Whom a token stands for. */
export interface TokenSubject {
  /** e.g. `system:serviceaccount:guildhall:guildhall-agent`. */
  readonly username: string
  readonly audiences: readonly string[]
  /** The Pod it is bound to: the token dies with it. */
  readonly pod?: { readonly namespace: string; readonly name: string; readonly uid: string }
}

const ownAudience = 'https://kubernetes.default.svc.cluster.local'

/** Tokens that the server issued, and the answers of TokenReview about them. */
export class Tokens {
  readonly #store: ObjectStore
  readonly #issued = new Map<string, TokenSubject & { readonly id: string }>()

  constructor(store: ObjectStore) {
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

/** Questions that are posted, answered, and stored nowhere. */
export class Reviews {
  readonly #tokens: Tokens

  constructor(tokens: Tokens) {
    this.#tokens = tokens
  }

  /** The answer, or undefined when the path is not one of a review. */
  answer(path: string, http: HttpRequest): unknown {
    const isToken = path === '/apis/authentication.k8s.io/v1/tokenreviews'
    const isAccess = path === '/apis/authorization.k8s.io/v1/subjectaccessreviews'
    if (!isToken && !isAccess) return undefined
    const body = readBody(http)
    if (!isFields(body)) throw badRequest('the object provided is unrecognized')
    if (isToken) return this.#tokens.review(body)
    // There are no roles here: a user who is not an administrator may do nothing.
    const spec = isFields(body['spec']) ? body['spec'] : {}
    const groups = Array.isArray(spec['groups']) ? spec['groups'] : []
    return { ...body, status: { allowed: groups.includes('system:masters') } }
  }
}

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/**
 * A token of the form that Kubernetes issues, with these claims and a signature that proves
 * nothing.
 */
export function jwt(payload: object, signature = 'c2lnbmVk'): string {
  return `${part({ alg: 'RS256', kid: 'k' })}.${part(payload)}.${signature}`
}
