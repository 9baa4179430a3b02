import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request as httpsRequest, type Server } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { ensureAuthority, ensureCertificate } from '../../hack/native-cluster/certificates.ts'
import { startFaultProxy, type FaultProxy } from './proxy.ts'

let directory: string
let ca: Buffer
let server: Server
/** The requests that the server got, in order. */
const asked: string[] = []
const watchers = new Set<ServerResponse>()
let proxy: FaultProxy

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'proxy-'))
  ca = await readFile((await ensureAuthority(directory, 'test')).certificate)
  const pair = await ensureCertificate(directory, 'server', {
    commonName: 'server',
    hosts: ['127.0.0.1'],
  })
  const [cert, key] = await Promise.all([pair.certificate, pair.key].map((path) => readFile(path)))
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { authorization = '' } = request.headers
    asked.push(`${request.method} ${request.url} ${authorization} ${await text(request)}`.trim())
    if (request.url?.includes('watch=1') === true) {
      response.writeHead(200)
      response.write('first line\n')
      watchers.add(response)
      response.on('close', () => watchers.delete(response))
    } else response.end(`answer ${asked.length} ${'x'.repeat(80)}`)
  }
  server = createServer({ cert, key }, (request, response) => void answer(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})

afterAll(async () => {
  server.close()
  server.closeAllConnections()
  await rm(directory, { recursive: true })
})

beforeEach(async () => {
  asked.length = 0
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  proxy = await startFaultProxy({ target: `https://127.0.0.1:${port}`, pki: directory, seed: 7 })
})

afterEach(async () => {
  await proxy.close()
})

/**
 * Sends one request through the proxy: its status and text, `broken` with what came before the end,
 * or `silent`.
 */
async function ask(method: string, path: string, body = '', silentMs = 300): Promise<string> {
  return new Promise((resolve) => {
    let got = ''
    const call = httpsRequest(
      `${proxy.url}${path}`,
      { method, ca, agent: false, headers: { authorization: 'Bearer t', 'user-agent': 'me/1' } },
      (response) => {
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (got += chunk))
        response.on('error', () => resolve(`broken after ${got.length}`))
        response.on('end', () => {
          const again = response.headers['retry-after']
          const when = again === undefined ? '' : ` retry after ${again}`
          resolve(`${response.statusCode}${when} ${got.slice(0, 8)}`)
        })
      },
    )
    call.on('error', () => resolve(`broken after ${got.length}`))
    call.end(body)
    setTimeout(() => {
      resolve(`silent after ${got.length}`)
      call.destroy()
    }, silentMs)
  })
}

test('without rules everything passes, credentials included', async () => {
  expect(await ask('PUT', '/a?b=1', 'hello')).toBe('200 answer 1')
  expect(asked).toEqual(['PUT /a?b=1 Bearer t hello'])
  expect(proxy.log).toMatchObject([
    { method: 'PUT', path: '/a?b=1', status: 200, userAgent: 'me/1' },
  ])
})

test.each([
  ['before', 0, 'broken after 0'],
  ['after', 1, 'broken after 0'],
  ['middle', 1, 'broken after 44'],
] as const)('a request cut %s reaches the server %i times', async (when, reached, want) => {
  proxy.add({ fault: { kind: 'cut', when } })
  expect(await ask('PUT', '/a')).toBe(want)
  expect(asked).toHaveLength(reached)
})

test('a duplicated request reaches the server twice, and the first answer counts', async () => {
  proxy.add({ fault: { kind: 'duplicate' }, method: 'PUT' })
  expect(await ask('PUT', '/a')).toBe('200 answer 1')
  expect(asked).toHaveLength(2)
})

test('an answer of the proxy keeps the request from the server', async () => {
  proxy.add({ fault: { kind: 'answer', status: 429, retryAfterSeconds: 3 }, times: 1 })
  expect(await ask('GET', '/a')).toBe('429 retry after 3 {"kind":')
  expect(await ask('GET', '/a')).toBe('200 answer 1')
  proxy.add({ fault: { kind: 'answer', status: 200, body: 'old news' } })
  expect(await ask('GET', '/a')).toBe('200 old news')
})

test('a rule befalls what it names: method, path, agent, body, every other, and not the first', async () => {
  const fault = { kind: 'answer', status: 500 } as const
  const rule = proxy.add({
    fault,
    method: ['PUT', 'POST'],
    path: /status$/,
    userAgent: /^me/,
    skip: 1,
    every: 2,
  })
  const other = proxy.add({ fault, body: /poison/ })
  const answers: string[] = []
  for (const [method, path] of [
    ['GET', '/status'],
    ['PUT', '/spec'],
    ['PUT', '/1/status'],
    ['POST', '/2/status'],
    ['PUT', '/3/status'],
  ] as const)
    answers.push((await ask(method, path)).slice(0, 3))
  answers.push((await ask('PUT', '/spec', 'poison')).slice(0, 3))
  expect(answers).toEqual(['200', '200', '200', '200', '500', '500'])
  expect([rule.hits, other.hits]).toEqual([1, 1])
  expect((await rule.first).path).toBe('/3/status')
})

test('chance follows the seed', async () => {
  proxy.add({ fault: { kind: 'answer', status: 500 }, probability: 0.5 })
  const answers: string[] = []
  for (let count = 0; count < 12; count += 1) answers.push((await ask('GET', '/')).slice(0, 3))
  expect(answers.filter((answer) => answer === '500')).toHaveLength(7)
})

test('a watch stays open, is cut at a byte, freezes, or has expired', async () => {
  expect(await ask('GET', '/w?watch=1')).toBe('silent after 11')
  proxy.add({ fault: { kind: 'cut-at', bytes: 5 }, watch: true, times: 1 })
  expect(await ask('GET', '/w?watch=1')).toBe('broken after 5')
  proxy.add({ fault: { kind: 'freeze' }, watch: true, times: 1 })
  expect(await ask('GET', '/w?watch=1')).toBe('silent after 0')
  proxy.add({ fault: { kind: 'expired-watch' }, watch: true, times: 1 })
  expect(await ask('GET', '/w?watch=1')).toBe('200 {"type":')
})

test('a watch whose client goes away ends at the server, too', async () => {
  await ask('GET', '/w?watch=1')
  await expect.poll(() => watchers.size).toBe(0)
})

test('what is held goes to the server when it is released, although nobody waits any more', async () => {
  const rule = proxy.add({ fault: { kind: 'hold' }, times: 1 })
  expect(await ask('PUT', '/late', 'body')).toBe('silent after 0')
  expect(asked).toEqual([])
  rule.release()
  await expect.poll(() => asked).toEqual(['PUT /late Bearer t body'])
})

test('something else can happen before the server hears and before the client does', async () => {
  const told: string[] = []
  const note = (when: string) => () => void told.push(`${when}: ${asked.length}`)
  proxy.add({ fault: { kind: 'meanwhile', before: note('before'), after: note('after') } })
  expect(await ask('PUT', '/a')).toBe('200 answer 1')
  expect(told).toEqual(['before: 0', 'after: 1'])
  proxy.clear()
  proxy.add({ fault: { kind: 'meanwhile', before: note('lost'), lost: true } })
  expect(await ask('PUT', '/b')).toBe('broken after 0')
  expect(asked).toHaveLength(1)
})

test('everything is swallowed or refused until it heals', async () => {
  proxy.swallow()
  expect(await ask('GET', '/a')).toBe('silent after 0')
  proxy.refuse()
  expect(await ask('GET', '/a')).toBe('broken after 0')
  proxy.heal()
  expect(await ask('GET', '/a')).toBe('200 answer 1')
})
