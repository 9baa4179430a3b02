import { configMaps as auditNames, labels } from '../api/names.ts'
import type { KubeClient } from '../kube/client.ts'
import { configMaps, type ConfigMap } from '../kube/core.ts'
import { isAlreadyExists, isConflict } from '../kube/errors.ts'
import type { Clock, Logger } from '../kube/ports.ts'
import type { RunSignals, Runnable } from '../runtime/runnable.ts'
import { chain, emptyChain, headOf, type AuditEntry, type ChainHead } from './record.ts'

const dataKey = 'records.jsonl'
const component = 'audit'
/** A full segment is closed for ever; small ones keep a flush cheap. */
const segmentBytes = 128 * 1024
const flushMs = 1_000
/** Most records of one write: after an outage all that waited would be more than a ConfigMap may hold. */
const batch = 200

interface Segment {
  readonly number: number
  readonly map: ConfigMap | undefined
  readonly lines: readonly string[]
}

/**
 * The audit: appended here, kept in ConfigMaps `guildhall-audit-000001…`, one chain over all of them, and on stdout.
 * Guarantees: records are written in order; a second writer is noticed by the resourceVersion and its records are
 * chained behind, never over; a full segment is made immutable. Records wait in memory for up to a second.
 * Needs get, list, create, update on configmaps.
 */
export class AuditLog implements Runnable {
  readonly name = 'audit'
  readonly #client: KubeClient
  readonly #namespace: string
  readonly #clock: Clock
  readonly #log: Logger
  #waiting: AuditEntry[] = []
  #segment: Segment | undefined
  #head: ChainHead = emptyChain
  /** The last write may have happened although it seemed to fail. */
  #unsure = false

  constructor(options: {
    readonly client: KubeClient
    readonly namespace: string
    readonly clock: Clock
    readonly log: Logger
  }) {
    this.#client = options.client
    this.#namespace = options.namespace
    this.#clock = options.clock
    this.#log = options.log
  }

  /** Takes a record; it is on its way, not yet stored. */
  append(entry: Omit<AuditEntry, 'time'>): void {
    this.#waiting.push({ time: new Date(this.#clock.now()).toISOString(), ...entry })
  }

  /** Stores what is waiting every second until `stop`, and once more then. */
  async run({ stop, abort }: RunSignals): Promise<void> {
    while (!stop.aborted) {
      await this.#clock.sleep(flushMs, { signal: stop }).catch(() => undefined)
      let more = true
      while (more) more = await this.#flush(abort)
    }
  }

  /** Stores a batch of what waits; true when it did and more waits. */
  async #flush(signal: AbortSignal): Promise<boolean> {
    if (this.#waiting.length === 0) return false
    let entries = this.#waiting.slice(0, batch)
    try {
      this.#segment ??= await this.#load(signal)
      if (this.#unsure) {
        entries = this.#dropStored(entries, this.#segment.lines)
        this.#unsure = false
        if (entries.length === 0) return this.#waiting.length > 0
      }
      const lines: string[] = []
      let head = this.#head
      for (const entry of entries) {
        const chained = chain(entry, head)
        lines.push(chained.line)
        head = chained.head
      }
      this.#segment = await this.#store(this.#segment, lines, signal)
      this.#head = head
      this.#waiting = this.#waiting.slice(entries.length)
      for (const line of lines) {
        const record = JSON.parse(line) as AuditEntry & { readonly detail?: object }
        this.#log.info(
          { ...record.detail, audit: record },
          `${record.kind} ${record.name}: ${record.message}`,
        )
      }
      return this.#waiting.length > 0
    } catch (error) {
      // The records stay in memory and are tried again in a second, on a fresh view: somebody else may have written, or
      // this write may have happened without an answer.
      this.#segment = undefined
      this.#unsure = true
      if (!isConflict(error) && !isAlreadyExists(error) && !signal.aborted)
        this.#log.warn({ err: error, waiting: this.#waiting.length }, 'audit not stored yet')
      return false
    }
  }

  /** Forgets the waiting records that stand in the log after all; returns the others. */
  #dropStored(entries: readonly AuditEntry[], lines: readonly string[]): AuditEntry[] {
    const missing = entries.filter((entry) => {
      const tail = JSON.stringify(entry).slice(1, -1)
      return !lines.some((line) => line.includes(tail))
    })
    this.#waiting = [...missing, ...this.#waiting.slice(entries.length)]
    return missing
  }

  /** Finds the last segment and where its chain stands. */
  async #load(signal: AbortSignal): Promise<Segment> {
    const { items } = await this.#client.list(configMaps, {
      namespace: this.#namespace,
      labelSelector: `${labels.component}=${component}`,
      signal,
    })
    const last = items.toSorted((a, b) => a.metadata.name.localeCompare(b.metadata.name)).at(-1)
    const lines = (last?.data?.[dataKey] ?? '').split('\n').filter((line) => line !== '')
    this.#head = headOf(lines)
    return {
      number: last === undefined ? 1 : Number(last.metadata.name.slice(-6)),
      map: last,
      lines,
    }
  }

  async #store(segment: Segment, fresh: readonly string[], signal: AbortSignal): Promise<Segment> {
    const size = segment.lines.reduce((sum, line) => sum + line.length + 1, 0)
    const full =
      segment.map !== undefined && (segment.map.immutable === true || size >= segmentBytes)
    if (full && segment.map !== undefined) {
      if (segment.map.immutable !== true)
        await this.#client.update(configMaps, { ...segment.map, immutable: true }, { signal })
      return this.#store({ number: segment.number + 1, map: undefined, lines: [] }, fresh, signal)
    }
    const lines = [...segment.lines, ...fresh]
    const data = { [dataKey]: `${lines.join('\n')}\n` }
    const map =
      segment.map === undefined
        ? await this.#client.create(
            configMaps,
            {
              metadata: {
                name: auditNames.audit(segment.number),
                namespace: this.#namespace,
                labels: { [labels.component]: component, [labels.name]: 'guildhall' },
              },
              data,
            },
            { signal },
          )
        : await this.#client.update(configMaps, { ...segment.map, data }, { signal })
    return { number: segment.number, map, lines }
  }
}
