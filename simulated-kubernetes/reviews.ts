import type { HttpRequest } from '../core/kube/transport.ts'
import { isFields } from './json.ts'
import { badRequest } from './refusal.ts'
import { readBody } from './request.ts'
import type { Tokens } from './tokens.ts'

/** Questions that are posted, answered, and stored nowhere. */
export class Reviews {
  readonly #tokens: Tokens

  constructor(tokens: Tokens) {
    this.#tokens = tokens
  }

  /** The answer, or undefined when the path is no question. */
  answer(path: string, http: HttpRequest): unknown {
    const isToken = path === '/apis/authentication.k8s.io/v1/tokenreviews'
    const isAccess = path === '/apis/authorization.k8s.io/v1/subjectaccessreviews'
    if (!isToken && !isAccess) return undefined
    const body = readBody(http)
    if (!isFields(body)) throw badRequest('the object provided is unrecognized')
    if (isToken) return this.#tokens.review(body)
    // There are no roles here: whoever is not an administrator may do nothing.
    const spec = isFields(body['spec']) ? body['spec'] : {}
    const groups = Array.isArray(spec['groups']) ? spec['groups'] : []
    return { ...body, status: { allowed: groups.includes('system:masters') } }
  }
}
