// An hour of churn in virtual time: prints how large the heap is every ten minutes. Run by
// churn.test.ts with --expose-gc.
import { KubeClient } from '../../core/kube/client.ts'
import { type ConfigMap, configMaps } from '../../core/kube/built-in-kinds.ts'
import { KubeError } from '../../core/kube/errors.ts'
import { Informer } from '../../core/kube/informer.ts'
import type { HttpTransport } from '../../core/kube/transport.ts'
import { Controller, done, requeueAfter } from '../../core/kube/runtime/controller.ts'
import { silentLogger as log } from './silent-logger.ts'
import { VirtualClock, seededRandom } from './virtual-clock.ts'

const clock = new VirtualClock()
const random = seededRandom(1)
const objects = new Map<string, ConfigMap>()
let version = 1
let told: ((line: string) => void) | undefined
/** The lines that a watch which is opened again has missed. */
const history: { readonly version: number; readonly line: string }[] = []

/**
 * Stores an object under the next version and sends it to the watch, later than the answer to the
 * writer.
 */
function commit(type: 'ADDED' | 'MODIFIED' | 'DELETED', next: ConfigMap): ConfigMap {
  version += 1
  const { name } = next.metadata
  const object = { ...next, metadata: { ...next.metadata, resourceVersion: String(version) } }
  if (type === 'DELETED') objects.delete(name)
  else objects.set(name, object)
  const line = `${JSON.stringify({ type, object })}\n`
  history.push({ version, line })
  if (history.length > 500) history.shift()
  clock.after(20, () => told?.(line))
  return object
}

/** One object comes, and of more than 300 the oldest goes: names and uids never come again. */
function churn(): void {
  const metadata = { namespace: 'n', name: `object-${version}`, uid: random.uuid() }
  commit('ADDED', { metadata, data: { text: 'x'.repeat(1_500), by: `owner-${version % 97}` } })
  const [oldest] = objects.values()
  if (oldest !== undefined && objects.size > 300) commit('DELETED', oldest)
}

const refuse = (status: number, reason: string) => new KubeError({ status, reason, message: 'no' })
/** The API server: takes a mark on an object, and sends changes to the watch. */
const transport: HttpTransport = {
  call: async ({ path }) => {
    const object = objects.get(path.slice(path.lastIndexOf('/') + 1))
    if (object === undefined) throw refuse(404, 'NotFound')
    const data = { ...object.data, seen: 'yes' }
    return { status: 200, body: commit('MODIFIED', { ...object, data }) }
  },
  stream: async ({ path, signal }) => {
    const query = new URL(path, config.server).searchParams
    const isReading = query.has('sendInitialEvents')
    // Now and then the history is gone, or the server is busy.
    const dice = random.next()
    if (!isReading && dice < 0.1) throw refuse(410, 'Expired')
    if (dice > 0.95) throw refuse(429, 'TooManyRequests')
    const from = isReading ? undefined : Number(query.get('resourceVersion'))
    return { status: 200, body: stream(Number(query.get('timeoutSeconds')), from, signal) }
  },
  close: async () => undefined,
}
const config = {
  server: 'https://churn',
  namespace: 'n',
  credentials: () => Promise.reject(new Error('nobody is asked for credentials here')),
  refresh: () => undefined,
}
const client = new KubeClient({ config, clock, random, transport })

async function* stream(
  seconds: number,
  from: number | undefined,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const missed = from === undefined ? [] : history.filter(({ version: at }) => at > from)
  const waiting = missed.map(({ line }) => line)
  let wake = () => {}
  told = (line) => {
    waiting.push(line)
    wake()
  }
  if (from === undefined) {
    for (const object of objects.values())
      yield Buffer.from(`${JSON.stringify({ type: 'ADDED', object })}\n`)
    const annotations = { 'k8s.io/initial-events-end': 'true' }
    const object = { metadata: { resourceVersion: String(version), annotations } }
    yield Buffer.from(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`)
  }
  const endsAt = clock.monotonic() + seconds * 1000
  const cancel = clock.after(seconds * 1000, () => wake())
  signal.addEventListener('abort', () => wake(), { once: true })
  try {
    while (clock.monotonic() < endsAt && !signal.aborted) {
      for (const line of waiting.splice(0)) yield Buffer.from(line)
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  } finally {
    cancel()
  }
}

const informer = new Informer<ConfigMap>({
  client,
  resource: configMaps,
  indexers: { uid: ({ metadata }) => [metadata.uid ?? ''], by: ({ data }) => [data?.['by'] ?? ''] },
  check: ({ metadata }) =>
    Number(metadata.resourceVersion) % 50 === 0 ? 'every fiftieth' : undefined,
  log,
  clock,
  random,
})
const controller = new Controller({
  name: 'churn',
  views: [informer],
  concurrency: 4,
  reconcile: async (key) => {
    const name = key.slice(2)
    const object = informer.get('n', name)
    if (object === undefined) return done
    const mark = { type: 'merge', body: { data: { seen: 'yes' } } } as const
    if (object.data?.['seen'] === undefined)
      informer.noteWrite(await client.patch(configMaps, { namespace: 'n', name }, mark))
    if (random.next() < 0.05) throw new Error('no')
    return requeueAfter(30_000, 'looks again')
  },
  log,
  clock,
  random,
})
informer.onChange(({ name }) => controller.enqueue(`n/${name}`))

const life = new AbortController()
const running = Promise.all([
  informer.run({ signal: life.signal }),
  controller.run({ stop: life.signal, abort: life.signal }),
])

async function tenMinutes(): Promise<number> {
  for (let tick = 0; tick < 10 * 60 * 5; tick += 1) {
    churn()
    await clock.advance(200)
  }
  for (let time = 0; time < 4; time += 1) {
    globalThis.gc?.()
    await clock.advance(0)
  }
  return process.memoryUsage().heapUsed
}

// Bounded memories are full, and hot code is compiled, after ten minutes.
const heap: number[] = []
for (let tens = 0; tens < 7; tens += 1) heap.push(await tenMinutes())
const held = informer.size + informer.invalid().length
process.stdout.write(JSON.stringify({ heap, changes: version, held, of: objects.size }))
life.abort(new Error('over'))
await running
