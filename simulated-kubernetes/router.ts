import {
  absent,
  checkName,
  readDraft,
  readPatched,
  refuseStrange,
  type ApiRequest,
  readBody,
  readTarget,
  splitPath,
  type Target,
} from './request.ts'
import { applyPart, applyType, readPart } from './apply/apply.ts'
import type { Writer } from './apply/owners.ts'
import { keyFor, type StoreAct, type ObjectStore } from './store.ts'
import { createObject, updateObject } from './write.ts'
import { definitionKind, finalizeNamespace, namespaceKind } from './built-in-kinds.ts'
import { deleteObject, readDeleteOptions } from './delete.ts'
import { applyJsonPatch, applyMergePatch } from './json.ts'
import type { ServedKind } from './kind.ts'
import { readSelection, listObjects, refuseEarly } from './list.ts'
import type { StoredObject } from './metadata.ts'
import { methodNotAllowed, noSuchPath, Refusal, type Status, tooLargeBody } from './refusal.ts'
import type { Reviews } from './tokens.ts'
import { scaled, scaleOf } from './scale.ts'
import type { ServedKinds } from './served-kinds.ts'
import type { Watches } from './watch.ts'
import type { HttpRequest } from '../core/kube/transport.ts'

/** An answer of the server: a value, or the bytes of a watch. */
export type Answer =
  | { readonly status: number; readonly body: unknown }
  | { readonly status: number; readonly stream: AsyncIterable<Buffer> }

/** Bodies larger than this are not even read. */
const maxBodyBytes = 3 * 1024 * 1024
/**
 * Objects of longer requests are measured before they are stored; measuring all would cost time.
 */
const largeBytes = 100_000

/** Finds the verb of a request, carries it out and makes the answer. */
export class Router {
  readonly #store: ObjectStore
  readonly #watches: Watches
  readonly #reviews: Reviews
  readonly #kinds: ServedKinds

  constructor(parts: {
    readonly store: ObjectStore
    readonly watches: Watches
    readonly reviews: Reviews
    readonly kinds: ServedKinds
  }) {
    this.#store = parts.store
    this.#watches = parts.watches
    this.#reviews = parts.reviews
    this.#kinds = parts.kinds
  }

  /** Answers a request, refusals included. */
  answer(user: string, request: HttpRequest): Answer {
    try {
      return this.#route(user, request)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return { status: error.status.code ?? 500, body: error.status }
    }
  }

  #route(user: string, http: HttpRequest): Answer {
    const { path, query } = splitPath(http.path)
    const plain = plainPaths[path]
    if (plain !== undefined) return { status: 200, body: plain }
    if ((http.body?.length ?? 0) > maxBodyBytes) {
      throw tooLargeBody(maxBodyBytes)
    }
    if (http.method === 'POST') {
      const body = this.#reviews.answer(path, http)
      if (body !== undefined) return { status: 201, body }
    }
    const target = readTarget(path, this.#kinds)
    const request: ApiRequest = {
      ...target,
      method: http.method,
      query,
      body: http.body,
      contentType: http.contentType ?? 'application/json',
      user,
      signal: http.signal,
    }
    const answer = request.name === '' ? this.#onCollection(request) : this.#onObject(request)
    if (request.kind === definitionKind && http.method !== 'GET') this.#kinds.refresh(this.#store)
    return answer
  }

