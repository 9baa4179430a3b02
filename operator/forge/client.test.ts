import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { ForgeClient } from './client.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'

const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0)) close()
})

async function forge(answer: RequestListener) {
  const directory = await mkdtemp(join(tmpdir(), 'forge-client-'))
  const tokenFile = join(directory, 'token')
  await writeFile(tokenFile, 'token\n')
  const server = createServer(answer)
  server.listen(0)
  await once(server, 'listening')
  open.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const clock = new VirtualClock()
  const client = new ForgeClient({ url: `http://127.0.0.1:${port}/`, tokenFile, clock, fetch })
  return { server, clock, client }
}

test.each([
  ['at all', () => {}],
  [
    'to the end',
    (_request: unknown, response: { write: (text: string) => void }) => response.write('{'),
  ],
] satisfies (readonly [string, RequestListener])[])(
  'a forge that does not answer %s is told from one that says no',
  async (_how, answer) => {
    const { server, clock, client } = await forge(answer)
    const { signal } = new AbortController()
    const asked = client.branch('hello', 'guild/hello', '', { signal })
    await Promise.all([
      expect(asked).rejects.toMatchObject({ name: 'ForgeError', code: 'Unreachable' }),
      once(server, 'request').then(() => clock.advance(15_000)),
    ])
  },
)

test('a caller who gives up gets their own reason back', async () => {
  const { server, client } = await forge(() => {})
  const caller = new AbortController()
  const asked = client.branch('hello', 'guild/hello', '', { signal: caller.signal })
  await Promise.all([
    expect(asked).rejects.toThrow('gone'),
    once(server, 'request').then(() => caller.abort(new Error('gone'))),
  ])
})

test('a forge that hangs up once is asked again', async () => {
  let asked = 0
  const { client, clock } = await forge((request, response) => {
    asked += 1
    if (asked === 1) request.socket.destroy()
    else
      response
        .setHeader('content-type', 'application/json')
        .end(JSON.stringify({ branch: 'guild/hello', head: 'h', commits: 1 }))
  })
  const state = { settled: false }
  const answer = client
    .branch('hello', 'guild/hello', '', new AbortController())
    .finally(() => (state.settled = true))
  while (!state.settled) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    await clock.advance(20)
  }
  expect(await answer).toEqual({ branch: 'guild/hello', head: 'h', commits: 1 })
  expect(asked).toBe(2)
})
