import type { Act, AuditTrail } from '../../core/api/audit-trail.ts'
import type { KubeClient } from '../../core/kube/client.ts'
import { isAlreadyExists, isConflict, isGone } from '../../core/kube/errors.ts'
import type { Informer } from '../../core/kube/informer.ts'
import type { Clock } from '../../core/base/clock.ts'
import type { Logger } from '../../core/base/logger.ts'
import { type Resource, identityOf, isNewer } from '../../core/kube/resource.ts'
import { watch } from '../../core/kube/watch.ts'
import { WaitError } from '../../core/kube/runtime/controller.ts'
import type { RunSignals, Runnable } from '../../core/kube/runtime/manager.ts'
import { type Audited, lastTransition, nextTrail, trailOf, transitionsAfter } from './outbox.ts'
import { type AuditEntry, chain, headOf, keyOfRecord } from './chain.ts'
import { type Position, type Segment, appendTo, openSegment, readSegment } from './segments.ts'

/** How long records are gathered for one write. Meanwhile they are safe in the outboxes of the statuses. */
const flushMs = 2_000
/** Most records of one write. After an outage all waiting records could exceed the size of a ConfigMap. */
const batch = 200
/** Pause before a transition is tried again that came before the log knew its position. */
const placeMs = 100

/** How far the log is with one object. It is kept from the first sight of the object until its deletion. */
interface Progress {
  /** Transitions up to this number were taken in. */
  taken: number
  /** Transitions up to this number are in the chain. */
  stored: number
}

interface Waiting {
  readonly key: string
  readonly entry: AuditEntry
  /** For a transition: a version before it, and the object that it belongs to. */
  readonly after: string
  readonly progress: Progress | undefined
}

/** The last state of an object that was deleted. */
interface Gone {
  readonly object: Audited
  readonly kind: string
}

/** One kind whose objects carry outboxes. */
interface View {
  readonly kind: string
  readonly resource: Resource
  readonly objects: () => readonly Audited[]
  readonly version: () => string
  readonly detail: (object: Audited) => AuditEntry['detail']
  /** The newest version of an object that the log has taken in. */
  reached: string
}

/**
 * The audit: one chain of records in ConfigMaps, fed from the outboxes in the statuses of the objects it follows.
 * Guarantees: exactly one record for each transition that a followed object still shows or that this process wrote, also
 * when the process dies between two writes and when two leaders overlap. A second writer is noticed by the resourceVersion,
 * and its records are chained behind the stored ones. Runs on the leader only.
 * At its start the log reads the open segment, and earlier segments only as far back as they may hold transitions that an
 * outbox still shows. Objects for which the log says that it is complete (ten thousand finished tasks, for example) are not
 * looked up. No transition is made before the log has a position from which a later leader can ask for deletions.
 * Caveats: an object that is deleted while there is no leader loses its last transitions once the API server has forgotten
 * the events since the log's last record (after minutes, at least). The log of one cluster must not be continued in another
 * one, because it compares resourceVersions.
 * Needs get, list, create, update on configmaps, and watch on the kinds that it follows.
 */
