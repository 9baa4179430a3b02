import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  type Clock,
  systemClock,
  systemClock as clock,
  systemRandom as random,
} from '../../core/base/clock.ts'
import { KubeClient } from '../../core/kube/client.ts'
import { type ConfigMap, configMaps } from '../../core/kube/built-in-kinds.ts'
import { KubeError, isGone, isTransient } from '../../core/kube/errors.ts'
import { Informer, type InformerObserver } from '../../core/kube/informer.ts'
import { type HttpTransport, Transport } from '../../core/kube/transport.ts'
import { silentLogger, silentLogger as log } from '../support/silent-logger.ts'
import { watch } from '../../core/kube/watch.ts'
import type { Backend } from './backend.ts'
import { type Cable, layCable } from './cable.ts'
import type { WorldOf } from './world.ts'

/**
 * Everything that is waited for comes ten times as fast, so that a minute of silence fits into a
 * test.
 */
const hasty: Clock = {
  ...systemClock,
  after: (ms, run) => systemClock.after(ms / 10, run),
  sleep: (ms, options) => systemClock.sleep(ms / 10, options),
}

/** Refuses instead of the server, or in the middle of the server's answer. */
class Objector implements HttpTransport {
  /** Taken one after another by requests that read all objects or open a watch. */
  readonly refusals: KubeError[] = []
  /** How often the server was asked, refused or not. */
  asked = 0
  readonly #inner: HttpTransport
  readonly #open = new Set<(error: KubeError) => void>()

  constructor(inner: HttpTransport) {
    this.#inner = inner
  }

  /** Every open watch sends this and ends. */
  interrupt(error: KubeError): void {
    for (const tell of this.#open) tell(error)
    this.#open.clear()
  }

  call(request: Parameters<HttpTransport['call']>[0]): ReturnType<HttpTransport['call']> {
    return this.#unlessRefused(() => this.#inner.call(request))
  }

  async stream(
    request: Parameters<HttpTransport['stream']>[0],
  ): ReturnType<HttpTransport['stream']> {
    const { promise: interrupted, resolve } = Promise.withResolvers<KubeError>()
    this.#open.add(resolve)
    const { status, body } = await this.#unlessRefused(() => this.#inner.stream(request))
    async function* interruptible(): AsyncGenerator<Buffer, void, undefined> {
      const chunks = body[Symbol.asyncIterator]()
      for (;;) {
        const next = await Promise.race([chunks.next(), interrupted])
        if (next instanceof KubeError) {
          const object = { kind: 'Status', code: next.status, reason: next.reason }
          yield Buffer.from(`${JSON.stringify({ type: 'ERROR', object })}\n`)
          return
        }
        if (next.done === true) return
        yield next.value
      }
    }
    return { status, body: interruptible() }
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  async #unlessRefused<R>(work: () => Promise<R>): Promise<R> {
    this.asked += 1
    const refusal = this.refusals.shift()
    if (refusal !== undefined) throw refusal
    return work()
  }
}

const refusal = (status: number, reason: string, retryAfterMs?: number) =>
  new KubeError({ status, reason, message: reason, retryAfterMs })

/**
 * Whatever happens between an informer and its server: within seconds it holds what the server
 * holds.
 */
export function disturbanceSuite(world: WorldOf): void {
  const ends: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end()
  })

  async function follow(clock: Clock = systemClock): Promise<{
    readonly informer: Informer<ConfigMap>
    readonly cable: Cable
    readonly objector: Objector
  }> {
    const cable = await layCable(world().config)
    const { config } = cable
    const objector = new Objector(new Transport({ config, userAgent: 'test', connections: 4 }))
    const client = new KubeClient({ config, clock: systemClock, random, transport: objector })
    const { namespace } = world()
    const options = { client, namespace, clock, random, log }
    const informer = new Informer<ConfigMap>({ ...options, resource: configMaps })
    const life = new AbortController()
    const running = informer.run({ signal: life.signal })
    ends.push(
      () => cable.close(),
      () => client.close(),
      () => running,
      async () => life.abort(new Error('test is over')),
    )
    await informer.synced({ signal: AbortSignal.timeout(15_000) })
    return { informer, cable, objector }
  }

  let made = 0
  /** One object comes, one changes, one goes and one is made again under its name. */
  async function change(): Promise<void> {
    const { client, namespace } = world()
    made += 1
    const at = (name: string) => ({ namespace, name })
    const data = { text: 'grüße 🦉 '.repeat(made % 50) }
    const seen = await client.create(configMaps, { metadata: at(`new-${made}`), data })
    await client.update(configMaps, { ...seen, data: { text: 'changed' } })
    for (const name of ['goes', 'again']) {
      await client.create(configMaps, { metadata: at(`${name}-${made}`), data })
      await client.delete(configMaps, at(`${name}-${made}`))
    }
    await client.create(configMaps, { metadata: at(`again-${made}`), data })
  }

  /** The versions and uids that are held are those on the server. */
  async function isRight(informer: Informer<ConfigMap>, seconds = 10): Promise<void> {
    const { client, namespace } = world()
    const { items } = await client.list(configMaps, { namespace })
    const facts = (objects: Iterable<ConfigMap>) =>
      [...objects]
        .map(({ metadata: { name, uid, resourceVersion } }) => [name, uid, resourceVersion].join())
        .toSorted()
    const limits = { timeout: seconds * 1_000, interval: 20 }
    await vi.waitFor(() => expect(facts(informer.values())).toEqual(facts(items)), limits)
  }

  test('its connection is cut in the middle of what the server says, thirty times', async () => {
    const { informer, cable } = await follow()
    for (let round = 0; round < 30; round += 1) {
      const cut = cable.cutAfter(1 + round * 61)
      // Enough is said for the cut to fall into it.
      for (let times = 0; times < 1 + round / 10; times += 1) await change()
      await cut
      await isRight(informer)
    }
  })

  test('its open connections freeze', async () => {
    const { informer, cable } = await follow(hasty)
    cable.freezeOpen()
    await change()
    await isRight(informer)
  })

  test('the server takes connections and says nothing, for some time', async () => {
    const { informer, cable } = await follow(hasty)
    cable.freeze()
    await change()
    await systemClock.sleep(6_000, {})
    cable.plug()
    await isRight(informer)
  })

  test('a pull and a plug, in quick succession', async () => {
    const { informer, cable } = await follow()
    for (let round = 0; round < 10; round += 1) {
      cable.pull()
      await change()
      cable.plug()
    }
    await isRight(informer)
  })

  const gone = refusal(410, 'Expired')
  const busy = refusal(429, 'TooManyRequests', 1_000)
  const broken = refusal(500, 'InternalError')
  describe('the server says no', () => {
    test.each([
      ['in the middle of a watch: its version is gone', gone, []],
      ['when the watch is opened: its version is gone', broken, [gone]],
      ['again and again: its version is gone', gone, [gone, gone]],
      ['in the middle of a watch: it is broken', broken, []],
      ['when the watch is opened: it is busy, and says until when', broken, [busy, busy]],
      ['when everything is read: it is busy, and says until when', gone, [busy, busy]],
      ['to reading everything as a stream', gone, [refusal(422, 'Invalid')]],
      ['to everything for a while', gone, Array.from({ length: 4 }, () => broken)],
    ])('%s', async (_, interruption, refusals) => {
      const { informer, objector } = await follow(hasty)
      objector.asked = 0
      objector.refusals.push(...refusals)
      objector.interrupt(interruption)
      await change()
      await isRight(informer, 20)
      // It is not a hot loop either: the refusals, a stream, a list, a watch, and a few more should
      // this take long.
      expect(objector.asked).toBeLessThanOrEqual(refusals.length + 8)
    })
  })
}

