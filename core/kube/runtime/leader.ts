import type { KubeClient } from '../client.ts'
import { type Lease, leases } from '../built-in-kinds.ts'
import { isAlreadyExists, isConflict, isNotFound, isRefusal } from '../errors.ts'
import { type Clock, type Random, formatMicroTime } from '../../base/clock.ts'
import { withDeadline } from '../../base/wait.ts'
import type { Logger } from '../../base/logger.ts'

interface LeaderOptions {
  readonly client: Pick<KubeClient, 'get' | 'create' | 'update'>
  readonly namespace: string
  /** The Lease's name. */
  readonly name: string
  /** Names this process; unique. See `leaderIdentity`. */
  readonly identity: string
  /**
   * True for a holder whose process is known to have ended, such as an earlier container of this
   * Pod: its Lease is taken at once. Every other Lease is waited for, whatever its timestamp says.
   */
  readonly hasEnded?: (holder: string) => boolean
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** How long others wait after the last renewal that they saw; 15 s by default. */
  readonly leaseMs?: number
  /** How long a leader tries to renew before it gives up; 10 s by default. */
  readonly renewMs?: number
  /** Pause of a leader between renewals: 2 s by default, plus up to 20 % at random. */
  readonly retryMs?: number
  /**
   * Pause of a follower between reads: 0.5 s by default, plus up to 20 % at random. A Lease that was
   * given back stays free for so long.
   */
  readonly lookMs?: number
  /** Called when the election begins, and whenever the leadership changes. */
  readonly onChange?: (isLeader: boolean) => void
}

/** How long giving the Lease back may take. */
export const releaseMs = 3_000

/**
 * - `following`: another process leads, or none does yet.
 * - `leading`: this process holds the Lease; `renewedAt` is when the last good renewal was sent.
 */
type LeaderState =
  | { readonly kind: 'following' }
  | { readonly kind: 'leading'; readonly renewedAt: number }

/**
 * `<pod>_<podUid>_<uuid>`, or `<pod>_<uuid>` without a uid; the uuid tells two processes of one Pod
 * apart. With the Pod's uid in it, earlier holders of the same Pod are known to have ended: the kubelet starts a container again
 * only after the one before it has ended.
 */
export function leaderIdentity(
  { podName, podUid }: { readonly podName: string; readonly podUid?: string | undefined },
  random: Random,
): Required<Pick<LeaderOptions, 'identity' | 'hasEnded'>> {
  const own = podUid === undefined ? podName : `${podName}_${podUid}`
  const identity = `${own}_${random.uuid()}`
  return {
    identity,
    hasEnded: (holder) =>
      podUid !== undefined && holder.startsWith(`${own}_`) && holder !== identity,
  }
}

/**
 * Leader election on a Lease, by the rules of client-go.
 * Guarantees: the holder's timestamps are never compared with the own clock; what counts is when
 * this process saw the record change. Every write carries the version it was decided on.
 * Two differences to client-go: a holder that is known to have ended is not waited for; and a
 * follower looks every 0.5 to 0.6 s instead of every 2 s or so, to find a Lease that was given
 * back. That is about 1.8 reads of one object a second per follower. Writes through
 * `client.guarded(() => elector.writableMs())` stop before anybody else may lead, even after a
 * pause.
 * Caveats: this is no fence at the server. A write that was sent in time may be carried out later,
 * and the monotonic clock of a suspended machine stands still; so writes must also be safe by
 * names, versions and preconditions.
 * Needs `get`, `create`, `update` on leases.
 */
export class LeaderElector {
  readonly #options: LeaderOptions
  readonly #leaseMs: number
  readonly #renewMs: number
  readonly #retryMs: number
  #state: LeaderState = { kind: 'following' }
  #lease: Lease | undefined
  #attempt: Promise<unknown> = Promise.resolve()
  #released = false
  /** True while it is unknown whether the last write was carried out. */
  #unanswered = false
  #seenAt = 0

