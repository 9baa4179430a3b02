import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startScriptedServer, type ScriptedServer } from '../../../test/support/scripted-server.ts'
import { VirtualClock } from '../../../test/support/virtual-clock.ts'
import {
  createPulls,
  type PullOrder,
  type Pulls,
  type PullJobState,
  type PullTarget,
} from './pulls.ts'

const registry: PullOrder = { source: { kind: 'registry' } }
const gigabyte = 1_000_000_000

let server: ScriptedServer
let clock: VirtualClock
let stop: AbortController
let pulls: Pulls
let target: PullTarget
/** The open answers of the server, one for each request. */
let open: ServerResponse[]
/** When `onChange` was told, on the monotonic clock, and what a look showed then. */
let told: (readonly [number, string | undefined])[]

beforeEach(async () => {
  open = []
  told = []
  clock = new VirtualClock()
  stop = new AbortController()
  server = await startScriptedServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    response.flushHeaders()
    open.push(response)
  })
  target = { endpoint: server.config.server, name: 'x:1b' }
  pulls = createPulls({
    signal: stop.signal,
    clock,
    random: { next: () => 0.5 },
    onChange: (changed) => told.push([clock.monotonic(), pulls.look(changed)?.kind]),
  })
})
afterEach(async () => {
  stop.abort()
  await server.close()
})

const weights = (completed: number, total = gigabyte) => ({
  status: 'pulling ab',
  digest: 'sha256:ab',
  total,
  completed,
})

async function say(request: number, ...lines: readonly object[]): Promise<void> {
  await expect.poll(() => open.length).toBeGreaterThan(request)
  for (const line of lines) open[request]?.write(`${JSON.stringify(line)}\n`)
}

async function until(want: Partial<PullJobState>): Promise<void> {
  await expect.poll(() => pulls.look(target)).toMatchObject(want)
}

/** Lets the next try fail, and gives the length of the pause after it in seconds. */
async function failNext(request: number, ...before: readonly object[]): Promise<number> {
  pulls.start(target, registry)
  await say(request, ...before, { error: 'something broke' })
  await until({ kind: 'failed' })
  const state = pulls.look(target)
  if (state?.kind !== 'failed' || state.pauseMs === undefined) throw new Error('no pause')
  const pause = state.pauseMs
  await clock.advance(pause)
  return pause / 1000
}

test('a pull runs in the background and is done when the server says so', async () => {
  expect(pulls.look(target)).toBeUndefined()
  expect(pulls.start(target, registry)).toMatchObject({ kind: 'running', percent: undefined })
  await say(0, weights(gigabyte / 2))
  await until({ kind: 'running', percent: 50, totalBytes: gigabyte, completedBytes: gigabyte / 2 })
  await say(0, { status: 'success' })
  await until({ kind: 'done' })
  expect(told.at(-1)).toEqual([0, 'done'])
})

test('a model is pulled once however often it is asked for, and again when it is missing later', async () => {
  pulls.start(target, registry)
  pulls.start(target, registry)
  pulls.start({ ...target }, registry)
  await say(0, { status: 'success' })
  await until({ kind: 'done' })
  expect(open).toHaveLength(1)
  expect(pulls.start(target, registry)).toMatchObject({ kind: 'running' })
  await say(1, { status: 'success' })
  await until({ kind: 'done' })
})

test('a blob is made into a model in the same way', async () => {
  pulls.start(target, { source: { kind: 'blob', digest: 'sha256:ab' } })
  await say(0, { status: 'success' })
  await until({ kind: 'done' })
  expect(server.requests).toMatchObject([{ path: '/api/create' }])
})

test('progress is told every two seconds at most, and an end at once', async () => {
  pulls.start(target, registry)
  for (let tenth = 1; tenth <= 50; tenth++) {
    await say(0, weights(tenth * 1_000_000))
    await until({ kind: 'running', completedBytes: tenth * 1_000_000 })
    await clock.advance(100)
  }
  await say(0, { status: 'success' })
  await until({ kind: 'done' })
  expect(told).toEqual([
    [0, 'running'],
    [2000, 'running'],
    [4000, 'running'],
    [5000, 'done'],
  ])
})

