import { errorFromAnswer } from '../core/kube/errors.ts'
import type { Clock, Random } from '../core/base/clock.ts'
import type { KubeObject, Resource } from '../core/kube/resource.ts'
import type { HttpRequest, HttpTransport } from '../core/kube/transport.ts'
import type { CompiledKinds } from './kind.ts'
import { isTooEarly, type Status } from './refusal.ts'
import { Reviews, Tokens, type TokenSubject } from './tokens.ts'
import { type Answer, Router } from './router.ts'
import { ServedKinds } from './served-kinds.ts'
import { type CommitReport, ObjectStore } from './store.ts'
import { Watches } from './watch.ts'

/**
 * A Kubernetes API server inside the process, for simulation and for the conformance suite:
 * everything that this project uses behaves as kube-apiserver 1.36 does (test/conformance/fidelity
 * holds them against each other).
 *
 * Deterministic: time and chance come from outside; a request is carried out synchronously when
 * `call` is called, and its answer follows in a microtask. Objects that are handed out are the
 * stored ones, frozen.
 */
export class SimulatedApiServer {
  readonly #store: ObjectStore
  readonly #watches: Watches
  readonly #tokens: Tokens
  readonly #router: Router

  constructor(options: {
    readonly clock: Clock
    readonly random: Random
    /** Kinds of CRDs, compiled once for all servers. */
    readonly kinds?: CompiledKinds
    /** How many changes of a kind a watch can look back on at least; 1,000 by default. */
    readonly historyLimit?: number
    /**
     * Whether objects carry `metadata.managedFields`, which costs time and is of interest to few.
     */
    readonly showsOwners?: boolean
  }) {
    const { clock, random, kinds = [], historyLimit = 1_000, showsOwners = false } = options
    this.#store = new ObjectStore({ clock, random, historyLimit, showsOwners })
    this.#watches = new Watches(this.#store)
    this.#tokens = new Tokens(this.#store)
    this.#router = new Router({
      store: this.#store,
      watches: this.#watches,
      reviews: new Reviews(this.#tokens),
      kinds: new ServedKinds(kinds),
    })
    for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease']) {
      this.#router.answer('system:apiserver', {
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

  /**
   * Forgets the history: watches from older versions, and continue tokens, get 410. Open watches go
   * on.
   */
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

  /** The transport for a `KubeClient`. `user` is the name that commits are counted for. */
  transport(options: { readonly user?: string } = {}): HttpTransport {
    const { user = 'admin' } = options
    return {
      call: async (request) => {
        request.signal.throwIfAborted()
        request.beforeSend?.()
        const answer = await this.answer(user, request)
        if ('stream' in answer) throw new TypeError('a watch is opened with stream')
        return accepted(request, answer)
      },
      stream: async (request) => {
        request.signal.throwIfAborted()
        const answer = await this.answer(user, request)
        if ('stream' in answer) return { status: answer.status, body: answer.stream }
        const { status, body } = accepted(request, answer)
        return { status, body: oneChunk(body) }
      },
      close: async () => undefined,
    }
  }

  /**
   * Answers one request, refusals included, for `transport` and the HTTP front. A write is done
   * before this returns; only a version that is not reached yet is waited for.
   */
  async answer(user: string, request: HttpRequest): Promise<Answer> {
    const answer = this.#router.answer(user, request)
    if (answer.status !== 504 || 'stream' in answer || !isTooEarly(answer.body as Status)) {
      return answer
    }
    await this.#store.clock.sleep(patienceMs, { signal: request.signal })
    return this.#router.answer(user, request)
  }
}

/** How long a version is waited for that is not reached yet. */
const patienceMs = 3_000
const never = new AbortController().signal

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
