// The agent against a sandbox that breaks, and against somebody who only pretends to be one.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { begunStatus, nonceHeader, signatureHeader, signedText } from '../sandbox/exec-protocol.ts'
import { type SandboxIdentity, takeIdentity } from '../sandbox/server.ts'
import { connectSandbox } from './sandbox-client.ts'

vi.setConfig({ testTimeout: 30_000 })

let folder = ''
let socketPath = ''
const servers: Server[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'client-'))
  socketPath = join(folder, 'sock')
})
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
  chmodSync(folder, 0o700)
  rmSync(folder, { recursive: true })
})

const signal = AbortSignal.timeout(600_000)
const request = { argv: ['true'], cwd: '/w', timeoutSeconds: 5 }
const passed = {
  exitCode: 0,
  timedOut: false,
  stdout: '',
  stderr: '',
  report: 'r',
  strays: 0,
  durationMs: 1,
}

interface Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly text: string
  begin(key: SandboxIdentity): void
  say(
    key: SandboxIdentity,
    body: unknown,
    changed?: { path?: string; text?: string; nonce?: string },
  ): void
}

/** Listens; `turns` answer one request each, the last one all that follow. */
async function listen(
  key: SandboxIdentity,
  turns: readonly ((call: Call) => void)[],
): Promise<void> {
  let count = 0
  const server = createServer((request, response) => {
    if (request.url === '/identity')
      return void response.end(JSON.stringify({ publicKey: key.publicKey }))
    let text = ''
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
    request.on('end', () => {
      const nonce = String(request.headers[nonceHeader])
      const path = request.url ?? ''
      turns[Math.min(count++, turns.length - 1)]?.({
        request,
        response,
        text,
        begin(by) {
          const signed = signedText({ nonce, path, request: text, status: begunStatus, answer: '' })
          response.writeEarlyHints({
            link: '</exec>; rel=self',
            [signatureHeader]: by.sign(signed),
          })
        },
        say(by, body, changed = {}) {
          const answer = JSON.stringify(body)
          const call = { nonce, path, status: 200, answer }
          const signed = signedText({ ...call, request: changed.text ?? text, ...changed })
          response.setHeader(signatureHeader, by.sign(signed))
          response.end(answer)
        },
      })
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
}

test('takes an answer that the sandbox signed', async () => {
  const key = takeIdentity(undefined)
  await listen(key, [(call) => call.say(key, passed)])
  expect(await connectSandbox(socketPath).exec(request, { signal })).toMatchObject({ report: 'r' })
})

test('takes a connection that broke while the command ran for a failure of the command', async () => {
  const key = takeIdentity(undefined)
  await listen(key, [
    (call) => {
      call.begin(key)
      setTimeout(() => call.response.destroy(), 50)
    },
    (call) => call.say(key, passed),
  ])
  const sandbox = connectSandbox(socketPath)
  const result = await sandbox.exec(request, { signal })
  expect(result).toMatchObject({ signal: 'SIGKILL', stderr: expect.stringContaining('ended') })
  expect(result.exitCode).toBeUndefined()
  expect(await sandbox.exec(request, { signal })).toMatchObject({ exitCode: 0 })
})

test('asks again when the connection broke before the command began', async () => {
  const key = takeIdentity(undefined)
  await listen(key, [(call) => call.response.destroy(), (call) => call.say(key, passed)])
  expect(await connectSandbox(socketPath).exec(request, { signal })).toMatchObject({ exitCode: 0 })
})

const other = takeIdentity(undefined)
test.each<[string, (call: Call, key: SandboxIdentity) => void]>([
  ['without a signature', (call) => call.response.end(JSON.stringify({ ...passed, report: 'f' }))],
  [
    'with a signature that is none',
    (call) => {
      call.response.setHeader(signatureHeader, 'AAAA')
      call.response.end(JSON.stringify({ ...passed, report: 'f' }))
    },
  ],
  ['with a signature of its own', (call) => call.say(other, { ...passed, report: 'f' })],
  [
    'with the true signature of another request',
    (call, key) => call.say(key, { ...passed, report: 'f' }, { text: '{"argv":["true"]}' }),
  ],
  [
    'with the true signature of another path',
    (call, key) => call.say(key, { ...passed, report: 'f' }, { path: '/reset' }),
  ],
  [
    'with a true signature that it kept',
    (call, key) => call.say(key, { ...passed, report: 'f' }, { nonce: 'earlier' }),
  ],
  [
    'with a true signature of another answer',
    (call, key) => {
      const end = call.response.end.bind(call.response)
      call.response.end = (() => end(JSON.stringify({ ...passed, report: 'f' }))) as never
      call.say(key, { ...passed, exitCode: 1 })
    },
  ],
  [
    'after saying that the command begins',
    (call) => {
      call.begin(other)
      call.response.destroy()
    },
  ],
])('does not believe an answer %s, and asks until the sandbox is back', async (_what, forge) => {
  const key = takeIdentity(undefined)
  await listen(key, [
    (call) => call.say(key, {}),
    (call) => forge(call, key),
    (call) => forge(call, key),
    (call) => call.say(key, passed),
  ])
  const sandbox = connectSandbox(socketPath)
  await sandbox.reset(undefined, { signal })
  expect(await sandbox.exec(request, { signal })).toMatchObject({ exitCode: 0, report: 'r' })
})

test('waits for a sandbox that is not there yet', async () => {
  const key = takeIdentity(undefined)
  const asked = connectSandbox(socketPath).exec(request, { signal })
  setTimeout(() => void listen(key, [(call) => call.say(key, passed)]), 1500)
  expect(await asked).toMatchObject({ exitCode: 0 })
})

test('sends no request that the sandbox would not read', async () => {
  const long = { ...request, stdin: '\0'.repeat(1_000_000) }
  await expect(connectSandbox(socketPath).exec(long, { signal })).rejects.toThrow('2 MiB')
})
