import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { cloneUrl, git } from './git.ts'

const { signal } = new AbortController()

test('git shows the token to the forge, and the token stands in no argument', async () => {
  const seen: (string | undefined)[] = []
  const server = createServer((request, response) => {
    seen.push(request.headers.authorization)
    response.writeHead(403).end('no')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const remote = { url: `http://127.0.0.1:${port}`, token: 'secret', namespace: 'guildhall' }
  const args = ['ls-remote', cloneUrl(remote, 'hello')]
  await expect(git(args, { remote, signal })).rejects.toThrow(/^git ls-remote failed: .*403/)
  expect(seen).toEqual(['Bearer secret'])
  expect(args.join(' ')).not.toContain('secret')
})

test('a failing git is told with its own last words', async () => {
  const cwd = await mkdtemp(join(tmpdir(), 'guild-'))
  onTestFinished(() => rm(cwd, { recursive: true }))
  await expect(git(['log'], { cwd, signal })).rejects.toThrow(/not a git repository/)
})
