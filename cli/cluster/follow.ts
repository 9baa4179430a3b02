import { setMaxListeners } from 'node:events'
import { KubeError } from '../../core/kube/errors.ts'
import { agentTasks, agents, devRequests } from '../../core/api/kinds.ts'
import { Informer, type InformerOptions } from '../../core/kube/informer.ts'
import type { Clock, Random } from '../../core/base/clock.ts'
import type { Logger } from '../../core/base/logger.ts'
import type { KubeObject, Resource } from '../../core/kube/resource.ts'
import type { Snapshot } from '../../core/view/request.ts'

interface FollowOptions {
  readonly client: InformerOptions<KubeObject>['client']
  readonly namespace: string
  readonly name: string
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal
  /** Told once for each outage in which the cluster does not answer. */
  readonly trouble: (sentence: string) => void
}

/** Several objects change within milliseconds of each other; a person wants one picture of that. */
const settleMs = 60

/**
 * Yields one request with its tasks and agents whenever any of them changed; `undefined` while it
 * does not exist.
 * Guarantees: survives closed watches and an API server that is away for a while; goes on until the
 * signal is aborted or the caller stops. Errors: the signal's reason; the `KubeError` that waiting
 * does not cure, at once before the first view and later when it lasts for 20 s.
 */
export async function* followRequest(
  options: FollowOptions,
): AsyncGenerator<Snapshot | undefined, void, undefined> {
  const { client, namespace, name, clock, random, signal } = options
  const stop = new AbortController()
  setMaxListeners(0, stop.signal)
  const give = () => stop.abort(signal.reason)
  signal.addEventListener('abort', give, { once: true })
  if (signal.aborted) give()
  const bell = new Bell()
  let isSeen = false
  const isLasting = lasting()
  const log = troubleLog(options.trouble, clock, (error) => {
    if (isLasting(error, isSeen, clock.monotonic())) stop.abort(error)
    return stop.signal.aborted
  })
  const open = <T extends KubeObject>(resource: Resource<T>, fieldSelector?: string) => {
    const informer = new Informer<T>({
      client,
      namespace,
      clock,
      random,
      log,
      resource,
      fieldSelector,
    })
    informer.onChange(() => bell.ring())
    return informer
  }
  const requests = open(devRequests, `metadata.name=${name}`)
  const tasks = open(agentTasks, `spec.requestRef.name=${name}`)
  const team = open(agents)
  const all = [requests, tasks, team]
  const runs = all.map((informer) => informer.run({ signal: stop.signal }))
  try {
    await Promise.all(all.map((informer) => informer.synced({ signal: stop.signal })))
    isSeen = true
    for (;;) {
      bell.clear()
      const request = requests.get(namespace, name)
      yield request === undefined
        ? undefined
        : {
            request,
            tasks: tasks.list(),
            agents: team.list().toSorted((a, b) => a.metadata.name.localeCompare(b.metadata.name)),
          }
      await bell.wait(stop.signal)
      await clock.sleep(settleMs, { signal: stop.signal })
    }
  } finally {
    signal.removeEventListener('abort', give)
    stop.abort()
    await Promise.all(runs)
  }
}

/** Remembers that something happened until it was heard. */
class Bell {
  #rang = false
  #wake: (() => void) | undefined

  ring(): void {
    this.#rang = true
    this.#wake?.()
  }

  clear(): void {
    this.#rang = false
  }

  async wait(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#rang) return
    await new Promise<void>((resolve, reject) => {
      const stop = () => reject(signal.reason)
      signal.addEventListener('abort', stop, { once: true })
      this.#wake = () => {
        signal.removeEventListener('abort', stop)
        resolve()
      }
    })
  }
}

/** Refusals that are passing: the request is sent again, in another form or later. */
const passing: ReadonlySet<number> = new Set([408, 409, 410, 429])
const otherServer = /certificate|self.signed|altnames|issuer|SSL|TLS|EPROTO|wrong version number/i

/**
 * True for an answer that stays the same however long one waits: rights, credentials, a kind that
 * is not served, a certificate.
 * Caveat: while an API server starts it may refuse what it allows a moment later.
 */
export function isIncurable(error: unknown): error is KubeError {
  if (!(error instanceof KubeError)) return false
  const { status, message, reason } = error
  if (status === 0)
    return reason === 'Unreadable' || reason === 'NoList' || otherServer.test(message)
  return status >= 300 && status < 500 && !passing.has(status)
}

/** How long refusals are taken for those of an API server that starts, and a gap between two. */
const startMs = { lasts: 20_000, gap: 15_000 }

/** Whether a failure lasts, given all before it: before the first view at once, later after a time. */
function lasting(): (error: unknown, isSeen: boolean, now: number) => boolean {
  let since: number | undefined
  let last = 0
  return (error, isSeen, now) => {
    // A name that leads nowhere was mistyped, or the network is away; before the first view the
    // first is likelier.
    const isTyped = error instanceof KubeError && /ENOTFOUND/.test(error.message)
    if (!isSeen && (isIncurable(error) || isTyped)) return true
    if (!isIncurable(error)) since = undefined
    else if (since === undefined || now - last > startMs.gap) since = now
    last = now
    return since !== undefined && now - since >= startMs.lasts
  }
}

/** How long an outage is not mentioned again, in milliseconds. */
const quietMs = 20_000

const quiet = () => undefined

/**
 * The informers' log: a person at a terminal needs to hear only that the cluster does not answer,
 * and not too often. `ends` hears of every failure, and says whether it was the last.
 */
export function troubleLog(
  tell: (sentence: string) => void,
  clock: Clock,
  ends: (error: unknown) => boolean = () => false,
): Logger {
  let toldAt = -quietMs
  return {
    debug: quiet,
    info: quiet,
    warn: (fields) => {
      const error = 'err' in fields ? fields.err : undefined
      if (ends(error)) return
      if (clock.monotonic() - toldAt < quietMs) return
      toldAt = clock.monotonic()
      const why = error instanceof Error ? `: ${error.message.replace(/^[A-Z]+ \/\S*: /, '')}` : ''
      const isAnswer = error instanceof KubeError && error.status > 0
      tell(`the cluster ${isAnswer ? 'refuses to answer' : 'does not answer'}, trying again${why}`)
    },
    error: (_, message) => tell(message),
  }
}
