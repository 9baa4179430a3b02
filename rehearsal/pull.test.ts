import { Ollama } from 'ollama'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { percentOf, pullModel } from '../core/models/servers/pull.ts'
import { createDownloads, step } from './pull.ts'
import { startRehearsal, type RunningRehearsal } from '../test/support/rehearsal.ts'

const size = 4_000_000
const pullStep = z.strictObject({
  status: z.string(),
  digest: z.string().optional(),
  total: z.number().optional(),
  completed: z.number().optional(),
})

let server: RunningRehearsal
async function start(pullRate: number): Promise<void> {
  server = await startRehearsal({
    rules: [],
    pullRate,
    holds: new Map([['kept:1b', 5_000_000]]),
    pullable: new Map([
      ['big:7b', size],
      ['codellama', size],
    ]),
  })
}
beforeEach(() => start(0))
afterEach(async () => {
  await server[Symbol.asyncDispose]()
})

async function steps(body: object): Promise<z.infer<typeof pullStep>[]> {
  const response = await post(body)
  const lines = (await response.text()).trim().split('\n')
  return lines.map((text) => pullStep.parse(JSON.parse(text)))
}

function post(body: object, signal?: AbortSignal): Promise<Response> {
  return fetch(`${server.endpoint}/api/pull`, {
    method: 'POST',
    body: JSON.stringify(body),
    ...(signal && { signal }),
  })
}

const names = async () =>
  (await new Ollama({ host: server.endpoint }).list()).models.map((model) => model.name)

describe('a pull', () => {
  test('tells its steps as Ollama does: layers with digest and total, then the closing ones', async () => {
    const told = await steps({ model: 'big:7b' })
    const layers = told.filter((one) => one.digest !== undefined)
    expect(told.slice(0, 1)).toEqual([{ status: 'pulling manifest' }])
    expect(told.slice(-3).map((one) => one.status)).toEqual([
      'verifying sha256 digest',
      'writing manifest',
      'success',
    ])
    for (const { status, digest } of layers) {
      expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/)
      expect(status).toBe(`pulling ${digest?.slice(7, 19)}`)
    }
    // Go leaves out a zero.
    expect(layers[0]).not.toHaveProperty('completed')
    const totals = new Map(layers.map((one) => [one.digest, one.total ?? 0]))
    expect([...totals.values()].reduce((sum, total) => sum + total)).toBe(size)
    expect(layers.at(-1)?.completed).toBe(layers.at(-1)?.total)
  })

  test('makes the server hold the model, whose details say that it is no real one', async () => {
    expect(await names()).toEqual(['rehearsal:latest', 'kept:1b'])
    await steps({ name: 'codellama' })
    const [newest] = (await new Ollama({ host: server.endpoint }).list()).models
    expect(newest).toMatchObject({
      name: 'codellama:latest',
      size,
      details: { family: 'rehearsal' },
    })
  })

  test('without a stream answers once, at its end', async () => {
    const response = await post({ model: 'big:7b', stream: false })
    expect(await response.json()).toEqual({ status: 'success' })
  })

  test('of a model that the server holds already has nothing left to fetch', async () => {
    await steps({ model: 'kept:1b' })
    const again = await steps({ model: 'kept:1b' })
    const layers = again.filter((one) => one.digest !== undefined)
    expect(layers).toHaveLength(3)
    expect(layers.every((one) => one.completed === one.total)).toBe(true)
  })

  test.each([
    [true, 200, 'application/x-ndjson'],
    [false, 500, 'application/json; charset=utf-8'],
  ])(
    'of a model that the registry does not have fails (stream: %s)',
    async (stream, status, type) => {
      const response = await post({ model: 'nope:7b', stream })
      expect([response.status, response.headers.get('content-type')]).toEqual([status, type])
      const lines = (await response.text()).trim().split('\n')
      expect(JSON.parse(lines.at(-1) ?? '')).toEqual({
        error: 'pull model manifest: file does not exist',
      })
      expect(await names()).not.toContain('nope:7b')
    },
  )

  test('goes on where its client left it', async () => {
    await server[Symbol.asyncDispose]()
    await start(10_000_000)
    const stop = new AbortController()
    const left = pullModel(server, 'big:7b', {
      signal: stop.signal,
      onProgress: (progress) => {
        if ((percentOf(progress) ?? 0) > 20) stop.abort()
      },
    })
    await expect(left).rejects.toThrow()
    await expect
      .poll(async () => (await server.recorded()).pulls.map((pull) => pull.outcome))
      .toEqual(['cancelled'])
    const seen: number[] = []
    await pullModel(server, 'big:7b', {
      signal: new AbortController().signal,
      onProgress: (progress) => {
        const percent = percentOf(progress)
        if (percent !== undefined) seen.push(percent)
      },
    })
    const [first, second] = (await server.recorded()).pulls
    expect(first?.to).toBeGreaterThan(size / 5)
    expect(second).toMatchObject({ outcome: 'done', from: first?.to, to: size })
    expect(seen[0]).toBeGreaterThan(20)
  })

  test('shares what comes in with another of the same model', async () => {
    await server[Symbol.asyncDispose]()
    await start(10_000_000)
    let second: Promise<void> | undefined
    const { signal } = new AbortController()
    await pullModel(server, 'big:7b', {
      signal,
      onProgress: (progress) => {
        if ((percentOf(progress) ?? 0) > 20) second ??= pullModel(server, 'big:7b', { signal })
      },
    })
    await second
    const { pulls } = await server.recorded()
    expect(pulls.map(({ outcome, to }) => [outcome, to])).toEqual([
      ['done', size],
      ['done', size],
    ])
    expect(pulls[1]?.from).toBeGreaterThan(size / 5)
  })
})

test('a layer comes in at its rate, however many ask how far it is', () => {
  const download = createDownloads(1000).of({ digest: 'sha256:0', size: 10_000 })
  download.lastStep -= 2000
  for (let asked = 0; asked < 5; asked++) step(download)
  expect(download.completed).toBeGreaterThanOrEqual(2000)
  expect(download.completed).toBeLessThan(2900)
  download.stalledUntil = Date.now() + 60_000
  download.lastStep -= 5000
  const before = download.completed
  step(download)
  expect(download.completed).toBe(before)
  download.stalledUntil = 0
  download.lastStep -= 60_000
  step(download)
  expect(download.completed).toBe(10_000)
})
