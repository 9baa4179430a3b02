import { EventEmitter } from 'node:events'
import { beforeEach, describe, expect, test } from 'vitest'
import { aborted } from '../../base/wait.ts'
import { silentLogger } from '../../../test/support/silent-logger.ts'
import { releaseMs } from './leader.ts'
import {
  LeadershipLostError,
  Manager,
  type ManagerOptions,
  type Runnable,
  longestStopMs,
  stopSignal,
} from './manager.ts'
import { VirtualClock } from '../../../test/support/virtual-clock.ts'

let clock: VirtualClock
let history: string[]
let life: AbortController
beforeEach(() => {
  clock = new VirtualClock()
  history = []
  life = new AbortController()
})

/** A part that notes when it starts, is asked to stop, and ends `drainMs` later. */
function part(name: string, drainMs = 0): Runnable {
  return {
    name,
    run: async ({ stop, abort }) => {
      history.push(`${name} starts`)
      await aborted(stop)
      if (drainMs > 0) await clock.sleep(drainMs, { signal: abort }).catch(() => undefined)
      history.push(`${name} ends${abort.aborted ? ' aborted' : ''}`)
    },
  }
}

const deaf: Runnable = { name: 'deaf', run: () => new Promise(() => undefined) }

function manager(options: Partial<ManagerOptions> = {}) {
  const loss = Promise.withResolvers<'lost'>()
  const made = new Manager({
    log: silentLogger,
    clock,
    server: {
      start: async () => history.push('server up'),
      stop: async () => void history.push('server down'),
    },
    caches: [
      {
        resource: { plural: 'things' },
        run: async ({ signal }) => {
          await aborted(signal)
          history.push('cache ends')
        },
        synced: async ({ signal }) => {
          await clock.sleep(100, { signal })
          history.push('cache complete')
        },
      },
    ],
    always: [part('events')],
    election: {
      acquire: async () => void history.push('elected'),
      keep: ({ signal }) =>
        Promise.race([loss.promise, aborted(signal).then(() => 'stopped' as const)]),
      release: async () => void history.push('released'),
    },
    leading: [part('controller', 50)],
    ...options,
  })
  return { made, lose: () => loss.resolve('lost'), running: made.run({ signal: life.signal }) }
}

const wholeStart = ['server up', 'cache complete', 'events starts', 'elected', 'controller starts']