export class AuditLog implements Runnable {
  readonly name = 'audit'
  readonly #options: {
    readonly client: Pick<KubeClient, 'get' | 'list' | 'create' | 'update' | 'openWatch'>
    readonly namespace: string
    readonly clock: Clock
    readonly log: Logger
  }
  readonly #views = new Map<string, View>()
  readonly #progress = new Map<string, Progress>()
  /** By key. A deletion may be seen twice: by the informer, and by the list of deletions that is read at the start. */
  readonly #waiting = new Map<string, Waiting>()
  #begun = false
  /** Objects that were deleted before the log knew its position. */
  #early: Gone[] | undefined
  #segment: Segment | undefined
  /** The position that was stored last, by this process or another one. */
  #place: Position = {}
  /** The last segments, so that looking for a record in the segment before costs no read. */
  readonly #recent = new Map<number, Segment>()

  constructor(options: {
    readonly client: Pick<KubeClient, 'get' | 'list' | 'create' | 'update' | 'openWatch'>
    readonly namespace: string
    readonly clock: Clock
    readonly log: Logger
  }) {
    this.#options = options
  }

  /** Takes in the outboxes of one kind; `detail` is added to its records and may hold names only. Call before `run`. */
  follow<T extends Audited>(
    informer: Pick<Informer<T>, 'resource' | 'list' | 'onChange' | 'resourceVersion'>,
    detail: (object: T) => AuditEntry['detail'] = () => undefined,
  ): void {
    this.#views.set(informer.resource.kind, {
      kind: informer.resource.kind,
      resource: { ...informer.resource, object: undefined },
      objects: () => informer.list(),
      version: () => informer.resourceVersion,
      detail: (object) => detail(object as T),
      reached: '',
    })
    informer.onChange((_key, object, previous) => {
      if (object !== undefined) this.take(object, informer.resource.kind)
      else if (previous !== undefined)
        this.#gone({ object: previous, kind: informer.resource.kind })
    })
  }

  /** The outbox for the next status of an object; see `nextTrail`. Throws `WaitError` before the log has its place. */
  trail(object: Audited, act?: Act): AuditTrail {
    if (act !== undefined && !this.#isPlaced(object.kind ?? ''))
      throw new WaitError(placeMs, 'the audit log is not open yet')
    const stored = this.#progress.get(object.metadata.uid ?? '')?.stored ?? 0
    const seen = this.#views.get(object.kind ?? '')?.version() ?? ''
    const version = later(object.metadata.resourceVersion ?? '', seen)
    return nextTrail(object, stored, act, { now: this.#options.clock.now(), version })
  }

  /** True once the log holds every transition that the object shows. */
  holds(object: Audited): boolean {
    const stored = this.#progress.get(object.metadata.uid ?? '')?.stored ?? 0
    return Math.max(stored, trailOf(object).stored) >= lastTransition(object)
  }

  /** Takes in the transitions of an object that was written or seen. Safe to repeat. */
  take(object: Audited, kind: string = object.kind ?? ''): void {
    const view = this.#views.get(kind)
    const { uid, resourceVersion = '' } = object.metadata
    if (!this.#begun || view === undefined || uid === undefined) return
    const { stored } = trailOf(object)
    const progress = this.#progress.get(uid) ?? { taken: stored, stored }
    this.#progress.set(uid, progress)
    for (const [number, { after, ...act }] of transitionsAfter(object, progress.taken)) {
      const detail = view.detail(object)
      const entry = {
        ...act,
        kind,
        name: object.metadata.name,
        uid,
        transition: number,
        ...(detail === undefined ? {} : { detail }),
      }
      this.#wait({ key: keyOfRecord(entry), entry, after, progress })
      progress.taken = number
    }
    progress.stored = Math.max(progress.stored, Math.min(stored, progress.taken))
    if (isNewer(resourceVersion, view.reached)) view.reached = resourceVersion
  }

  /** Takes a record of an event that changed no object. It is lost if the process dies within seconds. */
  append(entry: Omit<AuditEntry, 'time' | 'transition'>): void {
    const timed = { time: new Date(this.#options.clock.now()).toISOString(), ...entry }
    this.#wait({ key: keyOfRecord(timed), entry: timed, after: '', progress: undefined })
  }

  #wait(item: Waiting): void {
    if (!this.#waiting.has(item.key)) this.#waiting.set(item.key, item)
  }

  /** Stores waiting records every two seconds until `stop`, and once more at the end. */
  async run({ stop, abort }: RunSignals): Promise<void> {
    const { clock } = this.#options
    this.#early = []
    for (;;) {
      const ended = stop.aborted
      while (await this.#flush(abort)) if (abort.aborted) return
      if (ended) return
      await clock.sleep(flushMs, { signal: stop }).catch(() => undefined)
    }
  }

  /** Stores one batch of waiting records. True when the batch was full, so that another one may follow at once. */
  async #flush(signal: AbortSignal): Promise<boolean> {
    const { log } = this.#options
    try {
      const segment = (this.#segment ??= this.#keep(await openSegment(this.#options, signal)))
      this.#place = segment.position
      if (!this.#begun) {
        const deleted = await this.#deletedSince(segment.position, signal)
        this.#begin(segment.position, deleted)
      }
      const placed = [...this.#views.keys()].every((kind) => this.#isPlaced(kind))
      if (this.#waiting.size === 0 && placed) return false
      await this.#dropStored(segment, signal)
      const entries = [...this.#waiting.values()].slice(0, batch)
      if (entries.length === 0 && placed) return false
      const lines: string[] = []
      let head = headOf(segment.lines)
      for (const { entry } of entries) {
        const chained = chain(entry, head)
        lines.push(chained.line)
        head = chained.head
      }
      const position = this.#positionWith(entries, segment.position)
      this.#segment = this.#keep(await appendTo(this.#options, segment, lines, position, signal))
      this.#place = this.#segment.position
      this.#written(entries)
      for (const { entry } of entries)
        log.info({ ...entry.detail, audit: entry }, `${entry.kind} ${entry.name}: ${entry.message}`)
      // Records that came meanwhile wait for the next turn; under load there would be no pause otherwise.
      return entries.length === batch
    } catch (error) {
      // The records are tried again on a fresh view: another process may have written, or this write may have been stored
      // without an answer.
      this.#segment = undefined
      this.#recent.clear()
      if (!isConflict(error) && !isAlreadyExists(error) && !signal.aborted)
        log.warn({ err: error, waiting: this.#waiting.size }, 'audit not stored yet')
      return false
    }
  }

  /** Takes in the last outbox of a deleted object, if it was not seen before. */
  #gone(gone: Gone): void {
    this.#early?.push(gone)
    this.take(gone.object, gone.kind)
    this.#progress.delete(gone.object.metadata.uid ?? '')
  }

  /**
   * The last states of objects that were deleted after the log was complete, perhaps while no operator ran. The API server
   * remembers the events of the last minutes; older deletions are lost.
   */
  async #deletedSince(position: Position, signal: AbortSignal): Promise<readonly Gone[]> {
    const { client, clock, namespace } = this.#options
    const found: Gone[] = []
    const read = async ({ kind, resource }: View): Promise<void> => {
      const resourceVersion = position[kind]?.complete ?? ''
      if (resourceVersion === '') return
      const options = { client, clock, namespace, resourceVersion, timeoutSeconds: 2, signal }
      try {
        for await (const events of watch(resource, options))
          for (const event of events)
            if (event.type === 'DELETED' && identityOf(event.object).key !== '')
              found.push({ object: event.object, kind })
      } catch (error) {
        if (!isGone(error)) throw error
      }
    }
    await Promise.all([...this.#views.values()].map(read))
    return found
  }

  /** The first sight of all objects: those for which the log is complete are done, the others are taken in. */
  #begin(position: Position, deleted: readonly Gone[]): void {
    const all = [...deleted, ...(this.#early ?? [])]
    this.#begun = true
    this.#early = undefined
    for (const gone of all) this.#gone(gone)
    for (const view of this.#views.values()) {
      const complete = position[view.kind]?.complete ?? ''
      view.reached = position[view.kind]?.reached ?? ''
      for (const object of view.objects()) {
        const { uid = '', resourceVersion = '' } = object.metadata
        if (isNewer(resourceVersion, complete)) {
          this.take(object, view.kind)
          continue
        }
        const last = lastTransition(object)
        this.#progress.set(uid, { taken: last, stored: last })
      }
    }
  }

  /**
   * Drops records that the log holds already: another leader wrote them, or this process did and got no answer. A record
   * cannot be in a segment that was full at a version before its transition.
   */
  async #dropStored(open: Segment, signal: AbortSignal): Promise<void> {
    const left = new Set(this.#waiting.values())
    const found: Waiting[] = []
    let segment: Segment | undefined = open
    while (segment !== undefined) {
      const { keys, position, number }: Segment = segment
      for (const item of left) {
        if (keys.has(item.key)) found.push(item)
        const { from = '' } = position[item.entry.kind] ?? {}
        if (keys.has(item.key) || item.progress === undefined || !isNewer(from, item.after))
          left.delete(item)
      }
      segment = left.size === 0 ? undefined : await this.#read(number - 1, signal)
    }
    this.#written(found)
  }

  #written(items: readonly Waiting[]): void {
    for (const { key, progress, entry } of items) {
      this.#waiting.delete(key)
      if (progress !== undefined) progress.stored = Math.max(progress.stored, entry.transition ?? 0)
    }
  }

  /** The position of the log once these records are stored: complete up to the versions of the caches, if nothing else waits. */
  #positionWith(entries: readonly Waiting[], before: Position): Position {
    const all = entries.length === this.#waiting.size
    return Object.fromEntries(
      [...this.#views.values()].map(({ kind, version, reached }) => {
        const old = before[kind] ?? { complete: '', reached: '', from: '' }
        return [
          kind,
          {
            complete: all ? later(old.complete, version()) : old.complete,
            reached: later(old.reached, later(reached, version())),
            from: old.from,
          },
        ]
      }),
    )
  }

  async #read(number: number, signal: AbortSignal): Promise<Segment | undefined> {
    if (number < 1) return undefined
    const known = this.#recent.get(number)
    if (known !== undefined) return known
    const segment = await readSegment(this.#options, number, signal)
    return segment === undefined ? undefined : this.#keep(segment)
  }

  /** Whether a later leader can ask for the deletions of this kind from now on. */
  #isPlaced(kind: string): boolean {
    return (this.#place[kind]?.complete ?? '') !== ''
  }

  #keep(segment: Segment): Segment {
    this.#recent.set(segment.number, segment)
    for (const number of this.#recent.keys())
      if (number < segment.number - 1) this.#recent.delete(number)
    return segment
  }
}

function later(a: string, b: string): string {
  return isNewer(a, b) ? a : b
}
