// An API server and operators around the audit log, for its tests.
import { Readable } from 'node:stream'
import type { VirtualClock } from './virtual-clock.ts'
import type { Act, AuditTrail } from '../../core/api/audit-trail.ts'
import type { ConfigMap } from '../../core/kube/built-in-kinds.ts'
import { KubeError } from '../../core/kube/errors.ts'
import type { ChangeHandler } from '../../core/kube/informer.ts'
import { silentLogger } from './silent-logger.ts'
import { AuditLog } from '../../operator/audit/log.ts'
import type { Audited } from '../../operator/audit/outbox.ts'
import type { AuditEntry } from '../../operator/audit/chain.ts'

const refused = (status: number, reason: string) =>
  new KubeError({ status, reason, message: reason })

/** A server that holds ConfigMaps and tasks under one count of versions. */
export class Server {
  readonly maps = new Map<string, ConfigMap>()
  readonly tasks = new Map<string, Audited>()
  readonly watchers = new Set<(object: Audited, previous: Audited | undefined) => void>()
  readonly deleted: Audited[] = []
  forgetful = false
  reads = 0
  loseNext = false
  refuse = false
  version = 0

  readonly client = {
    list: async (_kind: unknown, { labelSelector }: { labelSelector?: string }) => {
      if (this.refuse) throw refused(403, 'Forbidden')
      const items = [...this.maps.values()].filter(
        ({ metadata }) =>
          !labelSelector?.includes('=open') ||
          metadata.labels?.['guildhall.dev/audit-segment'] === 'open',
      )
      this.reads += items.length
      return { items, resourceVersion: '' }
    },
    openWatch: async (_kind: unknown, { resourceVersion }: { resourceVersion?: string }) => {
      if (this.forgetful) throw refused(410, 'Expired')
      const lines = this.deleted
        .filter((object) => Number(object.metadata.resourceVersion) > Number(resourceVersion))
        .map((object) => `${JSON.stringify({ type: 'DELETED', object })}\n`)
      return Readable.from([Buffer.from(lines.join(''))])
    },
    get: async (_kind: unknown, { name }: { name: string }) => {
      const map = this.maps.get(name)
      if (map === undefined) throw refused(404, 'NotFound')
      this.reads += 1
      return map
    },
    create: async (_kind: unknown, map: ConfigMap) => {
      if (this.maps.has(map.metadata.name)) throw refused(409, 'AlreadyExists')
      return this.#put(map)
    },
    update: async (_kind: unknown, map: ConfigMap) => {
      const there = this.maps.get(map.metadata.name)
      if (there?.metadata.resourceVersion !== map.metadata.resourceVersion)
        throw refused(409, 'Conflict')
      return this.#put(map)
    },
  } as unknown as ConstructorParameters<typeof AuditLog>[0]['client']

  get lines(): readonly string[] {
    return [...this.maps.values()].flatMap((map) =>
      (map.data?.['records.jsonl'] ?? '').split('\n').filter((line) => line !== ''),
    )
  }

  /** The records as `uid/transition`. */
  get records(): readonly string[] {
    return this.lines.map((line) => {
      const { uid, transition } = JSON.parse(line) as AuditEntry
      return `${uid}/${transition}`
    })
  }

  store(object: Audited): Audited {
    const previous = this.tasks.get(object.metadata.name)
    const metadata = { ...object.metadata, resourceVersion: String(++this.version) }
    const written = { ...object, metadata }
    this.tasks.set(object.metadata.name, written)
    for (const tell of this.watchers) tell(written, previous)
    return written
  }

  /** Deletes a task as a person does, perhaps while no operator watches. */
  remove(name: string): void {
    const object = this.tasks.get(name)
    if (object === undefined) return
    this.tasks.delete(name)
    const metadata = { ...object.metadata, resourceVersion: String(++this.version) }
    this.deleted.push({ ...object, metadata })
  }

  #put(map: ConfigMap): ConfigMap {
    if (this.refuse) throw refused(403, 'Forbidden')
    const written = {
      ...map,
      metadata: { ...map.metadata, resourceVersion: String(++this.version) },
    }
    this.maps.set(map.metadata.name, written)
    if (!this.loseNext) return written
    this.loseNext = false
    throw refused(0, 'Timeout')
  }
}

/** One operator: a cache that a test can make lag, and the log over it. */
export function operator(server: Server, clock: VirtualClock) {
  const handlers: ChangeHandler<Audited>[] = []
  const cache = new Map(server.tasks)
  const state = { version: String(server.version), deaf: false }
  server.watchers.add((object, previous) => {
    if (state.deaf) return
    cache.set(object.metadata.name, object)
    state.version = object.metadata.resourceVersion ?? ''
    for (const handler of handlers)
      handler({ namespace: 'n', name: object.metadata.name }, object, previous)
  })
  const log = new AuditLog({ client: server.client, namespace: 'n', clock, log: silentLogger })
  log.follow({
    resource: { group: 'g', version: 'v1', kind: 'AgentTask', plural: 't', namespaced: true },
    list: () => [...cache.values()],
    onChange: (handler) => handlers.push(handler),
    get resourceVersion() {
      return state.version
    },
  })
  const stop = new AbortController()
  const begun = log.run({ stop: stop.signal, abort: stop.signal })
  return {
    log,
    state,
    /**
     * Makes a transition of a task as a controller does; the process may die right after the write.
     */
    act(name: string, action: string, options: { readonly dies?: boolean } = {}): Audited {
      const before = server.tasks.get(name) ?? fresh(name)
      const act: Act = { action, message: `${name} ${action}` }
      const audit: AuditTrail = log.trail(before, act)
      if (options.dies === true) server.watchers.clear()
      const written = server.store({ ...before, status: { audit } })
      if (options.dies !== true) log.take(written)
      return written
    },
    /** The watch reports that a task is gone. */
    seeGone(name: string): void {
      const previous = cache.get(name)
      cache.delete(name)
      for (const handler of handlers) handler({ namespace: 'n', name }, undefined, previous)
    },
    async kill() {
      server.watchers.clear()
      stop.abort(new Error('killed'))
      await begun
    },
  }
}

/** An operator that stored one act, and died right after the status write of another. */
export async function diedBehind(
  server: Server,
  clock: VirtualClock,
  stored: readonly [name: string, action: string],
  pending: readonly [name: string, action: string],
): Promise<void> {
  const died = operator(server, clock)
  await clock.advance(0)
  died.act(...stored)
  await clock.advance(secondsToFlush)
  died.act(...pending, { dies: true })
  await died.kill()
}

const fresh = (name: string): Audited => ({
  kind: 'AgentTask',
  metadata: { name, namespace: 'n', uid: `uid-${name}` },
})
export const secondsToFlush = 5_000
