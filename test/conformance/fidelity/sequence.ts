import { type Fields, isFields } from '../../../simulated-kubernetes/json.ts'
import type { Command, Which } from './commands.ts'
import { type KindName, kinds } from './kinds.ts'
import { Normalizer, type PlainAnswer, type PlainEvent, type Side } from './side.ts'

/** The answer to one step, made comparable. */
export interface Entry {
  readonly command: unknown
  readonly result: unknown
}

/** Runs a sequence in a namespace of its own and returns everything that the server said. */
export async function runSequence(
  side: Side,
  commands: readonly Command[],
  options: { readonly namespace: string; readonly startedAt: number },
): Promise<readonly Entry[]> {
  const run = new Run(side, options.namespace, options.startedAt)
  await run.begin()
  for (const command of commands) await run.step(command)
  return run.end()
}

interface OpenWatch {
  readonly command: unknown
  readonly events: () => Promise<readonly PlainEvent[]>
}

const sentinels = ['zz-none', 'zz-red', 'zz-blue'] as const

/** The last sentinel that a selector selects. */
const lastFor: Readonly<Record<string, (typeof sentinels)[number]>> = {
  'color=red': 'zz-red',
  '!color': 'zz-none',
}

class Run {
  readonly #side: Side
  readonly #namespace: string
  readonly #normal: Normalizer
  readonly #log: Entry[] = []
  readonly #watches: OpenWatch[] = []
  readonly #watched = new Set<KindName>()
  /** Every state of every object that was seen, in order. */
  readonly #seen = new Map<string, Fields[]>()
  readonly #start = new Map<KindName, string>()

  constructor(side: Side, namespace: string, startedAt: number) {
    this.#side = side
    this.#namespace = namespace
    this.#normal = new Normalizer(startedAt)
  }