  constructor(options: LeaderOptions) {
    const { leaseMs = 15_000, renewMs = 10_000, retryMs = 2_000 } = options
    if (leaseMs <= renewMs || renewMs <= 1.2 * retryMs) {
      throw new RangeError(
        `leader election needs lease > renew > 1.2 x retry, got ${leaseMs}, ${renewMs}, ${retryMs} ms`,
      )
    }
    this.#options = options
    this.#leaseMs = leaseMs
    this.#renewMs = renewMs
    this.#retryMs = retryMs
  }

  get isLeader(): boolean {
    return this.#state.kind === 'leading'
  }

  /**
   * For how many more milliseconds a leader may write: until the renew deadline after its last good
   * renewal, which comes `leaseMs - renewMs` before others may take over. 0 for a follower. A
   * `WriteGuard`.
   */
  writableMs(): number {
    return this.isLeader ? Math.max(0, this.#left()) : 0
  }

  /** The holder of the Lease, as last seen. */
  get holder(): string | undefined {
    return this.#lease?.spec?.holderIdentity || undefined
  }

  /**
   * A sentence when a leader's renewals are overdue, for the liveness check: the process may hang.
   */
  problem(): string | undefined {
    if (this.#state.kind !== 'leading') return undefined
    const ms = this.#options.clock.monotonic() - this.#state.renewedAt
    return ms > this.#leaseMs ? `the lease was last renewed ${Math.round(ms)} ms ago` : undefined
  }

  /** Resolves once this process leads; rejects with the signal's reason. */
  async acquire(options: { readonly signal: AbortSignal }): Promise<void> {
    this.#released = false
    this.#options.onChange?.(this.isLeader)
    while (!(await this.#try(options.signal))) await this.#pause(options.signal)
  }

  /**
   * Keeps renewing. Resolves when the Lease is lost, after which nothing may be written any more,
   * or on abort.
   */
  async keep(options: { readonly signal: AbortSignal }): Promise<'lost' | 'stopped'> {
    const { log } = this.#options
    const { signal } = options
    try {
      for (;;) {
        await this.#pause(signal)
        if (this.#released) return 'stopped'
        if (this.#left() > 0 && (await this.#try(signal))) continue
        const taken = this.holder !== undefined && this.holder !== this.#options.identity
        if (taken || this.#left() <= 0) {
          log.error({ holder: this.holder }, 'lease lost')
          this.#become({ kind: 'following' })
          return 'lost'
        }
      }
    } catch (error) {
      if (signal.aborted) return 'stopped'
      throw error
    }
  }

  /**
   * Gives the Lease back, so that another process takes over at once instead of after the time of
   * the Lease. It also gives back a Lease that this process may hold because a write got no answer.
   * Never rejects; ends within `releaseMs`.
   */
  async release(): Promise<void> {
    const { clock, log } = this.#options
    this.#released = true
    // A renewal under way would win over the release, or take the Lease back right after it.
    await this.#attempt.catch(() => undefined)
    const mayHold = this.#state.kind === 'leading' || this.#unanswered
    this.#become({ kind: 'following' })
    if (!mayHold) return
    try {
      const limits = { clock, ms: releaseMs, name: 'giving the lease back' }
      await withDeadline(limits, (signal) => this.#giveBack(signal))
    } catch (error) {
      log.warn({ err: error }, 'lease could not be released')
    }
  }

  /**
   * A write without an answer may be carried out at any moment, so the known Lease may be old at
   * both attempts.
   */
  async #giveBack(signal: AbortSignal): Promise<void> {
    const { client, clock, log, identity } = this.#options
    for (let attempt = 0; ; attempt += 1) {
      if (attempt > 0 || this.#unanswered) await this.#look(signal)
      if (this.#lease === undefined || this.holder !== identity) return
      const now = formatMicroTime(clock.now())
      const times = { leaseDurationSeconds: 1, renewTime: now, acquireTime: now }
      const spec = { ...this.#lease.spec, holderIdentity: '', ...times }
      try {
        const limits = { signal, priority: 'lease' } as const
        this.#lease = await client.update(leases, { ...this.#lease, spec }, limits)
        log.info({}, 'lease released')
        return
      } catch (error) {
        if (attempt > 0 || !isConflict(error)) throw error
      }
    }
  }

  /**
   * One attempt to take or renew the Lease. Returns whether this process holds it now; false after
   * a failure of the API.
   */
  async #try(signal: AbortSignal): Promise<boolean> {
    const { clock, log, identity } = this.#options
    const sentAt = clock.monotonic()
    try {
      const attempt = this.#write(signal)
      this.#attempt = attempt
      if (!(await attempt)) return false
    } catch (error) {
      if (isRefusal(error)) this.#unanswered = false
      if (signal.aborted) throw error
      // A conflict means that the known Lease is old: read it before the next attempt.
      if (isConflict(error) || isAlreadyExists(error) || isNotFound(error)) await this.#look(signal)
      else log.warn({ err: error }, 'lease could not be written')
      return false
    }
    if (this.#state.kind !== 'leading') log.info({ identity }, 'leading')
    this.#become({ kind: 'leading', renewedAt: sentAt })
    return true
  }

  async #write(signal: AbortSignal): Promise<boolean> {
    const { client, clock, identity, hasEnded, namespace, name } = this.#options
    if (this.#state.kind === 'following') await this.#look(signal)
    const old = this.#lease
    const holder = this.holder
    const foreign = holder !== undefined && holder !== identity && hasEnded?.(holder) !== true
    if (old?.spec !== undefined && foreign) {
      const theirMs = (old.spec.leaseDurationSeconds ?? this.#leaseMs / 1000) * 1000
      if (clock.monotonic() - this.#seenAt < theirMs) return false
    }
    const now = formatMicroTime(clock.now())
    const mine = holder === identity
    const spec = {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(this.#leaseMs / 1000),
      acquireTime: mine ? (old?.spec?.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (old?.spec?.leaseTransitions ?? 0) + (old === undefined || mine ? 0 : 1),
    }
    const limits = this.#limits(signal)
    this.#unanswered = true
    this.#note(
      old === undefined
        ? await client.create(leases, { metadata: { namespace, name }, spec }, limits)
        : await client.update(leases, { ...old, spec }, limits),
    )
    this.#unanswered = false
    return true
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { client, namespace, name, log } = this.#options
    try {
      this.#note(await client.get(leases, { namespace, name, ...this.#limits(signal) }))
    } catch (error) {
      if (signal.aborted) throw error
      if (isNotFound(error)) this.#lease = undefined
      else log.warn({ err: error }, 'lease could not be read')
    }
  }

  /** Remembers the Lease, and when this process saw it change. */
  #note(lease: Lease): void {
    if (lease.metadata.resourceVersion !== this.#lease?.metadata.resourceVersion) {
      this.#seenAt = this.#options.clock.monotonic()
    }
    this.#lease = lease
  }

  #become(state: LeaderState): void {
    const changed = state.kind !== this.#state.kind
    this.#state = state
    if (changed) this.#options.onChange?.(state.kind === 'leading')
  }

  /**
   * Milliseconds until a leader that could not renew has to give up, well before others may take
   * over.
   */
  #left(): number {
    if (this.#state.kind === 'following') return this.#renewMs
    return this.#state.renewedAt + this.#renewMs - this.#options.clock.monotonic()
  }

  /**
   * The time-out is well below the renewal deadline, because otherwise one slow answer would cost
   * the leadership.
   */
  #limits(signal: AbortSignal) {
    const timeoutMs = Math.max(1, Math.min(this.#renewMs / 2, this.#left()))
    return { signal, priority: 'lease', timeoutMs } as const
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const { clock, random, lookMs = 500 } = this.#options
    const ms = (this.isLeader ? this.#retryMs : lookMs) * (1 + 0.2 * random.next())
    await clock.sleep(Math.max(0, Math.min(ms, this.#left())), { signal })
  }
}
