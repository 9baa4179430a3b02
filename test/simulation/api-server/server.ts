import { errorFromAnswer } from '../../../operator/kube/errors.ts'
import type { Clock, Random } from '../../../operator/kube/ports.ts'
import type { KubeObject, Resource } from '../../../operator/kube/resource.ts'
import type { HttpRequest, HttpTransport } from '../../../operator/kube/transport.ts'
import { applyPart, applyType, readPart } from './apply.ts'
import type { Writer } from './apply/managers.ts'
import { builtInKinds } from './built-in-kinds.ts'
import { createObject } from './create.ts'
import { deleteObject, readDeleteOptions } from './delete.ts'
import { absent, checkName, readDraft } from './draft.ts'
import { definitionKind, establishedStatus } from './definitions.ts'
import { isEqual, isFields } from './json.ts'
import { applyJsonPatch, applyMergePatch } from './json-patch.ts'
import { type CompiledKinds, compileKinds, type Definition, type Kind } from './kind.ts'
import { keyFor } from './collection.ts'
import { listObjects } from './list.ts'
import type { StoredObject } from './metadata.ts'
import { badRequest, methodNotAllowed, Refusal } from './refusal.ts'
import { type ApiRequest, readBody, readTarget, splitPath } from './request.ts'
import { scaled, scaleOf } from './scale.ts'
import { type Act, type CommitReport, Store } from './store.ts'
import { Tokens, type TokenSubject } from './tokens.ts'
import { updateObject } from './update.ts'
import { Watches } from './watch.ts'

/** What the server answers: a value, or the bytes of a watch. */
export type Answer =
  | { readonly status: number; readonly body: unknown }
  | { readonly status: number; readonly stream: AsyncIterable<Buffer> }

/** Objects larger than this are refused, as etcd does. */
const maxBytes = 1_572_864
/** Bodies larger than this are not even read. */
const maxBodyBytes = 3 * 1024 * 1024

/**
 * A Kubernetes API server inside the process, for simulation and for the conformance suite: everything that this project
 * uses behaves as kube-apiserver 1.36 does (test/conformance/fidelity holds them against each other).
 *
 * Deterministic: time and chance come from outside; a request is carried out synchronously when `call` is called, and
 * its answer follows in a microtask. Objects that are handed out are the stored ones, frozen.
 */
export class SimulatedApiServer {
  readonly #store: Store
  readonly #watches: Watches
  readonly #tokens: Tokens
  readonly #given: CompiledKinds
  readonly #compiled = new Map<string, { readonly spec: unknown; readonly kinds: CompiledKinds }>()
  #kinds: ReadonlyMap<string, Kind>