  #onCollection(request: ApiRequest): Answer {
    const { method, query } = request
    if (method === 'GET') {
      if (isSet(query.get('watch'))) return { status: 200, stream: this.#watches.open(request) }
      return { status: 200, body: listObjects(this.#store, request) }
    }
    if (request.kind.namespaced && request.namespace === '') throw methodNotAllowed()
    if (method === 'DELETE') return this.#deleteAll(request)
    if (method !== 'POST') throw methodNotAllowed()
    const draft = readDraft(readBody(request), request)
    if (query.get('fieldValidation') === 'Strict') refuseStrange(request.kind, draft)
    const object = createObject(this.#store, request, draft, this.#act(request, 'create'))
    return { status: 201, body: this.#shown(request.kind, object) }
  }

  #onObject(request: ApiRequest): Answer {
    const { method, kind, subresource } = request
    if (subresource === 'scale' && kind.scale !== undefined) return this.#onScale(request)
    if (subresource === 'finalize' && kind === namespaceKind && method === 'PUT') {
      const draft = readDraft(readBody(request), request)
      const act = this.#act(request, 'update')
      return { status: 200, body: finalizeNamespace(this.#store, request.name, draft, act) }
    }
    if (subresource !== '' && !(subresource === 'status' && kind.hasStatus)) {
      throw kind.isCustom ? absent(request) : noSuchPath()
    }
    if (method === 'GET') {
      refuseEarly(this.#store, request.query.get('resourceVersion') ?? '')
      return { status: 200, body: this.#shown(kind, this.#find(request)) }
    }
    if (method === 'PUT') return this.#put(request)
    if (method === 'PATCH') return this.#patch(request)
    if (method !== 'DELETE' || subresource !== '') throw methodNotAllowed()
    const answer = this.#delete(request, request)
    const status = 200
    if (answer.kind === 'Status') return { status, body: answer }
    return { status, body: this.#shown(kind, answer as StoredObject) }
  }

  /** Deletes the objects that a list would show, one after another, and answers with that list. */
  #deleteAll(request: ApiRequest): Answer {
    const list = listObjects(this.#store, request)
    const { filter, prefix } = readSelection(request, request.query)
    for (const object of this.#store.of(request.kind).under(prefix)) {
      const { name, namespace = '' } = object.metadata
      if (filter === undefined || filter(object)) {
        this.#delete(request, { ...request, name, namespace })
      }
    }
    return { status: 200, body: list }
  }

  #delete(request: ApiRequest, target: Target): StoredObject | Status {
    const body = request.body ? readBody(request) : undefined
    const options = readDeleteOptions(body, request.query)
    const act = this.#act(request, 'delete')
    const isDry = act.isDry || options.isDry
    return deleteObject(this.#store, target, options, { ...act, isDry })
  }

  #put(request: ApiRequest): Answer {
    const draft = readDraft(readBody(request), request)
    checkName(draft, request)
    const { object, isNew } = updateObject(
      this.#store,
      request,
      () => draft,
      this.#act(request, 'update'),
    )
    return { status: isNew ? 201 : 200, body: this.#shown(request.kind, object) }
  }

  #patch(request: ApiRequest): Answer {
    if (request.contentType === applyType) return this.#apply(request)
    const apply = patchTypes[request.contentType]
    if (apply === undefined) {
      const why = `the body of the request was in an unknown format - accepted media types include: ${Object.keys(patchTypes).join(', ')}`
      throw new Refusal(415, 'UnsupportedMediaType', why, {})
    }
    const patch = readBody(request)
    const { object } = updateObject(
      this.#store,
      request,
      (old) => {
        if (old === undefined) throw absent(request)
        const draft = readPatched(apply(this.#shown(request.kind, old), patch), request)
        checkName(draft, request)
        return draft
      },
      this.#act(request, 'patch'),
    )
    return { status: 200, body: this.#shown(request.kind, object) }
  }

  #apply(request: ApiRequest): Answer {
    const part = readPart(request)
    const act = this.#act(request, 'apply')
    const { object, isNew } = updateObject(
      this.#store,
      request,
      (old) => {
        const result = applyPart(this.#store, request, part, old, act.writer)
        checkName(result.draft, request)
        return result
      },
      act,
    )
    return { status: isNew ? 201 : 200, body: this.#shown(request.kind, object) }
  }

  #onScale(request: ApiRequest): Answer {
    const { method, kind } = request
    if (method === 'GET') return { status: 200, body: scaleOf(kind, this.#find(request)) }
    const patch = method === 'PATCH' ? patchTypes[request.contentType] : undefined
    if (method !== 'PUT' && patch === undefined) throw methodNotAllowed()
    const body = readBody(request)
    const { object } = updateObject(
      this.#store,
      request,
      (old) => {
        if (old === undefined) throw absent(request)
        return scaled(kind, old, (scale) => patch?.(scale, body) ?? body)
      },
      this.#act(request, method === 'PUT' ? 'update' : 'patch'),
    )
    return { status: 200, body: scaleOf(kind, object) }
  }

  #find(request: ApiRequest): StoredObject {
    const { kind, namespace, name } = request
    const key = keyFor(kind.namespaced ? namespace : undefined, name)
    const found = this.#store.of(kind).get(key)
    if (found === undefined) throw absent(request)
    return found
  }

  #shown(kind: ServedKind, object: StoredObject): StoredObject {
    return kind.verbs.fromStorage?.(object) ?? object
  }

  #act({ kind, query, subresource, user, body }: ApiRequest, verb: string): StoreAct {
    const writer: Writer = {
      manager: query.get('fieldManager') || user,
      operation: verb === 'apply' ? 'Apply' : 'Update',
      apiVersion: kind.group === '' ? kind.version : `${kind.group}/${kind.version}`,
      subresource,
    }
    const isLarge = (body?.length ?? 0) > largeBytes
    return { user, verb, isDry: query.get('dryRun') === 'All', isLarge, writer }
  }
}

const isSet = (value: string | null): boolean => value === 'true' || value === '1'

const patchTypes: Readonly<Record<string, (target: unknown, patch: unknown) => unknown>> = {
  'application/json-patch+json': applyJsonPatch,
  'application/merge-patch+json': applyMergePatch,
}

const plainPaths: Readonly<Record<string, unknown>> = {
  '/version': { major: '1', minor: '36', gitVersion: 'v1.36.3', platform: 'linux/amd64' },
  '/readyz': 'ok',
  '/livez': 'ok',
  '/healthz': 'ok',
}
