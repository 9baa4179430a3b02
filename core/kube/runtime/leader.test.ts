import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { KubeClient, type RequestOptions } from '../client.ts'
import { type Lease, configMaps, leases } from '../built-in-kinds.ts'
import { KubeError, WriteBarredError } from '../errors.ts'
import type { HttpTransport } from '../transport.ts'
import { aborted } from '../../base/wait.ts'
import { LeaderElector, leaderIdentity, releaseMs } from './leader.ts'
import { silentLogger } from '../../../test/support/silent-logger.ts'
import { VirtualClock, seededRandom } from '../../../test/support/virtual-clock.ts'

/** One Lease behind an API that can fail, as several processes see it. */
class LeaseServer {
  lease: Lease | undefined
  version = 0
  down = false
  /** Writes are carried out, and their answers are lost. */
  mute = false

  client(cut: () => boolean = () => false): Pick<KubeClient, 'get' | 'create' | 'update'> {
    const answer = async (work: () => Lease): Promise<never> => {
      if (this.down || cut()) {
        throw new KubeError({ status: 0, reason: 'Unreachable', message: 'down' })
      }
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- leases are all there is here
      return structuredClone(work()) as never
    }
    const write = async (
      options: RequestOptions | undefined,
      work: () => Lease,
    ): Promise<never> => {
      const answered = await answer(work)
      if (this.mute) await aborted(options?.signal ?? new AbortController().signal)
      options?.signal?.throwIfAborted()
      return answered
    }
    const refuse = (status: number, reason: string) =>
      new KubeError({ status, reason, message: reason })
    const store = (object: object) => {
      this.version += 1
      const metadata = { name: 'l', namespace: 'n', resourceVersion: String(this.version) }
      this.lease = { ...structuredClone(object), metadata }
      return this.lease
    }
    return {
      get: () =>
        answer(() => {
          if (this.lease === undefined) throw refuse(404, 'NotFound')
          return this.lease
        }),
      create: (_, object, options) =>
        write(options, () => {
          if (this.lease !== undefined) throw refuse(409, 'AlreadyExists')
          return store(object)
        }),
      update: (_, object, options) =>
        write(options, () => {
          if (this.lease === undefined) throw refuse(404, 'NotFound')
          if (object.metadata.resourceVersion !== String(this.version)) {
            throw refuse(409, 'Conflict')
          }
          return store(object)
        }),
    }
  }
}

let server: LeaseServer
let clock: VirtualClock
let life: AbortController
beforeEach(() => {
  server = new LeaseServer()
  clock = new VirtualClock()
  life = new AbortController()
})
afterEach(() => {
  life.abort(new Error('test is over'))
})

function candidate(identity: string, cut?: () => boolean, hasEnded?: (holder: string) => boolean) {
  const elector = new LeaderElector({
    client: server.client(cut),
    namespace: 'n',
    name: 'l',
    identity,
    ...(hasEnded === undefined ? {} : { hasEnded }),
    clock,
    random: seededRandom(identity.length),
    log: silentLogger,
  })
  const ends: string[] = []
  const lead = async () => {
    await elector.acquire({ signal: life.signal })
    ends.push('leading')
    ends.push(await elector.keep({ signal: life.signal }))
  }
  const running = lead().catch(() => undefined)
  return { elector, ends, running }
}

