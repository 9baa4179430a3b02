import { expect, test } from 'vitest'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { Job, type JobContext } from './jobs.ts'

interface Work extends JobContext<number> {
  readonly ends: PromiseWithResolvers<string>
}

function setUp(
  pauseMs = (failures: number): number | undefined => failures * 1_000,
  clock = new VirtualClock(),
) {
  const works: Work[] = []
  /** When `onChange` was told, and the state then. */
  const told: (readonly [number, string])[] = []
  const job: Job<string, number> = new Job({
    clock,
    pauseMs,
    onChange: () => told.push([clock.monotonic(), job.state.kind]),
  })
  const start = (): void =>
    job.start(async (context) => {
      const ends = Promise.withResolvers<string>()
      works.push({ ...context, ends })
      return ends.promise
    })
  const fail = async (): Promise<void> => {
    start()
    works.at(-1)?.ends.reject(new Error('broken'))
    await clock.advance(0)
  }
  return { clock, works, told, job, start, fail }
}

test('it runs once at a time, keeps its result, and may be begun again after it', async () => {
  const { clock, works, told, job, start } = setUp()
  expect(job.state).toEqual({ kind: 'idle' })
  start()
  start()
  expect(works).toHaveLength(1)
  works[0]?.ends.resolve('made')
  await clock.advance(0)
  expect(job.state).toEqual({ kind: 'done', result: 'made' })
  expect(told).toEqual([[0, 'done']])
  start()
  expect([works.length, job.state.kind]).toEqual([2, 'running'])
})

test('after a failure it rests, longer each time, and tells when the rest is over', async () => {
  const { clock, works, told, job, start, fail } = setUp()
  await fail()
  expect(job.state).toMatchObject({ kind: 'failed', failures: 1, pauseMs: 1_000 })
  start()
  expect(works).toHaveLength(1)
  await clock.advance(1_000)
  await fail()
  expect(job.state).toMatchObject({ pauseMs: 2_000, isResting: true })
  await clock.advance(2_000)
  expect(told).toEqual([
    [0, 'failed'],
    [1_000, 'failed'],
    [1_000, 'failed'],
    [3_000, 'failed'],
  ])
})

/** A clock that counts more slowly, or has been set back, while timers fire as before. */
class LateClock extends VirtualClock {
  readonly late: (elapsed: number) => number

  constructor(late: (elapsed: number) => number) {
    super()
    this.late = late
  }

  override now(): number {
    return super.now() - this.late(super.monotonic())
  }

  override monotonic(): number {
    return super.monotonic() - this.late(super.monotonic())
  }
}

test.each<[string, (elapsed: number) => number]>([
  ['counts a sixth too slowly', (elapsed) => elapsed / 6],
  ['is a part of a millisecond behind the timer', (elapsed) => (elapsed === 0 ? 0 : 0.3)],
  ['was set back by an hour', (elapsed) => (elapsed === 0 ? 0 : 3_600_000)],
])('a rest is over when its timer says so, also on a clock that %s', async (_, late) => {
  const { clock, works, job, start, fail } = setUp(undefined, new LateClock(late))
  await fail()
  await clock.advance(1_000)
  start()
  expect([works.length, job.state.kind]).toEqual([2, 'running'])
})

test('an advance makes the next failure the first one', async () => {
  const { clock, works, job, start, fail } = setUp()
  await fail()
  await clock.advance(1_000)
  start()
  works[1]?.report(10, true)
  works[1]?.ends.reject(new Error('broken'))
  await clock.advance(0)
  expect(job.state).toMatchObject({ failures: 1 })
})

test('a failure that no rest helps against may be tried again at once, and is not counted', async () => {
  const { job, works, start, fail } = setUp(() => undefined)
  await fail()
  expect(job.state).toMatchObject({ kind: 'failed', failures: 0, pauseMs: undefined })
  start()
  expect([works.length, job.state.kind]).toEqual([2, 'running'])
})

test('progress is told every two seconds at most, the last of it too', async () => {
  const { clock, works, told, job, start } = setUp()
  start()
  for (let percent = 1; percent <= 30; percent += 1) {
    works[0]?.report(percent, true)
    await clock.advance(100)
  }
  await clock.advance(1_000)
  expect(told).toEqual([
    [0, 'running'],
    [2_000, 'running'],
    [4_000, 'running'],
  ])
  expect(job.state).toEqual({ kind: 'running', progress: 30 })
})

test('after stop its work is told to end, and nobody hears of it', async () => {
  const { clock, works, told, job, start } = setUp()
  start()
  job.stop('nobody wants it')
  expect(works[0]?.signal.reason).toMatchObject({ message: 'nobody wants it' })
  works[0]?.report(5, true)
  works[0]?.ends.resolve('late')
  await clock.advance(10_000)
  start()
  expect([works.length, told.length, clock.pending]).toEqual([1, 0, 0])
})

test('after stop no timer of a rest is left', async () => {
  const { clock, job, fail } = setUp()
  await fail()
  job.stop('over')
  expect(clock.pending).toBe(0)
})
