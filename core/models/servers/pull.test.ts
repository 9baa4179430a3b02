import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { closedEndpoint, startRehearsal } from '../../../test/support/rehearsal.ts'
import { type ScriptedServer, startScriptedServer } from '../../../test/support/scripted-server.ts'
import { VirtualClock } from '../../../test/support/virtual-clock.ts'
import { ModelError } from '../errors.ts'
import { createFromBlob, percentOf, pullModel, pullProblem, type PullProgress } from './pull.ts'

const { signal } = new AbortController()
let server: ScriptedServer | undefined

/** A server that sends these lines and then, unless told to stay silent, ends. */
async function serverThatSays(
  lines: readonly object[],
  silent = false,
): Promise<{ readonly endpoint: string }> {
  server = await startScriptedServer((_, response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    for (const line of lines) response.write(`${JSON.stringify(line)}\n`)
    if (!silent) response.end()
  })
  return { endpoint: server.config.server }
}

afterEach(async () => {
  await server?.close()
  server = undefined
})

const layer = (digest: string, total: number, completed?: number) => ({
  status: `pulling ${digest}`,
  digest: `sha256:${digest}`,
  total,
  ...(completed === undefined ? {} : { completed }),
})
const megabyte = 1_000_000

describe('a pull', () => {
  test('adds up its layers, never goes back, and is at 100 % only at the end', async () => {
    const there = await serverThatSays([
      { status: 'pulling manifest' },
      layer('licence', 11_000, 11_000),
      layer('weights', 4 * megabyte),
      layer('weights', 4 * megabyte, 3 * megabyte),
      layer('weights', 4 * megabyte, 2 * megabyte),
      layer('weights', 4 * megabyte, 4 * megabyte),
      layer('weights', 4 * megabyte, 4 * megabyte),
      layer('eyes', megabyte, megabyte / 2),
      layer('eyes', megabyte, megabyte),
      { status: 'verifying sha256 digest' },
      { status: 'success' },
    ])
    const seen: PullProgress[] = []
    await pullModel(there, 'x:1b', { signal, onProgress: (now) => seen.push(now) })
    expect(
      seen.map((now) => [
        now.status.replace('pulling ', ''),
        now.totalBytes,
        now.completedBytes,
        percentOf(now),
      ]),
    ).toEqual([
      ['manifest', undefined, undefined, undefined],
      ['licence', undefined, undefined, undefined],
      ['weights', 4 * megabyte, 0, 0],
      ['weights', 4 * megabyte, 3 * megabyte, 75],
      ['weights', 4 * megabyte, 4 * megabyte, 99],
      ['eyes', 5 * megabyte, 4.5 * megabyte, 90],
      ['eyes', 5 * megabyte, 5 * megabyte, 99],
      ['verifying sha256 digest', 5 * megabyte, 5 * megabyte, 99],
      ['success', 5 * megabyte, 5 * megabyte, 100],
    ])
  })

  test('from the rehearsal server is seen to its end', async () => {
    const pullable = new Map([['other', 4_000_000]])
    await using rehearsal = await startRehearsal({ rules: [], pullable, pullRate: 10_000_000 })
    const seen: (number | undefined)[] = []
    const onProgress = (now: PullProgress) => seen.push(percentOf(now))
    await pullModel(rehearsal, 'other', { signal, onProgress })
    expect(seen[0]).toBeUndefined()
    expect(seen.slice(1)).toEqual(seen.slice(1).toSorted((a = 0, b = 0) => a - b))
    expect(seen.length).toBeGreaterThan(4)
    expect(seen.at(-1)).toBe(100)
  })

  const failures: readonly {
    readonly name: string
    readonly lines: readonly object[]
    readonly want: object
  }[] = [
    {
      name: 'that the server ends without success is an error',
      lines: [{ status: 'pulling manifest' }, layer('weights', megabyte, megabyte)],
      want: { code: 'ModelUnavailable', message: 'the model server ended it before it was done' },
    },
    {
      name: 'that fails on the way is an error in the words of the server',
      lines: [layer('weights', megabyte, 5), { error: 'max retries exceeded: unexpected EOF' }],
      want: { name: 'Error', message: 'max retries exceeded: unexpected EOF' },
    },
  ]
  test.each(failures)('$name', async ({ lines, want }) => {
    const there = await serverThatSays(lines)
    await expect(pullModel(there, 'x:1b', { signal })).rejects.toMatchObject(want)
  })

  test('from a server that is not there is an error that can pass', async () => {
    await expect(pullModel({ endpoint: closedEndpoint }, 'x:1b', { signal })).rejects.toMatchObject(
      {
        code: 'ModelUnavailable',
        message: expect.stringContaining('ECONNREFUSED'),
      },
    )
  })

  test.each([
    { name: 'in three minutes', last: layer('weights', megabyte, 5), minutes: 3 },
    {
      name: 'in half an hour of checking',
      last: { status: 'verifying sha256 digest' },
      minutes: 30,
    },
  ])('that makes no progress $name is given up', async ({ last, minutes }) => {
    const clock = new VirtualClock()
    const seen: string[] = []
    const there = await serverThatSays([last, last], true)
    const onProgress = (now: PullProgress) => seen.push(now.status)
    const error = pullModel(there, 'x:1b', { signal, clock, onProgress }).catch(
      (reason: unknown) => reason,
    )
    await expect.poll(() => seen).toHaveLength(1)
    await clock.advance(minutes * 60_000 - 1)
    expect(clock.pending).toBe(1)
    await clock.advance(1)
    expect(await error).toMatchObject({
      code: 'ModelUnavailable',
      message: `there was no progress for ${minutes} minutes`,
    })
  })

  test('that repeats the same figures makes no progress', async () => {
    const clock = new VirtualClock()
    let response: ServerResponse | undefined
    server = await startScriptedServer((_, open) => {
      response = open
      open.writeHead(200)
      open.write(`${JSON.stringify(layer('weights', megabyte, 5))}\n`)
    })
    const error = pullModel({ endpoint: server.config.server }, 'x:1b', { signal, clock }).catch(
      (reason: unknown) => reason,
    )
    await expect.poll(() => response).toBeDefined()
    for (let minute = 0; minute < 4; minute++) {
      response?.write(`${JSON.stringify(layer('weights', megabyte, 5))}\n`)
      await clock.advance(60_000)
    }
    expect(await error).toMatchObject({ message: 'there was no progress for 3 minutes' })
  })

  test('ends with its signal, at the server too', async () => {
    const stop = new AbortController()
    const gone = Promise.withResolvers<void>()
    server = await startScriptedServer((_, response) => {
      response.on('close', () => gone.resolve())
      response.write('{"status":"pulling manifest"}\n')
    })
    const onProgress = () => stop.abort(new Error('not wanted any more'))
    await expect(
      pullModel({ endpoint: server.config.server }, 'x:1b', { signal: stop.signal, onProgress }),
    ).rejects.toThrow('not wanted any more')
    await gone.promise
  })
})

