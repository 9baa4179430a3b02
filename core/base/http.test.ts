import {
  createServer,
  request as sendTo,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { z } from 'zod'
import {
  bearerToken,
  goneSignal,
  Problem,
  readJson,
  sendJson,
  sendProblem,
  startLines,
  writePatiently,
} from './http.ts'

const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/** A server that answers with `handler`, and the port it has. */
async function serve(handler: Handler): Promise<number> {
  const server = createServer((request, response) => void handler(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stops.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

const shape = z.object({ name: z.string(), at: z.object({ line: z.number() }).optional() })

/** A server that answers with what it read, or with the problem. */
const reads =
  (problems: Problem[] = []): Handler =>
  async (request, response) => {
    try {
      sendJson(response, 200, await readJson(request, shape, { maxBytes: 64 * 1024 }))
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      problems.push(error)
      sendProblem(response, error)
    }
  }

async function post(port: number, body: string | readonly Buffer[]) {
  return new Promise<{ readonly status: number; readonly json: unknown }>((resolve, reject) => {
    const outgoing = sendTo({ port, host: '127.0.0.1', method: 'POST' }, (response) => {
      const answered = response.toArray().then((chunks: Buffer[]) => {
        const json: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'))
        return { status: response.statusCode ?? 0, json }
      })
      resolve(answered)
    })
    outgoing.on('error', reject)
    for (const chunk of typeof body === 'string' ? [body] : body) outgoing.write(chunk)
    outgoing.end()
  })
}

test('a body is read whole when a character is split over chunks', async () => {
  const port = await serve(reads())
  const bytes = Buffer.from('{"name":"größer 🦉"}')
  const chunks = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
  expect(await post(port, chunks)).toEqual({ status: 200, json: { name: 'größer 🦉' } })
})

test.each([
  ['is not JSON', '{"name"', 400, 'BadRequest', 'the body is not JSON'],
  ['is empty', '', 400, 'BadRequest', 'the body is not JSON'],
  ['is of another type', '[]', 400, 'BadRequest', /^the body: .*expected object/],
  ['lacks a field', '{}', 400, 'BadRequest', /^name: .*expected string/],
  [
    'has two wrong fields',
    '{"name":7,"at":{"line":"x"}}',
    400,
    'BadRequest',
    /^name: .*; at\.line: .*expected number/,
  ],
  ['is too large', 'x'.repeat(64 * 1024 + 1), 413, 'TooLarge', 'the body is larger than 64 KiB'],
  ['is much too large', 'x'.repeat(4_000_000), 413, 'TooLarge', /larger than 64 KiB/],
])('a body that %s is refused with its reason', async (_, body, status, code, message) => {
  const port = await serve(reads())
  const answer = await post(port, body)
  expect(answer).toMatchObject({ status, json: { code } })
  expect(answer.json).toMatchObject({
    message: typeof message === 'string' ? message : expect.stringMatching(message),
  })
})

test('a body as large as it may be is read', async () => {
  const port = await serve(reads())
  const name = 'x'.repeat(64 * 1024 - '{"name":""}'.length)
  expect((await post(port, JSON.stringify({ name }))).json).toEqual({ name })
})

test('a body without end is cut', async () => {
  const problems: Problem[] = []
  const port = await serve(reads(problems))
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`
  const more = () => {
    while (!socket.destroyed && socket.write(chunk)) continue
  }
  socket.on('drain', more)
  more()
  await new Promise((resolve) => socket.once('close', resolve))
  expect(problems.map(({ status }) => status)).toEqual([413])
  expect(socket.bytesWritten).toBeLessThan(64 * 1024 * 1024)
})

test('a body that the caller broke off is a problem, and its answer goes nowhere', async () => {
  const problems: Problem[] = []
  const port = await serve(reads(problems))
  const socket = connect(port, '127.0.0.1')
  socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{"name"')
  setTimeout(() => socket.destroy(), 50)
  await expect.poll(() => problems.map(({ message }) => message)).toEqual(['the body broke off'])
})

test.each([
  ['Bearer abc.def-_', 'abc.def-_'],
  ['bearer abc', 'abc'],
  ['Bearer ', undefined],
  ['Bearer a b', undefined],
  ['Basic abc', undefined],
  [`Bearer ${'a'.repeat(20_000)}`, undefined],
  [undefined, undefined],
])('the header %j holds the token %j', (authorization, token) => {
  expect(bearerToken({ headers: { authorization } })).toBe(token)
})

test('the signal of a caller that leaves is aborted, and that of one with its answer is not', async () => {
  const signals: AbortSignal[] = []
  const port = await serve(async (request, response) => {
    const gone = goneSignal(response)
    signals.push(gone)
    const line = startLines(response)
    line({ kind: 'begun' })
    if (request.url === '/long') return
    response.end()
    line({ kind: 'late' })
  })
  const whole = await fetch(`http://127.0.0.1:${port}/short`)
  expect(await whole.text()).toBe('{"kind":"begun"}\n')
  const leaving = new AbortController()
  const long = await fetch(`http://127.0.0.1:${port}/long`, { signal: leaving.signal })
  expect(long.headers.get('content-type')).toBe('application/x-ndjson')
  expect(signals.map(({ aborted }) => aborted)).toEqual([false, false])
  leaving.abort()
  await expect.poll(() => signals.map(({ aborted }) => aborted)).toEqual([false, true])
})

test('a problem after the first line cuts the answer', async () => {
  const port = await serve(async (_, response) => {
    startLines(response)({ kind: 'begun' })
    sendProblem(response, new Problem(500, 'InternalError', 'no'))
  })
  const answer = await fetch(`http://127.0.0.1:${port}/`)
  await expect(answer.text()).rejects.toThrow()
})

test('a problem has its own headers, and another protocol’s body where there is one', async () => {
  const problem = new Problem(429, 'Busy', 'later', { headers: { 'retry-after': '2' } })
  const port = await serve(async (_, response) => {
    sendProblem(response, problem, { error: problem.message })
  })
  const answer = await fetch(`http://127.0.0.1:${port}/`)
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '2'])
  expect(await answer.json()).toEqual({ error: 'later' })
})

test('a writer waits for a caller that does not read, and not for one that left', async () => {
  let written = 0
  let isOver = false
  const port = await serve(async (_, response) => {
    const gone = goneSignal(response)
    for (; written < 200 && !gone.aborted; written += 1)
      await writePatiently(response, 'x'.repeat(1024 * 1024), gone)
    isOver = true
  })
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.pause()
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await expect.poll(() => written).toBeGreaterThan(0)
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect(written).toBeLessThan(100)
  socket.destroy()
  await expect.poll(() => isOver).toBe(true)
  expect(written).toBeLessThan(100)
})
