export type { RequestOptions } from './api-call.ts'
import type { Dispatcher } from 'undici'
import {
  Caller,
  type CallerOptions,
  type Query,
  type RequestOptions,
  type WriteGuard,
} from './api-call.ts'
import { loadKubeConfig } from './config.ts'
import { KubeError, isGone } from './errors.ts'
import {
  type KubeObject,
  type ObjectMeta,
  type ObjectRef,
  type Resource,
  apiVersionOf,
  pathOf,
} from './resource.ts'

interface ListOptions extends RequestOptions {
  /** By default all namespaces. */
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
}

/** Options of writes. */
interface WriteOptions extends RequestOptions {
  /** Who is recorded as the owner of the fields; by default the first word of the user agent. */
  readonly fieldManager?: string | undefined
  /** `status`, `scale`, `eviction`, … instead of the object itself. */
  readonly subresource?: string | undefined
}

/** One page of a list; `continue` asks for the next. */
interface Page<T> {
  readonly items: readonly T[]
  readonly resourceVersion: string
  readonly continue: string | undefined
}

interface ListAnswer<T> {
  readonly items?: readonly T[] | null
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string }
}

/** An object to be created or replaced: the server fills in the rest of its metadata. */
type Draft<T extends KubeObject> = Omit<T, 'apiVersion' | 'kind' | 'metadata'> & {
  readonly metadata: ObjectMeta
}

/**
 * Part of an object, as server-side apply takes it: exactly the fields that the manager wants to
 * own.
 */
type Fragment<T extends KubeObject> = DeepPartial<Omit<T, 'apiVersion' | 'kind' | 'metadata'>> & {
  readonly metadata: ObjectMeta
}

type DeepPartial<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [Key in keyof T]?: DeepPartial<T[Key]> | undefined }
    : T

/** Only `config`, `clock` and `random` have no default. */
export type KubeClientOptions = CallerOptions

const listMs = 60_000
const pageSize = 500

/**
 * The Kubernetes API as JSON in, JSON out: nothing is converted and nothing is lost on the way.
 * Guarantees: every call has a deadline; reads and server-side applies are repeated up to three
 * times after a passing failure, any verb after a 429 that names a time (the server did nothing);
 * everything else fails at once, because a write without an answer may have happened.
 * Errors: `KubeError`; the signal's reason when the caller gave up.
 */
export class KubeClient {
  /** The namespace of the Pod or of the kubeconfig's context. */
  readonly namespace: string
  readonly #options: KubeClientOptions
  readonly #caller: Caller

  constructor(options: KubeClientOptions, caller: Caller = new Caller(options)) {
    this.#options = options
    this.#caller = caller
    this.namespace = options.config.namespace
  }