/**
 * An API server that dies and comes back with an empty watch history. Runs last: it disturbs
 * everybody.
 */
export function restartSuite(world: WorldOf, backend: Backend): void {
  const at = (name: string) => ({ namespace: world().namespace, name })

  if (!backend.restartable)
    console.warn(`skipped: restarts: ${backend.name} is not ours to restart`)
  describe.skipIf(!backend.restartable)('after a restart of the API server', () => {
    test('an informer ends up equal to it, and a version from before is gone', async () => {
      const { config, client, namespace, restart } = world()
      const before = await client.create(configMaps, { metadata: at('before') })
      for (let count = 0; count < 5; count += 1) {
        await client.create(configMaps, { metadata: at(`later-${count}`) })
      }
      let relists = 0
      const observer: InformerObserver = {
        onEvents: () => undefined,
        onRelist: () => {
          relists += 1
        },
        onMade: () => undefined,
        onStall: () => undefined,
        onInvalid: () => undefined,
      }
      const own = new KubeClient({ config, clock, random })
      const informer = new Informer<ConfigMap>({
        client: own,
        resource: configMaps,
        namespace,
        log: silentLogger,
        clock,
        random,
        observer,
      })
      const life = new AbortController()
      const running = informer.run({ signal: life.signal })
      await informer.synced({ signal: AbortSignal.timeout(10_000) })

      await restart(async () => {
        const lost = client.create(configMaps, { metadata: at('lost') })
        await expect(lost).rejects.toSatisfy(isTransient)
        expect(informer.get(namespace, 'before')).toBeDefined()
      })
      await vi.waitFor(
        async () => client.create(configMaps, { metadata: at('after'), data: { n: '1' } }),
        { timeout: 30_000, interval: 200 },
      )
      await vi.waitFor(() => expect(informer.get(namespace, 'after')).toBeDefined(), {
        timeout: 40_000,
        interval: 50,
      })
      const { items } = await client.list(configMaps, { namespace })
      const names = (objects: readonly ConfigMap[]) =>
        objects.map((object) => object.metadata.name).toSorted()
      expect(names(informer.list())).toEqual(names(items))
      life.abort(new Error('test is over'))
      await running
      await own.close()

      const old = async () => {
        const batches = watch(configMaps, {
          client,
          clock,
          namespace,
          resourceVersion: before.metadata.resourceVersion ?? '',
          timeoutSeconds: 5,
          signal: AbortSignal.timeout(10_000),
        })
        for await (const _ of batches) break
      }
      await expect(old()).rejects.toSatisfy(isGone)
      expect(relists).toBeLessThanOrEqual(2)
    })
  })
}