describe('a manager', () => {
  test('starts and stops its parts in order', async () => {
    const { made, running } = manager()
    await clock.advance(50)
    expect(made.problem()).toBe('the caches are not complete')
    await clock.advance(100)
    expect(made.problem()).toBeUndefined()
    expect(history).toEqual(wholeStart)
    life.abort()
    await clock.advance(10)
    expect(made.problem()).toBe('the process is stopping')
    await clock.advance(90)
    await running
    expect(history.slice(5)).toEqual([
      'controller ends',
      'events ends',
      'cache ends',
      'released',
      'server down',
    ])
  })

  test('cuts off what does not end within the drain time', async () => {
    const { running } = manager({ leading: [part('slow', 3_600_000)], drainMs: 1_000 })
    await clock.advance(200)
    life.abort()
    await clock.advance(1_000)
    await running
    expect(history).toContain('slow ends aborted')
    expect(history.at(-1)).toBe('server down')
  })

  test('leaves behind what ignores everything', async () => {
    const { running } = manager({ leading: [deaf], drainMs: 1_000, abortMs: 500 })
    await clock.advance(200)
    life.abort()
    await clock.advance(1_500)
    await running
    expect(history.at(-1)).toBe('server down')
  })

  test('has one drain time for all parts, and is done within the time that it names', async () => {
    const { running } = manager({
      always: [part('events', 3_600_000), deaf],
      leading: [part('slow', 3_600_000), deaf],
      election: {
        acquire: async () => undefined,
        keep: ({ signal }) => aborted(signal).then(() => 'stopped' as const),
        release: async () => clock.sleep(releaseMs, {}),
      },
    })
    await clock.advance(200)
    life.abort()
    await clock.advance(longestStopMs)
    await running
    expect(history).toEqual(expect.arrayContaining(['slow ends aborted', 'events ends aborted']))
    expect(history.at(-1)).toBe('server down')
  })

  test('lets what always runs end in the time that the leader has left, and not much later', async () => {
    const { running } = manager({
      always: [part('events', 700)],
      leading: [part('controller', 200)],
      drainMs: 1_000,
      abortMs: 10,
    })
    await clock.advance(200)
    life.abort()
    await clock.advance(900)
    await running
    expect(history).toContain('events ends')
  })

  test('aborts at once when the lease is lost, and fails', async () => {
    const { running, lose } = manager({ leading: [part('controller', 3_600_000)] })
    const failed = expect(running).rejects.toBeInstanceOf(LeadershipLostError)
    await clock.advance(200)
    lose()
    await clock.advance(10)
    await failed
    expect(history).toContain('controller ends aborted')
  })

  test('stops everything when one part fails, and fails with its error', async () => {
    const broken: Runnable = {
      name: 'broken',
      run: async () => {
        throw new Error('port is taken')
      },
    }
    const { running } = manager({ leading: [part('controller'), broken] })
    const failed = expect(running).rejects.toThrow('port is taken')
    await clock.advance(1_000)
    await failed
    expect(history).toContain('controller ends')
    expect(history.at(-1)).toBe('server down')
  })

  test('fails also with what happened while it was stopping', async () => {
    const clumsy: Runnable = {
      name: 'clumsy',
      run: async ({ stop }) => {
        await aborted(stop)
        throw new Error('the last write failed')
      },
    }
    const { running } = manager({ leading: [clumsy] })
    const failed = expect(running).rejects.toThrow('the last write failed')
    await clock.advance(200)
    life.abort()
    await clock.advance(100)
    await failed
    expect(history.at(-1)).toBe('server down')
  })

  test('fails and cuts off the drain when the lease is lost meanwhile', async () => {
    const { running, lose } = manager({ leading: [part('controller', 20_000)] })
    const failed = expect(running).rejects.toBeInstanceOf(LeadershipLostError)
    await clock.advance(200)
    life.abort()
    await clock.advance(100)
    lose()
    await clock.advance(100)
    await failed
    expect(history).toContain('controller ends aborted')
  })

  test('that failed does not stand for election any more', async () => {
    const broken: Runnable = { name: 'broken', run: () => Promise.reject(new Error('broken')) }
    let stands = true
    const { running } = manager({
      always: [broken],
      election: {
        acquire: async ({ signal }) => {
          await aborted(signal)
          stands = false
          throw signal.reason
        },
        keep: async () => 'stopped',
        release: async () => void history.push(`released ${stands ? 'too early' : 'in time'}`),
      },
    })
    const failed = expect(running).rejects.toThrow('broken')
    await clock.advance(200)
    await failed
    expect(history).toContain('released in time')
  })

  test('that is stopped before its caches are complete starts nothing', async () => {
    const { running } = manager()
    await clock.advance(50)
    life.abort()
    await clock.advance(100)
    await running
    expect(history).toEqual(['server up', 'cache ends', 'released', 'server down'])
  })

  test('keeps a follower warm until it is elected', async () => {
    const { running } = manager({
      election: {
        acquire: ({ signal }) => clock.sleep(3_600_000, { signal }),
        keep: async () => 'stopped',
        release: async () => undefined,
      },
    })
    await clock.advance(1_000)
    expect(history).toEqual(['server up', 'cache complete', 'events starts'])
    life.abort()
    await clock.advance(100)
    await running
    expect(history).not.toContain('controller starts')
  })
})

test('the first signal stops, the second ends the process at once', () => {
  const process = new EventEmitter()
  let ended = 0
  const signal = stopSignal(process, () => {
    ended += 1
  })
  process.emit('SIGTERM', 'SIGTERM')
  expect(signal.reason).toEqual(new Error('the process received SIGTERM'))
  expect(ended).toBe(0)
  process.emit('SIGINT', 'SIGINT')
  expect(ended).toBe(1)
})
