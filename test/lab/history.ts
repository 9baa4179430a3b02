// Everything that happened to our objects, as the API server tells it to a watcher that no fault
// touches.
import { labels } from '../../core/api/names.ts'
import type { Agent } from '../../core/api/agent.ts'
import type { AgentTask } from '../../core/api/agent-task.ts'
import type { DevRequest } from '../../core/api/devrequest.ts'
import { isTrue } from '../../core/api/condition-list.ts'
import { type Api, type ApiObject, follow, type Change } from './api.ts'
import {
  auditViolations,
  violations,
  type Entry,
  type RecordedKind,
  type RuleOptions,
} from './history-rules.ts'
import { labelled, paths } from './paths.ts'

const recorded: Readonly<Record<RecordedKind, string>> = {
  DevRequest: paths.devRequests,
  AgentTask: paths.agentTasks,
  Agent: paths.agents,
  Pod: labelled(paths.pods, labels.component, 'agent'),
  ConfigMap: labelled(paths.configMaps, labels.component, 'audit'),
}

/** The types of the recorded objects, by kind. */
interface RecordedObjects extends Record<RecordedKind, ApiObject> {
  readonly DevRequest: DevRequest
  readonly AgentTask: AgentTask
  readonly Agent: Agent
}

/** Watches from `start` on, and judges the whole of it at the end. */
export class History {
  readonly entries: Entry[] = []
  readonly #api: Api
  readonly #life = new AbortController()
  readonly #latest = new Map<string, Entry>()
  readonly #listeners = new Set<() => void>()
  readonly #relisted = new Set<RecordedKind>()

  constructor(api: Api) {
    this.#api = api
  }

  async start(): Promise<void> {
    for (const [kind, path] of Object.entries(recorded) as [RecordedKind, string][])
      await follow(this.#api, path, (change) => this.#note(kind, change), {
        signal: this.#life.signal,
        onGap: () => this.#relisted.add(kind),
      })
  }

  stop(): void {
    this.#life.abort()
  }

  /** The objects of one kind that are there now. */
  now<K extends RecordedKind>(kind: K): readonly RecordedObjects[K][] {
    return [...this.#latest.values()]
      .filter((entry) => entry.kind === kind && entry.type !== 'DELETED')
      .map((entry) => entry.object as unknown as RecordedObjects[K])
  }

  request(name: string): DevRequest | undefined {
    return this.now('DevRequest').find((request) => request.metadata.name === name)
  }

  tasksOf(request: string): readonly AgentTask[] {
    return this.now('AgentTask').filter(
      ({ metadata }) => metadata.labels?.[labels.request] === request,
    )
  }

  /**
   * Resolves with what `look` gives, asked again after every change. Throws with `what` when that
   * takes too long.
   */
  async until<T>(what: string, look: () => T | undefined | false, seconds = 60): Promise<T> {
    const found = look()
    if (found !== undefined && found !== false) return found
    return new Promise((resolve, reject) => {
      const listener = (): void => {
        const now = look()
        if (now === undefined || now === false) return
        end()
        resolve(now)
      }
      const late = setTimeout(() => {
        end()
        reject(new Error(`waited ${seconds} s for ${what}\n${this.summary()}`))
      }, seconds * 1_000)
      const end = (): void => {
        clearTimeout(late)
        this.#listeners.delete(listener)
      }
      this.#listeners.add(listener)
    })
  }

  /** Waits for the end of a request, either way. */
  async finished(request: string, seconds = 120): Promise<DevRequest> {
    return this.until(
      `the end of ${request}`,
      () => {
        const found = this.request(request)
        return found !== undefined && isTrue(found, 'Finished') && found
      },
      seconds,
    )
  }

  /**
   * Waits until agents say that they have nothing to do; that is written a while after it is so.
   */
  async settled(): Promise<void> {
    await this.until('agents that have nothing to do', () =>
      this.now('Agent').every(({ status }) => status?.currentTask === undefined),
    )
  }

  /** Every invariant that was broken, as sentences; empty is good. */
  check(options: RuleOptions): readonly string[] {
    const ordered = this.entries.toSorted((a, b) => Number(a.version - b.version))
    return [...violations(ordered, options), ...auditViolations(ordered)]
  }

  /** Where things stand, for the message of a test that waited in vain. */
  summary(): string {
    const tasks = this.now('AgentTask').map(
      ({ metadata, status }) =>
        `${metadata.name} ${status?.conditions?.find(({ type }) => type === 'Succeeded')?.reason ?? 'new'}` +
        ` ${status?.assignment?.agent ?? ''} attempt ${status?.attempts ?? 0} ${status?.queue?.reason ?? ''}`,
    )
    const requests = this.now('DevRequest').map(
      ({ metadata, status }) =>
        `${metadata.name} ${status?.progress ?? ''} ${status?.summary ?? ''}`,
    )
    const agents = this.now('Agent').map(
      ({ metadata, status }) => `${metadata.name} ${status?.state ?? 'new'}`,
    )
    return [...requests, ...tasks, ...agents].join('\n')
  }

  #note(kind: RecordedKind, { type, object }: Change<ApiObject>): void {
    const key = `${kind}/${object.metadata.uid}`
    const version = BigInt(object.metadata.resourceVersion)
    const before = this.#latest.get(key)
    // A list after a gap repeats known objects, and reports lost ones in their last version.
    if (before !== undefined && before.version >= version && type !== 'DELETED') return
    const entry: Entry = {
      kind,
      type: type === 'ADDED' && before !== undefined ? 'MODIFIED' : type,
      version,
      at: Date.now(),
      object,
      afterGap: type === 'ADDED' && this.#relisted.has(kind),
    }
    this.entries.push(entry)
    this.#latest.set(key, entry)
    for (const listener of this.#listeners) listener()
  }
}