  constructor(options: {
    readonly clock: Clock
    readonly random: Random
    /** Kinds of CRDs, compiled once for all servers. */
    readonly kinds?: CompiledKinds
    /** How many changes of a kind a watch can look back on at least; 1000 unless told. */
    readonly historyLimit?: number
    /** Whether objects carry `metadata.managedFields`, which costs time and is of interest to few. */
    readonly showsOwners?: boolean
  }) {
    const { clock, random, kinds = [], historyLimit = 1_000, showsOwners = false } = options
    this.#store = new Store({ clock, random, historyLimit, showsOwners })
    this.#watches = new Watches(this.#store)
    this.#tokens = new Tokens(this.#store)
    this.#given = kinds
    this.#kinds = new Map([
      ...builtInByPath,
      ...kinds.map((kind) => [pathKey(kind), kind] as const),
    ])
    for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease']) {
      this.#handle('system:apiserver', {
        method: 'POST',
        path: '/api/v1/namespaces',
        body: JSON.stringify({ metadata: { name } }),
        signal: never,
      })
    }
  }

  get revision(): number {
    return this.#store.revision
  }

  /** How many watches are open. */
  get openWatches(): number {
    return this.#watches.size
  }

  /** The truth: all objects of a kind, in key order, as they are stored. */
  objects(resource: Pick<Resource, 'group' | 'plural'>): readonly KubeObject[] {
    return this.#store.of(resource).values()
  }

  /** Called synchronously after each committed revision. */
  onCommit(listener: (commit: CommitReport) => void): void {
    this.#store.onCommit(listener)
  }

  /** Forgets the history: watches from older versions, and continue tokens, get 410. Open watches go on. */
  compact(): void {
    this.#store.compact()
  }

  /** Cuts every watch, as a server that restarts does; with `compact`, a restart. */
  cutWatches(error: unknown = new Error('the API server went away')): void {
    this.#watches.cutAll(error)
  }

  /** A token that TokenReview knows, until its Pod is gone. */
  issueToken(subject: TokenSubject): string {
    return this.#tokens.issue(subject)
  }

  /** What a `KubeClient` sends requests through; `user` is whom commits are counted for. */
  transport(options: { readonly user?: string } = {}): HttpTransport {
    const { user = 'admin' } = options
    return {
      call: async (request) => {
        request.signal.throwIfAborted()
        request.beforeSend?.()
        const answer = this.#handle(user, request)
        if ('stream' in answer) throw new TypeError('a watch is opened with stream')
        return accepted(request, answer)
      },
      stream: async (request) => {
        request.signal.throwIfAborted()
        const answer = this.#handle(user, request)
        if ('stream' in answer) return { status: answer.status, body: answer.stream }
        const { status, body } = accepted(request, answer)
        return { status, body: oneChunk(body) }
      },
      close: async () => undefined,
    }
  }

  /** Answers one request, refusals included: what the HTTP front sends on. */
  answer(user: string, request: HttpRequest): Answer {
    return this.#handle(user, request)
  }

  #handle(user: string, request: HttpRequest): Answer {
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
      throw new Refusal(
        413,
        'RequestEntityTooLarge',
        `Request entity too large: limit is ${maxBodyBytes}`,
        {},
      )
    }
    if (http.method === 'POST') {
      const answer = this.#ask(path, http)
      if (answer !== undefined) return answer
    }
    const target = readTarget(path, (name) => this.#kinds.get(name))
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
    if (request.kind.storage === definitionStorage && http.method !== 'GET') this.#define()
    return answer
  }

  #onCollection(request: ApiRequest): Answer {
    const { method, query } = request
    if (method === 'GET') {
      if (isSet(query.get('watch'))) return { status: 200, stream: this.#watches.open(request) }
      return { status: 200, body: listObjects(this.#store, request) }
    }
    if (method !== 'POST') throw methodNotAllowed()
    if (request.kind.namespaced && request.namespace === '') throw methodNotAllowed()
    const draft = readDraft(readBody(request), request)
    const object = createObject(this.#store, request, draft, this.#act(request, 'create'))
    return { status: 201, body: this.#shown(request.kind, object) }
  }

  #onObject(request: ApiRequest): Answer {
    const { method, kind, subresource } = request
    if (subresource === 'scale' && kind.scale !== undefined) return this.#onScale(request)
    if (subresource !== '' && !(subresource === 'status' && kind.hasStatus)) {
      throw new Refusal(404, 'NotFound', 'the server could not find the requested resource', {})
    }
    if (method === 'GET') return { status: 200, body: this.#shown(kind, this.#find(request)) }
    if (method === 'PUT') return this.#put(request)
    if (method === 'PATCH') return this.#patch(request)
    if (method !== 'DELETE' || subresource !== '') throw methodNotAllowed()
    const body = request.body ? readBody(request) : undefined
    const options = readDeleteOptions(body, request.query)
    const answer = deleteObject(this.#store, request, options, this.#act(request, 'delete'))
    const status = 200
    if (answer.kind === 'Status') return { status, body: answer }
    return { status, body: this.#shown(kind, answer as StoredObject) }
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
        const draft = readDraft(apply(this.#shown(request.kind, old), patch), request)
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

  #shown(kind: Kind, object: StoredObject): StoredObject {
    return kind.verbs.fromStorage?.(object) ?? object
  }

  #act({ kind, query, subresource, user }: ApiRequest, verb: string): Act {
    const writer: Writer = {
      manager: query.get('fieldManager') || user,
      operation: verb === 'apply' ? 'Apply' : 'Update',
      apiVersion: kind.group === '' ? kind.version : `${kind.group}/${kind.version}`,
      subresource,
    }
    return { user, verb, isDry: query.get('dryRun') === 'All', writer }
  }

  /** Questions that are posted and stored nowhere. */
  #ask(path: string, http: HttpRequest): Answer | undefined {
    const isReview = path === '/apis/authentication.k8s.io/v1/tokenreviews'
    const isAccess = path === '/apis/authorization.k8s.io/v1/subjectaccessreviews'
    if (!isReview && !isAccess) return undefined
    const body = readBody(http)
    if (!isFields(body)) throw badRequest('the object provided is unrecognized')
    if (isReview) return { status: 201, body: this.#tokens.review(body) }
    // There are no roles here: whoever is not an administrator may do nothing.
    const spec = isFields(body['spec']) ? body['spec'] : {}
    const groups = Array.isArray(spec['groups']) ? spec['groups'] : []
    const allowed = groups.includes('system:masters')
    return { status: 201, body: { ...body, status: { allowed } } }
  }

  /** Serves what the CRDs say, as the controllers inside the real server do a moment after each change. */
  #define(): void {
    const kind = definitionKind
    const act: Act = { user: 'system:apiserver', verb: 'update', isDry: false, writer: ownWriter }
    const served = new Map(builtInByPath)
    for (const each of this.#given) served.set(pathKey(each), each)
    for (const object of this.#store.of(kind).values()) {
      const known = this.#compiled.get(object.metadata.uid ?? '')
      const isKnown = known !== undefined && isEqual(known.spec, object['spec'])
      const kinds = isKnown ? known.kinds : compileKinds([object as unknown as Definition])
      this.#compiled.set(object.metadata.uid ?? '', { spec: object['spec'], kinds })
      for (const each of kinds) served.set(pathKey(each), each)
      const status = establishedStatus(object, this.#store.time)
      if (status !== undefined) this.#store.put(kind, { ...object, status }, object, act)
    }
    this.#kinds = served
  }
}

const never = new AbortController().signal

const pathKey = ({ group, version, plural }: Kind): string => `${group}/${version}/${plural}`
const builtInByPath = builtInKinds.map((kind) => [pathKey(kind), kind] as const)

const definitionStorage = definitionKind.storage
const ownWriter: Writer = {
  manager: 'kube-apiserver',
  operation: 'Update',
  apiVersion: 'apiextensions.k8s.io/v1',
  subresource: 'status',
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

function accepted(
  request: HttpRequest,
  answer: { readonly status: number; readonly body: unknown },
): { readonly status: number; readonly body: unknown } {
  if (answer.status < 300) return answer
  const what = `${request.method} ${request.path.split('?', 1)[0]}`
  throw errorFromAnswer(what, answer.status, answer.body)
}

async function* oneChunk(body: unknown): AsyncGenerator<Buffer, void, undefined> {
  yield Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}

export { compileKinds, maxBytes, type CompiledKinds, type Definition }