test('a model is made from a file that the server holds', async () => {
  const there = await serverThatSays([{ status: 'parsing GGUF' }, { status: 'success' }])
  await createFromBlob(there, { name: 'x:1b', digest: 'sha256:ab' }, { signal })
  expect(server?.requests[0]).toMatchObject({ method: 'POST', path: '/api/create' })
  const sent: unknown = JSON.parse(server?.requests[0]?.body ?? '')
  expect(sent).toEqual({ model: 'x:1b', files: { 'model.gguf': 'sha256:ab' }, stream: true })
})

test.each([
  {
    name: 'a full volume',
    said: 'write /root/.ollama/models/blobs/sha256-ab-partial: no space left on device',
    want: /no space left for x:1b on the volume.*make the volume larger/,
  },
  {
    name: 'a name the registry does not know',
    said: 'pull model manifest: file does not exist',
    want: /does not know the model x:1b.*correct spec\.model/,
  },
  {
    name: 'no way out of the cluster',
    said: 'pull model manifest: Get "https://registry.ollama.ai/v2/library/x/manifests/1b": dial tcp: lookup registry.ollama.ai on 10.96.0.10:53: no such host',
    want: /cannot reach the registry.*spec\.source: preloaded or blob/,
  },
  {
    name: 'a firewall',
    said: 'Get "https://registry.ollama.ai/v2/": dial tcp 104.21.75.227:443: i/o timeout',
    want: /cannot reach the registry/,
  },
  {
    name: 'a line that keeps breaking',
    said: 'max retries exceeded: unexpected EOF',
    want: /cannot reach the registry/,
  },
  {
    name: 'damage on the way',
    said: 'digest mismatch, file must be downloaded again: want sha256:a, got sha256:b',
    want: /was damaged on the way/,
  },
  {
    name: 'a blob that nobody uploaded',
    said: 'open /root/.ollama/models/blobs/sha256-ab: no such file or directory',
    want: /does not hold the file of weights for x:1b.*spec\.blob\.digest/,
  },
  {
    name: 'a blob that is no model',
    said: 'supplied file was not in GGUF format',
    want: /not a GGUF file/,
  },
  {
    name: 'anything else, in the words of the server',
    said: 'pull model manifest: 412: requires a newer version of Ollama',
    want: /^the model server could not get x:1b: pull model manifest: 412: requires a newer version/,
  },
])('$name is told in a sentence', ({ said, want }) => {
  const problem = pullProblem(new Error(said), 'x:1b')
  expect(problem).toMatch(want)
  expect(problem).toContain(said)
})

test('a model server that cannot be reached is not taken for the registry', () => {
  const message = 'the model server at http://x cannot be reached: connect ECONNREFUSED'
  const cause = new Error('connection refused')
  expect(pullProblem(new ModelError('ModelUnavailable', message, { cause }), 'x:1b')).toBe(message)
})