test('failures without progress wait longer and longer, up to five minutes', async () => {
  const pauses: number[] = []
  for (let failure = 0; failure < 8; failure++) pauses.push(await failNext(failure))
  // Three quarters of 5, 10, 20 …, because chance says one half.
  expect(pauses).toEqual([3.75, 7.5, 15, 30, 60, 120, 225, 225])
  expect(pulls.look(target)).toMatchObject({ failures: 8, reason: /something broke/ })
})

test('a failure after progress waits as short as the first one, but only for new progress', async () => {
  await failNext(0, weights(10_000_000))
  await failNext(1)
  expect(await failNext(2, weights(20_000_000))).toBe(3.75)
  expect(await failNext(3, weights(20_000_000))).toBe(7.5)
})

test('during the pause nothing is asked, and its end is told', async () => {
  pulls.start(target, registry)
  await say(0, { error: 'something broke' })
  await until({ kind: 'failed', failures: 1, pauseMs: 3750 })
  expect(pulls.start(target, registry)).toMatchObject({ kind: 'failed' })
  expect(told).toEqual([[0, 'failed']])
  await clock.advance(3750)
  expect(told).toEqual([
    [0, 'failed'],
    [3750, 'failed'],
  ])
  expect(pulls.start(target, registry)).toMatchObject({ kind: 'running' })
})

test('a new try shows how far the last one was until it knows better', async () => {
  await failNext(0, weights(gigabyte / 2))
  expect(pulls.start(target, registry)).toMatchObject({ kind: 'running', percent: 50 })
  await say(1, { status: 'pulling manifest' })
  await until({ kind: 'running', status: 'pulling manifest', percent: 50 })
  await say(1, weights(gigabyte / 4))
  await until({ kind: 'running', percent: 25 })
})

test('a pull that does not fit ends at once and stays ended until it does', async () => {
  const gone = Promise.withResolvers<void>()
  let free = gigabyte / 2
  const order: PullOrder = {
    ...registry,
    fits: (total, completed) =>
      total - completed > free ? `needs ${total - completed}, has ${free}` : undefined,
  }
  pulls.start(target, order)
  await say(0, { status: 'pulling manifest' }, weights(100_000_000))
  open[0]?.on('close', () => gone.resolve())
  const refused = {
    kind: 'failed',
    reason: 'needs 900000000, has 500000000',
    pauseMs: undefined,
  } as const
  await until(refused)
  await gone.promise
  await clock.advance(3_600_000)
  expect(pulls.start(target, order)).toMatchObject(refused)
  expect(open).toHaveLength(1)
  free = gigabyte
  expect(pulls.start(target, order)).toMatchObject({ kind: 'running' })
  await say(1, weights(100_000_000), { status: 'success' })
  await until({ kind: 'done' })
})

test('a pull that is cancelled ends at the server, is forgotten, and tells nobody', async () => {
  const gone = Promise.withResolvers<void>()
  pulls.start(target, registry)
  await say(0, weights(100_000_000))
  await until({ kind: 'running', percent: 10 })
  open[0]?.on('close', () => gone.resolve())
  const before = told.length
  pulls.cancel(target)
  await gone.promise
  await clock.advance(600_000)
  expect(pulls.look(target)).toBeUndefined()
  expect(told).toHaveLength(before)
  expect(clock.pending).toBe(0)
})

test('pulls end with the process', async () => {
  const gone = Promise.withResolvers<void>()
  pulls.start(target, registry)
  await say(0, weights(100_000_000))
  open[0]?.on('close', () => gone.resolve())
  stop.abort()
  await gone.promise
  pulls.start({ ...target, name: 'y:1b' }, registry)
  await clock.advance(10_000)
  expect(open).toHaveLength(1)
  expect(clock.pending).toBe(0)
})