  /**
   * The same client over the same connections, for writes that only a leader may send:
   * `client.guarded(() => elector.writableMs())`.
   * Guarantees: a write (anything but GET) is sent only if the guard allows it at that very moment,
   * after all queueing and connecting, also when the process was paused meanwhile; it is given up
   * when the time that the guard named is over.
   * Errors: `WriteBarredError` when nothing was sent; a `Timeout` when the write may have happened.
   */
  guarded(guard: WriteGuard): KubeClient {
    return new KubeClient(this.#options, this.#caller.guarded(guard))
  }

  /** Finds the API server (the Pod's own, else the kubeconfig) and makes a client for it. */
  static async connect(
    options: Omit<KubeClientOptions, 'config'> & {
      readonly env: Readonly<Record<string, string | undefined>>
      readonly kubeconfig?: string | undefined
      readonly context?: string | undefined
      readonly signal?: AbortSignal | undefined
    },
  ): Promise<KubeClient> {
    return new KubeClient({ ...options, config: await loadKubeConfig(options) })
  }

  async get<T extends KubeObject>(
    resource: Resource<T>,
    options: ObjectRef & RequestOptions & { readonly subresource?: string },
  ): Promise<T> {
    const path = pathOf(resource, options)
    return this.#caller.call({ ...options, method: 'GET', path, repeatable: true })
  }

  /**
   * Reads all pages. When the continue token expires, the list is read again in one piece, which
   * needs no token.
   */
  async list<T extends KubeObject, Kept = T>(
    resource: Resource<T>,
    options: ListOptions & {
      /**
       * Applied to each object as its page arrives, so that fields which it drops are never held
       * for all objects at once.
       */
      readonly transform?: (object: T) => Kept
    } = {},
  ): Promise<{ readonly items: readonly Kept[]; readonly resourceVersion: string }> {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- without a transform, Kept is T
    const { transform = (object: T) => object as unknown as Kept } = options
    let items: Kept[] = []
    let page: Page<T> | undefined
    do {
      try {
        page = await this.listPage(resource, { ...options, continue: page?.continue })
      } catch (error) {
        if (page === undefined || !isGone(error)) throw error
        items = []
        page = await this.listPage(resource, { ...options, limit: 0 })
      }
      for (const item of page.items) items.push(transform(item))
    } while (page.continue !== undefined)
    return { items, resourceVersion: page.resourceVersion }
  }

  /**
   * One page of up to 500 objects.
   * Errors: 410 when the continue token expired; start again, or ask for all in one answer with
   * `limit: 0`.
   */
  async listPage<T extends KubeObject>(
    resource: Resource<T>,
    options: ListOptions & {
      readonly continue?: string | undefined
      readonly limit?: number
    } = {},
  ): Promise<Page<T>> {
    const { labelSelector, fieldSelector, limit = pageSize } = options
    const path = pathOf(resource, { namespace: options.namespace })
    const answer: ListAnswer<T> | undefined = await this.#caller.call({
      timeoutMs: this.#options.listMs ?? listMs,
      ...options,
      method: 'GET',
      path,
      query: { labelSelector, fieldSelector, limit, continue: options.continue },
      repeatable: true,
    })
    const { items = [], metadata } = answer ?? {}
    if (!Array.isArray(items ?? []) || !metadata?.resourceVersion) {
      // If the page of a proxy passed for an empty list, a cache would drop all its objects.
      const message = `GET ${path}: the answer is not a list`
      throw new KubeError({ status: 0, reason: 'NoList', message })
    }
    // The items of a list have neither, unlike the same object from a get or a watch.
    const type = { apiVersion: apiVersionOf(resource), kind: resource.kind }
    return {
      items: (items ?? []).map((item) => ({ ...type, ...item })),
      resourceVersion: metadata.resourceVersion,
      continue: metadata.continue || undefined,
    }
  }

  /**
   * Opens a watch and hands out its bytes, which `watch.ts` reads. It has no limit and no retry;
   * the reflector decides about both.
   */
  async openWatch(
    resource: Resource,
    query: Query,
    options: { readonly namespace?: string | undefined; readonly signal: AbortSignal },
  ): Promise<AsyncIterable<Buffer>> {
    const path = pathOf(resource, { namespace: options.namespace })
    return this.#caller.stream(path, { ...query, watch: true }, options)
  }

  /** Errors: 409 AlreadyExists when the name is taken. */
  async create<T extends KubeObject>(
    resource: Resource<T>,
    object: Draft<T>,
    options: WriteOptions & {
      readonly dryRun?: boolean
      /** Whether unknown fields are refused; by default the server drops them. */
      readonly strict?: boolean
    } = {},
  ): Promise<T> {
    const { namespace, name } = object.metadata
    return this.#caller.call({
      ...options,
      method: 'POST',
      path: pathOf(
        resource,
        // A subresource (eviction, token) is posted to the object, a new object to its collection.
        options.subresource === undefined
          ? { namespace }
          : { namespace, name, subresource: options.subresource },
      ),
      query: {
        fieldManager: options.fieldManager,
        dryRun: options.dryRun ? 'All' : undefined,
        fieldValidation: options.strict ? 'Strict' : undefined,
      },
      body: typed(resource, object),
      repeatable: false,
    })
  }

  /**
   * Replaces the object. With `metadata.resourceVersion` it fails with a conflict if somebody wrote
   * in between.
   */
  async update<T extends KubeObject>(
    resource: Resource<T>,
    object: Draft<T>,
    options: WriteOptions = {},
  ): Promise<T> {
    return this.#caller.call({
      ...options,
      method: 'PUT',
      path: pathOf(resource, { ...object.metadata, subresource: options.subresource }),
      query: { fieldManager: options.fieldManager },
      body: typed(resource, object),
      repeatable: false,
    })
  }

  /**
   * Replaces the status only: the cheapest write of all, and the server ignores every other change
   * in `object`.
   */
  async updateStatus<T extends KubeObject>(
    resource: Resource<T>,
    object: Draft<T>,
    options: WriteOptions = {},
  ): Promise<T> {
    return this.update(resource, object, { ...options, subresource: 'status' })
  }

  /**
   * Server-side apply. `force` is on by default, because a controller owns the fields that it
   * applies.
   * Caveats: fields applied earlier and absent now are removed; a `resourceVersion` in `object`
   * makes it conditional.
   */
  async apply<T extends KubeObject>(
    resource: Resource<T>,
    object: Fragment<T>,
    options: WriteOptions & { readonly fieldManager: string; readonly force?: boolean },
  ): Promise<T> {
    const { fieldManager, force = true, subresource } = options
    return this.#caller.call({
      ...options,
      method: 'PATCH',
      path: pathOf(resource, { ...object.metadata, subresource }),
      query: { fieldManager, force },
      body: typed(resource, object),
      contentType: 'application/apply-patch+yaml',
      repeatable: true,
    })
  }

  /** JSON merge patch (null removes a field, lists are replaced whole) or JSON patch. */
  async patch<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef,
    patch:
      | { readonly type: 'merge'; readonly body: object }
      | { readonly type: 'json'; readonly body: readonly PatchOperation[] },
    options: WriteOptions = {},
  ): Promise<T> {
    return this.#caller.call({
      ...options,
      method: 'PATCH',
      path: pathOf(resource, { ...ref, subresource: options.subresource }),
      query: { fieldManager: options.fieldManager },
      body: patch.body,
      contentType:
        patch.type === 'merge' ? 'application/merge-patch+json' : 'application/json-patch+json',
      repeatable: false,
    })
  }

  /**
   * Deletes one object; with `uid` or `resourceVersion` only that very object. Returns the object
   * while finalizers or a grace period keep it, and undefined once it is gone. The answer to a
   * complete deletion has no version, so ask a cache when it shows the deletion
   * (`Informer.waitUntilGone`). Errors: 404 when the object is not there, 409 when `uid` or
   * `resourceVersion` differ.
   */
  async delete<T extends KubeObject>(
    resource: Resource<T>,
    ref: ObjectRef & {
      readonly uid?: string | undefined
      readonly resourceVersion?: string | undefined
      readonly propagation?: 'Background' | 'Foreground' | 'Orphan'
      readonly gracePeriodSeconds?: number
    },
    options: RequestOptions = {},
  ): Promise<T | undefined> {
    const { uid, resourceVersion, propagation = 'Background', gracePeriodSeconds } = ref
    const answer: T = await this.#caller.call({
      ...options,
      method: 'DELETE',
      path: pathOf(resource, { namespace: ref.namespace, name: ref.name }),
      body: {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        propagationPolicy: propagation,
        gracePeriodSeconds,
        ...(uid === undefined && resourceVersion === undefined
          ? {}
          : { preconditions: { uid, resourceVersion } }),
      },
      repeatable: false,
    })
    return answer.kind === 'Status' ? undefined : answer
  }

  /** Asks for any other path, such as `/version`, `/healthz` or the log of a Pod, which is text. */
  async raw(
    method: Dispatcher.HttpMethod,
    path: string,
    body?: unknown,
    options: RequestOptions & { readonly contentType?: string } = {},
  ): Promise<unknown> {
    const repeatable = method === 'GET'
    return this.#caller.call({ ...options, method, path, body, repeatable, mayBeText: true })
  }

  /**
   * Reads any path as a stream, such as the log of a Pod that is followed. It has no limit, no
   * retry and no deadline.
   */
  async rawStream(
    path: string,
    query: Query,
    options: { readonly signal: AbortSignal },
  ): Promise<AsyncIterable<Buffer>> {
    return this.#caller.stream(path, query, options)
  }

  /** Cuts all connections, and with them the calls under way. */
  async close(): Promise<void> {
    await this.#caller.close()
  }
}

function typed(resource: Resource, object: object): object {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object }
}

/** One operation of an RFC 6902 JSON patch. */
type PatchOperation =
  | { readonly op: 'test' | 'add' | 'replace'; readonly path: string; readonly value: unknown }
  | { readonly op: 'remove'; readonly path: string }

/**
 * An RFC 6901 pointer from its parts: `pointer('metadata', 'annotations', 'a/b')` is
 * `/metadata/annotations/a~1b`.
 */
export function pointer(...parts: readonly (string | number)[]): string {
  return parts
    .map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`)
    .join('')
}