  async begin(): Promise<void> {
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: this.#namespace } }
    const made = await this.#side.call({
      method: 'POST',
      path: '/api/v1/namespaces',
      body: JSON.stringify(body),
    })
    if (made.status !== 201) throw new Error(`no namespace: ${JSON.stringify(made)}`)
    const version = await this.#versionOf('configMap')
    for (const kind of Object.keys(kinds)) this.#start.set(kind as KindName, version)
  }

  async step(command: Command): Promise<void> {
    if (command.do === 'watch') await this.#watch(command)
    else if (command.do === 'list') await this.#list(command)
    else {
      const answer = await this.#send(command)
      this.#note(command.kind, command.name, 'dryRun' in command && command.dryRun, answer)
      this.#log.push({ command, result: this.#normal.answer(answer) })
    }
  }

  async end(): Promise<readonly Entry[]> {
    for (const kind of this.#watched) await this.#sentinels(kind)
    for (const { command, events } of this.#watches) {
      const told = await events()
      this.#log.push({ command, result: told.map((event) => this.#normal.event(event)) })
    }
    for (const kind of Object.keys(kinds)) {
      await this.#list({
        do: 'list',
        kind: kind as KindName,
        labelSelector: '',
        fieldSelector: '',
        limit: 0,
      })
    }
    this.#log.push({ command: 'order of versions', result: this.#normal.order() })
    return this.#log
  }

  async #send(command: Exclude<Command, { readonly do: 'watch' | 'list' }>): Promise<PlainAnswer> {
    const { kind, name } = command
    if (command.do === 'get') {
      return this.#side.call({ method: 'GET', path: this.#path(kind, name, command.subresource) })
    }
    if (command.do === 'delete') {
      const { propagation, uid } = command
      const conditions = {
        ...this.#uid(kind, name, uid),
        ...this.#version(kind, name, command.version),
      }
      const body = {
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        ...(propagation === undefined ? {} : { propagationPolicy: propagation }),
        ...(Object.keys(conditions).length === 0 ? {} : { preconditions: conditions }),
        ...(command.dryRun ? { dryRun: ['All'] } : {}),
      }
      const path = this.#path(kind, name)
      return this.#side.call({ method: 'DELETE', path, body: JSON.stringify(body) })
    }
    if (command.do === 'scale') {
      const metadata = {
        name,
        namespace: this.#namespace,
        ...this.#version(kind, name, command.version),
      }
      const spec = { replicas: command.replicas }
      const body = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata, spec }
      const path = this.#path(kind, name, 'scale')
      return this.#side.call({ method: 'PUT', path, body: JSON.stringify(body) })
    }
    return this.#write(command)
  }

  #write(
    command: Extract<Command, { readonly do: 'create' | 'update' | 'merge' | 'json' | 'apply' }>,
  ): Promise<PlainAnswer> {
    const { kind, name } = command
    const query = new URLSearchParams()
    if (command.manager !== undefined) query.set('fieldManager', command.manager)
    if (command.dryRun) query.set('dryRun', 'All')
    const at = (subresource: string) => `${this.#path(kind, name, subresource)}?${query.toString()}`
    const { apiVersion, kind: type } = kinds[kind]
    if (command.do === 'create') {
      const metadata = { name, namespace: this.#namespace, ...command.metadata }
      const body = JSON.stringify({ apiVersion, kind: type, metadata, ...command.content })
      return this.#side.call({
        method: 'POST',
        path: `${this.#path(kind)}?${query.toString()}`,
        body,
      })
    }
    if (command.do === 'json') {
      const body = JSON.stringify(command.operations)
      const contentType = 'application/json-patch+json'
      return this.#side.call({ method: 'PATCH', path: at(command.subresource), body, contentType })
    }
    const version = this.#version(kind, name, command.version)
    if (command.do === 'merge') {
      const metadata = { ...command.metadata, ...version }
      const body = JSON.stringify({ metadata, ...command.content })
      const contentType = 'application/merge-patch+json'
      return this.#side.call({ method: 'PATCH', path: at(command.subresource), body, contentType })
    }
    const own = { name, namespace: this.#namespace, ...command.metadata, ...version }
    if (command.do === 'apply') {
      query.set('force', String(command.force))
      const body = JSON.stringify({ apiVersion, kind: type, metadata: own, ...command.content })
      const contentType = 'application/apply-patch+yaml'
      return this.#side.call({ method: 'PATCH', path: at(command.subresource), body, contentType })
    }
    // An update starts from the seen object, as people's and controllers' do, unless it names no
    // version.
    const seen = command.version === 'none' ? undefined : this.#seenOf(kind, name).at(-1)
    const before = seen !== undefined && isFields(seen['metadata']) ? seen['metadata'] : {}
    const { uid: _, resourceVersion: __, ...kept } = before
    const metadata = { ...kept, ...own, ...this.#uid(kind, name, command.uid) }
    const body = JSON.stringify({ ...seen, apiVersion, kind: type, ...command.content, metadata })
    return this.#side.call({ method: 'PUT', path: at(command.subresource), body })
  }

  async #list(command: Extract<Command, { readonly do: 'list' }>): Promise<void> {
    const pages: unknown[] = []
    let token = ''
    do {
      const query = new URLSearchParams()
      if (command.labelSelector !== '') query.set('labelSelector', command.labelSelector)
      if (command.fieldSelector !== '') query.set('fieldSelector', command.fieldSelector)
      if (command.limit > 0) query.set('limit', String(command.limit))
      if (token !== '') query.set('continue', token)
      const path = `${this.#path(command.kind)}?${query.toString()}`
      const answer = await this.#side.call({ method: 'GET', path })
      const { body } = answer
      const metadata = isFields(body) && isFields(body['metadata']) ? body['metadata'] : {}
      token = typeof metadata['continue'] === 'string' ? metadata['continue'] : ''
      // The version of a list is that of the whole server, in which others write, too.
      const { resourceVersion: _, ...rest } = metadata
      pages.push(
        this.#normal.answer(
          answer.status < 300 && isFields(body)
            ? { ...answer, body: { ...body, metadata: rest } }
            : answer,
        ),
      )
    } while (token !== '')
    this.#log.push({ command, result: pages })
  }

  async #watch(command: Extract<Command, { readonly do: 'watch' }>): Promise<void> {
    const { kind, from, isLive, labelSelector } = command
    const query = new URLSearchParams({ watch: 'true', timeoutSeconds: '120' })
    if (labelSelector !== '') query.set('labelSelector', labelSelector)
    if (from === 'initial') {
      query.set('sendInitialEvents', 'true')
      query.set('resourceVersionMatch', 'NotOlderThan')
      query.set('allowWatchBookmarks', 'true')
    } else {
      const version = from === 'now' ? await this.#versionOf(kind) : this.#start.get(kind)
      query.set('resourceVersion', version ?? '')
    }
    this.#watched.add(kind)
    const last = lastFor[labelSelector] ?? 'zz-blue'
    const open = async () =>
      this.#side.watch(`${this.#path(kind)}?${query.toString()}`, ({ object }) => {
        const metadata = isFields(object) && isFields(object['metadata']) ? object['metadata'] : {}
        return metadata['name'] === last
      })
    // The first events of a watch without a version depend on when it is opened; then nothing else
    // may happen.
    if (isLive && from !== 'initial') {
      const events = open()
      this.#watches.push({ command, events: () => events })
    } else this.#watches.push({ command, events: open })
  }

  async #sentinels(kind: KindName): Promise<void> {
    const { apiVersion, kind: type, contents } = kinds[kind]
    for (const name of sentinels) {
      const color = name.slice('zz-'.length)
      const labels = color === 'none' ? {} : { labels: { color } }
      const metadata = { name, namespace: this.#namespace, ...labels }
      const body = JSON.stringify({ apiVersion, kind: type, metadata, ...contents[0] })
      const made = await this.#side.call({ method: 'POST', path: this.#path(kind), body })
      if (made.status !== 201) throw new Error(`no sentinel: ${JSON.stringify(made)}`)
    }
  }

  async #versionOf(kind: KindName): Promise<string> {
    const { body } = await this.#side.call({ method: 'GET', path: `${this.#path(kind)}?limit=1` })
    const metadata = isFields(body) && isFields(body['metadata']) ? body['metadata'] : {}
    return String(metadata['resourceVersion'])
  }

  #note(kind: KindName, name: string, isDry: boolean, { status, body }: PlainAnswer): void {
    if (isDry || status >= 300 || !isFields(body) || body['kind'] !== kinds[kind].kind) return
    const states = this.#seenOf(kind, name)
    states.push(body)
    this.#seen.set(`${kind} ${name}`, states)
  }

  #seenOf(kind: KindName, name: string): Fields[] {
    return this.#seen.get(`${kind} ${name}`) ?? []
  }

  #version(kind: KindName, name: string, which: Which): { readonly resourceVersion?: string } {
    if (which === 'none') return {}
    if (which === 'wrong') return { resourceVersion: '1' }
    const states = this.#seenOf(kind, name)
    const metadata = states.at(which === 'latest' ? -1 : 0)?.['metadata']
    const version = isFields(metadata) ? metadata['resourceVersion'] : undefined
    return typeof version === 'string' ? { resourceVersion: version } : {}
  }

  #uid(kind: KindName, name: string, which: 'right' | 'wrong' | 'none'): { readonly uid?: string } {
    if (which === 'none') return {}
    if (which === 'wrong') return { uid: 'ffffffff-ffff-4fff-8fff-ffffffffffff' }
    const metadata = this.#seenOf(kind, name).at(-1)?.['metadata']
    const uid = isFields(metadata) ? metadata['uid'] : undefined
    return typeof uid === 'string' ? { uid } : {}
  }

  #path(kind: KindName, name?: string, subresource?: string): string {
    const { apiVersion, plural } = kinds[kind]
    const prefix = apiVersion.includes('/') ? '/apis' : '/api'
    const collection = `${prefix}/${apiVersion}/namespaces/${this.#namespace}/${plural}`
    if (name === undefined) return collection
    return subresource ? `${collection}/${name}/${subresource}` : `${collection}/${name}`
  }
}
