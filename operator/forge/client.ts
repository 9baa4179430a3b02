import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { jsonOf } from '../../core/base/lines.ts'
import { answerAs } from '../../core/api/value-problems.ts'
import {
  type BranchState,
  type EnsureRepository,
  type ForgeProblemCode,
  type Integrate,
  type IntegrateResult,
  type RepositoryState,
  type TreeListing,
  branchState,
  integrateResult,
  repositoryState,
  treeListing,
} from '../../core/api/forge-protocol.ts'
import type { Clock } from '../../core/base/clock.ts'
import { withDeadline } from '../../core/base/wait.ts'

/** The forge said no, or could not be reached (`Unreachable`). */
export class ForgeError extends Error {
  override readonly name = 'ForgeError'
  readonly code: ForgeProblemCode | 'Unreachable'

  constructor(code: ForgeProblemCode | 'Unreachable', message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

const problem = z.object({ code: z.string(), message: z.string() })

/** What the operator asks of the forge; every question may be repeated. Errors: `ForgeError`. */
export type Forge = Pick<ForgeClient, 'ensure' | 'branch' | 'tree' | 'file' | 'integrate'>

/** Asks the forge, with the operator's own token; the file is read for every call because the kubelet renews it. */
export class ForgeClient {
  readonly #url: string
  readonly #tokenFile: string
  readonly #clock: Clock
  readonly #fetch: typeof fetch

  constructor(options: {
    readonly url: string
    readonly tokenFile: string
    readonly clock: Clock
    readonly fetch: typeof fetch
  }) {
    this.#url = options.url.replace(/\/$/, '')
    this.#tokenFile = options.tokenFile
    this.#clock = options.clock
    this.#fetch = options.fetch
  }

  /** Makes the repository and the branch, or finds them. A mirror of a large repository may take minutes. */
  async ensure(
    repository: string,
    body: EnsureRepository,
    options: { readonly signal: AbortSignal },
  ): Promise<RepositoryState> {
    return answerAs(
      repositoryState,
      await this.#call('PUT', `/api/repositories/${repository}`, body, 300_000, options.signal),
      'the forge',
    )
  }

  async branch(
    repository: string,
    branch: string,
    base: string,
    options: { readonly signal: AbortSignal },
  ): Promise<BranchState> {
    const path = `/api/repositories/${repository}/branches/${encodeURIComponent(branch)}?base=${base}`
    return answerAs(
      branchState,
      await this.#call('GET', path, undefined, 15_000, options.signal),
      'the forge',
    )
  }

  async tree(
    repository: string,
    commit: string,
    options: { readonly signal: AbortSignal },
  ): Promise<TreeListing> {
    const path = `/api/repositories/${repository}/tree/${commit}`
    return answerAs(
      treeListing,
      await this.#call('GET', path, undefined, 15_000, options.signal),
      'the forge',
    )
  }

  /** The text of one file; undefined when there is none. */
  async file(
    repository: string,
    commit: string,
    path: string,
    options: { readonly signal: AbortSignal },
  ): Promise<string | undefined> {
    try {
      const query = `/api/repositories/${repository}/blob/${commit}?path=${encodeURIComponent(path)}`
      return String(await this.#call('GET', query, undefined, 15_000, options.signal))
    } catch (error) {
      if (error instanceof ForgeError && error.code === 'NotFound') return undefined
      throw error
    }
  }

  async integrate(
    repository: string,
    body: Integrate,
    options: { readonly signal: AbortSignal },
  ): Promise<IntegrateResult> {
    return answerAs(
      integrateResult,
      await this.#call(
        'POST',
        `/api/repositories/${repository}/integrate`,
        body,
        60_000,
        options.signal,
      ),
      'the forge',
    )
  }

  async #call(
    method: string,
    path: string,
    body: unknown,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<unknown> {
    const token = (await readFile(this.#tokenFile, 'utf8')).trim()
    const name = `forge ${method} ${path.split('?')[0] ?? ''}`
    return withDeadline({ clock: this.#clock, ms: timeoutMs, name, signal }, async (bounded) => {
      const answered = async (): Promise<readonly [Response, string]> => {
        const answer = await this.#fetch(`${this.#url}${path}`, {
          method,
          signal: bounded,
          headers: {
            authorization: `Bearer ${token}`,
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        })
        return [answer, await answer.text()]
      }
      const [response, text] = await this.#patiently(answered, bounded).catch((error: unknown) => {
        // The caller gave up; that says nothing about the forge.
        if (signal.aborted) throw signal.reason
        const late = bounded.aborted ? ` within ${timeoutMs / 1000} s` : ''
        throw new ForgeError('Unreachable', `the forge at ${this.#url} does not answer${late}`, {
          cause: error,
        })
      })
      if (response.ok)
        return response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text
      const said = problem.safeParse(jsonOf(text))
      throw said.success
        ? new ForgeError(said.data.code as ForgeProblemCode, said.data.message)
        : new ForgeError('Internal', `${name}: HTTP status ${response.status}`)
    })
  }

  /** Asks again when there was no answer at all; every question to the forge may be repeated. */
  async #patiently<T>(ask: () => Promise<T>, signal: AbortSignal): Promise<T> {
    for (const ms of pausesMs) {
      try {
        return await ask()
      } catch (error) {
        if (signal.aborted) throw error
        await this.#clock.sleep(ms, { signal })
      }
    }
    return ask()
  }
}

/** Pauses before asking again a forge that cannot be reached: a Service needs a moment to follow a new Pod. */
const pausesMs = [250, 750, 1500]