describe('leader election', () => {
  test('the first one leads and goes on leading, the second waits', async () => {
    const first = candidate('first')
    await clock.advance(0)
    const second = candidate('second')
    await clock.advance(10 * 60_000)
    expect(first.ends).toEqual(['leading'])
    expect(second.ends).toEqual([])
    expect(server.lease?.spec).toMatchObject({ holderIdentity: 'first', leaseTransitions: 0 })
  })

  test('of two that start together exactly one leads', async () => {
    const both = [candidate('one'), candidate('another')]
    await clock.advance(60_000)
    expect(both.filter((each) => each.elector.isLeader)).toHaveLength(1)
  })

  test('the second takes over after the lease time when the first is cut off, never while it still leads', async () => {
    let cut = false
    const first = candidate('first', () => cut)
    await clock.advance(0)
    const second = candidate('second')
    await clock.advance(30_000)
    cut = true
    const cutAt = clock.monotonic()
    let both = false
    while (!second.elector.isLeader) {
      await clock.advance(100)
      both ||= first.elector.isLeader && second.elector.isLeader
    }
    expect(both).toBe(false)
    expect(first.ends).toEqual(['leading', 'lost'])
    expect(clock.monotonic() - cutAt).toBeLessThanOrEqual(17_500)
    expect(server.lease?.spec?.leaseTransitions).toBe(1)
  })

  test('a leader that cannot renew gives up before anybody may take over', async () => {
    const first = candidate('first')
    await clock.advance(30_000)
    server.down = true
    const downAt = clock.monotonic()
    while (first.elector.isLeader) await clock.advance(100)
    expect(clock.monotonic() - downAt).toBeLessThanOrEqual(10_100)
  })

  test('a short outage changes nothing', async () => {
    const first = candidate('first')
    await clock.advance(30_000)
    server.down = true
    await clock.advance(6_000)
    server.down = false
    await clock.advance(60_000)
    expect(first.ends).toEqual(['leading'])
    expect(server.lease?.spec?.leaseTransitions).toBe(0)
  })

  test('a Lease given back is taken at the next look', async () => {
    const first = candidate('first')
    await clock.advance(0)
    const second = candidate('second')
    await clock.advance(10_000)
    await first.elector.release()
    expect(first.elector.isLeader).toBe(false)
    await clock.advance(2_500)
    // The one that gave it back does not take it again, although its loop was still running.
    expect(first.ends).toEqual(['leading', 'stopped'])
    expect(second.ends).toEqual(['leading'])
  })

  test("another's clock is not believed: a renewal time far in the past does not free the Lease", async () => {
    server.version = 1
    const renewTime = '2001-01-01T00:00:00.000000Z'
    server.lease = {
      metadata: { name: 'l', namespace: 'n', resourceVersion: '1' },
      spec: { holderIdentity: 'stranger', leaseDurationSeconds: 15, renewTime },
    }
    const second = candidate('second')
    await clock.advance(14_000)
    expect(second.ends).toEqual([])
    await clock.advance(4_000)
    expect(second.ends).toEqual(['leading'])
  })

  test('a Lease that somebody deleted is made again by its leader', async () => {
    const first = candidate('first')
    await clock.advance(10_000)
    server.lease = undefined
    await clock.advance(10_000)
    expect(first.ends).toEqual(['leading'])
    expect(server.lease).toMatchObject({ spec: { holderIdentity: 'first' } })
  })

  test('overdue renewals are told to the liveness check', async () => {
    const { elector } = candidate('first')
    await clock.advance(0)
    expect(elector.problem()).toBeUndefined()
    // A process that stood still: time went by and no timer of it fired.
    const stalled = new LeaderElector({
      client: server.client(),
      namespace: 'n',
      name: 'l',
      identity: 'first',
      clock,
      random: seededRandom(1),
      log: silentLogger,
    })
    await stalled.acquire({ signal: life.signal })
    await clock.advance(16_000)
    expect(stalled.problem()).toBe('the lease was last renewed 16000 ms ago')
  })

  test.each([[{ leaseMs: 10_000, renewMs: 10_000 }], [{ renewMs: 2_400, retryMs: 2_000 }]])(
    'times that cannot work are refused: %o',
    (times) => {
      const make = () =>
        new LeaderElector({
          client: server.client(),
          namespace: 'n',
          name: 'l',
          identity: 'x',
          clock,
          random: seededRandom(1),
          log: silentLogger,
          ...times,
        })
      expect(make).toThrow('lease > renew > 1.2 x retry')
    },
  )
})

describe('giving the Lease back', () => {
  const holder = () => server.lease?.spec?.holderIdentity
  const touch = (holderIdentity: string) => {
    server.version += 1
    const metadata = { name: 'l', namespace: 'n', resourceVersion: String(server.version) }
    server.lease = { metadata, spec: { ...server.lease?.spec, holderIdentity } }
  }

  test.each([
    ['the first write', true],
    ['a renewal', false],
  ])('works although %s was carried out without an answer', async (_, isFirst) => {
    server.mute = isFirst
    const { elector } = candidate('first')
    await clock.advance(0)
    server.mute = true
    await clock.advance(3_000)
    expect([elector.isLeader, holder()]).toEqual([!isFirst, 'first'])
    life.abort(new Error('the process is stopping'))
    server.mute = false
    await elector.release()
    expect(holder()).toBe('')
  })

  test.each([
    ['works although somebody touched it', 'first', ''],
    ['leaves it alone when another took it', 'second', 'second'],
  ])('%s', async (_, toucher, want) => {
    const { elector } = candidate('first')
    await clock.advance(0)
    touch(toucher)
    await elector.release()
    expect(holder()).toBe(want)
  })

  test('ends in time although nothing is answered', async () => {
    const { elector } = candidate('first')
    await clock.advance(0)
    server.mute = true
    const released = elector.release().then(() => clock.monotonic())
    await clock.advance(10_000)
    await expect(released).resolves.toBe(releaseMs)
  })
})

