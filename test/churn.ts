// An hour of churn in virtual time: prints how large the heap is every ten minutes. Run by churn.test.ts with --expose-gc.
import type { KubeClient } from '../operator/kube/client.ts'
import { configMaps, type ConfigMap } from '../operator/kube/core.ts'
import { KubeError } from '../operator/kube/errors.ts'
import { Informer } from '../operator/kube/informer.ts'
import { Controller } from '../operator/runtime/controller.ts'
import { silentLogger as log } from './silent-logger.ts'
import { done, requeueAfter } from '../operator/runtime/outcome.ts'
import { seededRandom, VirtualClock } from './virtual-clock.ts'

const clock = new VirtualClock()
const random = seededRandom(1)
const objects = new Map<string, ConfigMap>()
let version = 1
let told: ((line: string) => void) | undefined
/** What a watch that is opened again has missed. */
const history: { readonly version: number; readonly line: string }[] = []

/** One object of a few hundred changes, goes or comes: names and uids never come again. */
function churn(): void {
  version += 1
  const name = `object-${version}`
  const tell = (type: string, object: ConfigMap) => {
    const line = `${JSON.stringify({ type, object })}\n`
    history.push({ version, line })
    if (history.length > 500) history.shift()
    told?.(line)
  }
  const metadata = { namespace: 'n', name, uid: random.uuid(), resourceVersion: String(version) }
  const object = { metadata, data: { text: 'x'.repeat(1_500), by: `owner-${version % 97}` } }
  objects.set(name, object)
  tell('ADDED', object)
  const [oldest] = objects
  if (oldest === undefined || objects.size <= 300) return
  version += 1
  objects.delete(oldest[0])
  const gone = { ...oldest[1].metadata, resourceVersion: String(version) }
  tell('DELETED', { ...oldest[1], metadata: gone })
}

const client: Pick<KubeClient, 'list' | 'openWatch'> = {
  list: async () => Promise.reject(new Error('everything comes as a stream here')),
  openWatch: async (_, query, { signal }) => {
    // Now and then the history is gone, or the server is busy.
    const dice = random.next()
    if (!query['sendInitialEvents'] && dice < 0.1)
      throw new KubeError({ status: 410, reason: 'Expired', message: 'gone' })
    if (dice > 0.95)
      throw new KubeError({ status: 429, reason: 'TooManyRequests', message: 'busy' })
    const from = query['sendInitialEvents'] === true ? undefined : Number(query['resourceVersion'])
    return stream(Number(query['timeoutSeconds']), from, signal)
  },
}

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
    const object = informer.get('n', key.slice(2))
    if (object === undefined) return done
    // As after a write: what it wrote comes back with the next change of anything.
    informer.noteWrite({ metadata: { ...object.metadata, resourceVersion: String(version + 1) } })
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

// What grows until it is full, and what the compiler learns, is there after ten minutes.
const heap: number[] = []
for (let tens = 0; tens < 7; tens += 1) heap.push(await tenMinutes())
const held = informer.size + informer.broken().length
process.stdout.write(JSON.stringify({ heap, changes: version, held, of: objects.size }))
life.abort(new Error('over'))
await running
