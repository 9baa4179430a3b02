import { array, assert, nat, property } from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { type Clock, systemClock, systemRandom } from '../base/clock.ts'
import { KubeClient } from './client.ts'
import { configMaps } from './built-in-kinds.ts'
import { isGone } from './errors.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import {
  type Script,
  type ScriptedServer,
  startScriptedServer,
} from '../../test/support/scripted-server.ts'
import { LineParser, type WatchEvent, watch } from './watch.ts'

describe('the line parser', () => {
  const values = [{ a: 'grüße 🦉' }, { b: [1, 2] }, { c: 'x'.repeat(50) }]
  const bytes = Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(''))

  test('reads the same values wherever the bytes are cut', () => {
    assert(
      property(array(nat(bytes.length), { maxLength: 12 }), (cuts) => {
        const parser = new LineParser()
        const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
        const read = places.flatMap((place, index) =>
          parser.push(bytes.subarray(place, places[index + 1])),
        )
        expect(read).toEqual(values)
      }),
    )
  })

  test('reads an object of 2 MiB in small pieces', () => {
    const parser = new LineParser()
    const large = Buffer.from(`${JSON.stringify('x'.repeat(2 ** 21))}\n`)
    let read: readonly unknown[] = []
    for (let at = 0; at < large.length; at += 16_384) {
      read = parser.push(large.subarray(at, at + 16_384))
    }
    expect(read).toEqual(['x'.repeat(2 ** 21)])
  })

  test('keeps an unfinished line to itself', () => {
    expect(new LineParser().push(Buffer.from('{"a":1}\n{"b"'))).toEqual([{ a: 1 }])
  })

  test('refuses a line that never ends', () => {
    const parser = new LineParser(10)
    expect(() => parser.push(Buffer.from('12345678901'))).toThrow('more than 10 bytes')
  })
})

const added = (name: string, version: string) =>
  `${JSON.stringify({ type: 'ADDED', object: { metadata: { name, resourceVersion: version } } })}\n`

describe('a watch', () => {
  let server: ScriptedServer
  let client: KubeClient
  afterEach(async () => {
    await server.close()
    await client.close()
  })

  async function follow(
    script: Script,
    options: {
      readonly signal?: AbortSignal
      readonly timeoutSeconds?: number
      readonly clock?: Clock
    } = {},
  ): Promise<{ readonly events: WatchEvent<object & { metadata: { name: string } }>[] }> {
    server = await startScriptedServer(script)
    client = new KubeClient({ config: server.config, clock: systemClock, random: systemRandom })
    const {
      signal = new AbortController().signal,
      timeoutSeconds = 240,
      clock = systemClock,
    } = options
    const events: WatchEvent<{ metadata: { name: string } }>[] = []
    for await (const batch of watch(configMaps, {
      client,
      clock,
      resourceVersion: '5',
      timeoutSeconds,
      signal,
    })) {
      events.push(...batch)
    }
    return { events }
  }

  test('reports what happened and ends with the server', async () => {
    const bookmark = { type: 'BOOKMARK', object: { metadata: { resourceVersion: '9' } } }
    const { events } = await follow((_, response) => {
      response.end(`${added('a', '6')}${added('b', '7')}${JSON.stringify(bookmark)}\n`)
    })
    expect(events.map((event) => event.type)).toEqual(['ADDED', 'ADDED', 'BOOKMARK'])
    expect(events[2]).toEqual({ type: 'BOOKMARK', resourceVersion: '9', initialEnd: false })
    expect(Object.fromEntries(server.requests[0]?.query ?? [])).toEqual({
      watch: 'true',
      resourceVersion: '5',
      allowWatchBookmarks: 'true',
      timeoutSeconds: '240',
    })
  })

  test('fails with 410 inside the stream as at its start', async () => {
    const inside = follow((_, response) => {
      response.end('{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}\n')
    })
    await expect(inside).rejects.toSatisfy(isGone)
    await server.close()
    const atStart = follow((_, response) => {
      response.writeHead(410).end('{"kind":"Status","code":410,"reason":"Expired"}')
    })
    await expect(atStart).rejects.toSatisfy(isGone)
  })

  test('is given up when its end is due and does not come, or when it does not even begin', async () => {
    const clock = new VirtualClock()
    const opened = Promise.withResolvers<void>()
    const frozen = follow(
      (_, response) => {
        response.write(added('a', '6'))
        opened.resolve()
      },
      { timeoutSeconds: 30, clock },
    )
    const overdue = expect(frozen).rejects.toThrow('WATCH configmaps took longer than 36000 ms')
    await opened.promise
    // The answer is on its way; the deadline of the opening is over once it is here.
    const nextAlarm = async () => {
      await clock.advance(0)
      return clock.next()
    }
    await expect.poll(nextAlarm).toBe(36_000)
    await clock.advance(35_999)
    expect(clock.pending).toBe(1)
    await clock.advance(1)
    await overdue

    await server.close()
    const silent = expect(follow(() => undefined, { clock })).rejects.toThrow('15000 ms')
    await expect.poll(() => server.requests).toHaveLength(1)
    await clock.advance(15_000)
    await silent
  })

  test('fails when the connection is cut', async () => {
    const cut = follow((_, response) => {
      response.write(added('a', '6'), () => response.destroy())
    })
    await expect(cut).rejects.toThrow()
  })

  test('leaves no timer behind', async () => {
    let timers = 0
    const clock: Clock = {
      ...systemClock,
      after: (ms, run) => {
        timers += 1
        const cancel = systemClock.after(ms, run)
        return () => {
          timers -= 1
          cancel()
        }
      },
    }
    await follow((_, response) => void response.end(added('a', '6')), { clock })
    expect(timers).toBe(0)
  })

  test('rejects with the reason of the caller', async () => {
    const caller = new AbortController()
    const following = follow(() => caller.abort(new Error('stopping')), { signal: caller.signal })
    await expect(following).rejects.toThrow('stopping')
  })

  test('refuses an event of an unknown type', async () => {
    const odd = follow((_, response) => void response.end('{"type":"ODD","object":{}}\n'))
    await expect(odd).rejects.toThrow('unknown type ODD')
  })
})