describe('a leader that was stopped and goes on', () => {
  /**
   * Everything under the path of Leases goes to the server; of the rest only the number is kept.
   */
  function transport(): HttpTransport & { readonly written: () => number } {
    let written = 0
    const leaseClient = server.client()
    return {
      written: () => written,
      call: async ({ method, path, body, beforeSend }) => {
        beforeSend?.()
        if (!path.includes('/leases')) {
          if (method !== 'GET') written += 1
          return { status: 200, body: {} }
        }
        const object = JSON.parse(body ?? '{}')
        if (method === 'GET')
          return { status: 200, body: await leaseClient.get(leases, { name: 'l' }) }
        return {
          status: 200,
          body: await (method === 'POST'
            ? leaseClient.create(leases, object)
            : leaseClient.update(leases, object)),
        }
      },
      stream: () => Promise.reject(new Error('there are no streams here')),
      close: async () => undefined,
    }
  }

  test('writes nothing more: not what it was about to write, nor what waited for its turn', async () => {
    const wire = transport()
    const config = {
      server: 'http://localhost',
      namespace: 'n',
      credentials: async () => ({ headers: {}, tls: {} }),
      refresh: () => undefined,
    }
    const random = seededRandom(1)
    const client = new KubeClient({ config, clock, random, transport: wire, rate: 20, burst: 5 })
    const options = { namespace: 'n', name: 'l', clock, random, log: silentLogger }
    const elector = new LeaderElector({ client, identity: 'first', ...options })
    const lead = async () => {
      await elector.acquire({ signal: life.signal })
      return elector.keep({ signal: life.signal })
    }
    const ended = lead()
    await clock.advance(20_000)
    expect(elector.writableMs()).toBeGreaterThan(0)

    const guarded = client.guarded(() => elector.writableMs())
    const metadata = { namespace: 'n', name: 'a' }
    const write = () => guarded.update(configMaps, { metadata }).catch((error: unknown) => error)
    // Twenty per second: most of these wait in the queue when the process stops.
    const waiting = Array.from({ length: 60 }, write)
    const working = clock.sleep(1_000, {}).then(write)
    await clock.advance(500)
    const before = wire.written()
    expect(before).toBeGreaterThan(5)
    expect(before).toBeLessThan(40)

    clock.suspend(30_000)
    expect(elector.writableMs()).toBe(0)
    const late = write()
    await clock.advance(60_000)
    const ends = await Promise.all([...waiting, working, late])
    expect(wire.written()).toBe(before)
    expect(ends.filter((end) => end instanceof WriteBarredError).length).toBeGreaterThan(0)
    // And it does not take the Lease back as if nothing had happened.
    await expect(ended).resolves.toBe('lost')
  })

  test('may write again only until the deadline after its last good renewal', async () => {
    let cut = false
    const { elector } = candidate('first', () => cut)
    expect(elector.writableMs()).toBe(0)
    await clock.advance(0)
    expect(elector.writableMs()).toBe(10_000)
    cut = true
    await clock.advance(4_000)
    expect(elector.writableMs()).toBe(6_000)
    await clock.advance(5_999)
    expect(elector.writableMs()).toBeGreaterThan(0)
    await clock.advance(1)
    expect(elector.writableMs()).toBe(0)
  })
})

describe('a holder that has ended', () => {
  const random = seededRandom(1)
  const identityOf = (podName: string, podUid?: string) =>
    leaderIdentity({ podName, podUid }, random)

  test('is not waited for by the next container of its Pod', async () => {
    const before = identityOf('operator-a', 'uid-a')
    const killed = candidate(before.identity, () => clock.monotonic() > 0)
    await clock.advance(100)
    expect(killed.elector.isLeader).toBe(true)
    const after = identityOf('operator-a', 'uid-a')
    const next = candidate(after.identity, undefined, after.hasEnded)
    await clock.advance(0)
    expect(next.elector.isLeader).toBe(true)
    expect(server.lease?.spec?.leaseTransitions).toBe(1)
  })

  test.each([
    ['another Pod', 'operator-b', 'uid-b'],
    ['a Pod whose name and uid only begin like its own', 'operator-a', 'uid-a2'],
    ['a process that knows no Pod', 'operator-a', undefined],
  ])('is waited for by %s', async (_, podName, podUid) => {
    candidate(identityOf('operator-a', podUid === undefined ? undefined : 'uid-a').identity)
    await clock.advance(100)
    const other = identityOf(podName, podUid)
    const next = candidate(other.identity, undefined, other.hasEnded)
    await clock.advance(10_000)
    expect(next.elector.isLeader).toBe(false)
  })

  test('is never the process itself', () => {
    const { identity, hasEnded } = identityOf('operator-a', 'uid-a')
    expect(hasEnded(identity)).toBe(false)
  })
})
