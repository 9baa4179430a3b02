import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  fromTemplate,
  heldTask,
  pktLine,
  startForge,
  type ForgeFixture,
} from '../test/support/forge/forge.ts'

// Real git, many processes; the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let fixture: ForgeFixture
beforeEach(async () => {
  fixture = await startForge()
  const made = await fixture.call('PUT', '/api/repositories/shop', 'operator', fromTemplate('node'))
  expect(made.status, made.text).toBe(200)
  fixture.tasks.set('r1-code', heldTask('r1-code'))
})
afterEach(() => fixture.stop())

const ownRef = 'refs/heads/guild-task/r1-code/1'

test('health needs no token', async () => {
  expect(await fixture.call('GET', '/healthz', '')).toMatchObject({ status: 200, text: 'ok\n' })
})

test('an agent clones the branch of a request and pushes its own branch', async () => {
  const work = await fixture.clone('shop', 'agent-1', '--branch', 'guild/r1')
  const commit = await fixture.commit(work, { 'src/a.js': 'export const a = 1\n' })
  const push = await fixture.git(work, 'agent-1', 'push', 'origin', `HEAD:${ownRef}`)
  expect(push.exitCode, push.output).toBe(0)
  expect((await fixture.refs('shop'))[ownRef]).toBe(commit)
  // Written once git is done, which may be after the client has its answer.
  await expect
    .poll(() => fixture.log.filter((line) => line.message === 'push'))
    .toMatchObject([
      {
        level: 'info',
        fields: { outcome: 'accepted', who: 'agent pod pod-1', repository: 'shop' },
      },
    ])
})

test('a branch may be moved forward by its own attempt', async () => {
  const work = await fixture.clone('shop', 'agent-1', '--branch', 'guild/r1')
  await fixture.commit(work, { 'a.txt': '1' })
  await fixture.git(work, 'agent-1', 'push', 'origin', `HEAD:${ownRef}`)
  const second = await fixture.commit(work, { 'a.txt': '2' })
  const push = await fixture.git(work, 'agent-1', 'push', 'origin', `HEAD:${ownRef}`)
  expect(push.exitCode, push.output).toBe(0)
  expect((await fixture.refs('shop'))[ownRef]).toBe(second)
})

test.for([
  ['all of it', []],
  ['shallow', ['--depth=1']],
  ['partial', ['--filter=blob:none']],
  ['with protocol 1', ['-c', 'protocol.version=1']],
] as const)('a reader clones: %s', async ([, args]) => {
  const work = await fixture.clone('shop', 'reader', ...args)
  expect(await readFile(join(work, 'README.md'), 'utf8')).toContain('# Price list')
})

test('a shallow partial clone can push', async () => {
  const work = await fixture.clone(
    'shop',
    'agent-1',
    '--depth=1',
    '--filter=blob:none',
    '-b',
    'guild/r1',
  )
  const commit = await fixture.commit(work, { 'a.txt': '1' })
  const push = await fixture.git(work, 'agent-1', 'push', 'origin', `HEAD:${ownRef}`)
  expect(push.exitCode, push.output).toBe(0)
  expect((await fixture.refs('shop'))[ownRef]).toBe(commit)
})

test('clients see no refs of the forge itself', async () => {
  const work = await fixture.directory()
  const { output } = await fixture.git(work, 'reader', 'ls-remote', `${fixture.url}/shop.git`)
  expect(output).toContain('refs/heads/guild/r1')
  expect(output).not.toContain('refs/guildhall')
})

test('the token may be a Basic password, as git credential helpers send it', async () => {
  const work = await fixture.directory()
  const url = fixture.url.replace('http://', 'http://token:reader@')
  const { exitCode, output } = await fixture.git(work, '', 'ls-remote', `${url}/shop.git`)
  expect(exitCode, output).toBe(0)
  expect(output).toContain('refs/heads/main')
})

test('30 MB go in and come back unchanged', async () => {
  const work = await fixture.clone('shop', 'agent-1', '--branch', 'guild/r1')
  const bytes = randomBytes(30 * 1024 * 1024)
  await fixture.commit(work, { 'big.bin': bytes })
  const push = await fixture.git(work, 'agent-1', 'push', 'origin', `HEAD:${ownRef}`)
  expect(push.exitCode, push.output).toBe(0)
  const again = await fixture.clone('shop', 'reader', '--branch', 'guild-task/r1-code/1')
  expect((await readFile(join(again, 'big.bin'))).equals(bytes)).toBe(true)
}, 60_000)

// Where the volume belongs to another user id (fsGroup), git calls its ownership dubious.
test.runIf(process.getuid?.() === 0)('a volume of somebody else is served', async () => {
  await promisify(execFile)('chown', ['-R', '12345:12345', fixture.data])
  const work = await fixture.clone('shop', 'agent-1', '--branch', 'guild/r1')
  await fixture.commit(work, { 'a.txt': '1' })
  const push = await fixture.git(work, 'agent-1', 'push', 'origin', `HEAD:${ownRef}`)
  expect(push.exitCode, push.output).toBe(0)
  const again = await fixture.call(
    'PUT',
    '/api/repositories/shop',
    'operator',
    fromTemplate('node'),
  )
  expect(again.status, again.text).toBe(200)
})

test('a gzipped request is understood', async () => {
  const list = 'command=ls-refs\n'
  const answer = await fetch(`${fixture.url}/shop.git/git-upload-pack`, {
    method: 'POST',
    headers: {
      authorization: 'Bearer reader',
      'content-type': 'application/x-git-upload-pack-request',
      'content-encoding': 'gzip',
      'git-protocol': 'version=2',
    },
    body: gzipSync(`${pktLine(list)}0001${pktLine('ref-prefix refs/heads/\n')}0000`),
  })
  expect(answer.status).toBe(200)
  expect(await answer.text()).toContain('refs/heads/guild/r1')
})

test('a client that goes away in the middle of a push leaves nothing behind', async () => {
  const before = await fixture.refs('shop')
  const { port } = new URL(fixture.url)
  const line = `${'0'.repeat(40)} ${'1'.repeat(40)} ${ownRef}\0report-status`
  const socket = connect(Number(port), '127.0.0.1')
  socket.write(
    `POST /shop.git/git-receive-pack HTTP/1.1\r\nhost: x\r\nauthorization: Bearer agent-1\r\ncontent-length: 1000000\r\n\r\n${pktLine(line)}0000PACK\0\0\0\x02`,
  )
  // Long enough for git to be waiting for the rest; what is asserted holds either way.
  await new Promise((resolve) => setTimeout(resolve, 300))
  socket.destroy()
  await fixture.shutDown(5_000)
  expect(fixture.log.filter((entry) => entry.level === 'error')).toEqual([])
  expect(await fixture.refs('shop')).toEqual(before)
  const objects = await readdir(join(fixture.data, 'repositories', 'shop.git', 'objects'))
  expect(objects.filter((name) => name.startsWith('tmp_'))).toEqual([])
})

test('the API shows branches, trees and files', async () => {
  const head = (await fixture.refs('shop'))['refs/heads/guild/r1'] ?? ''
  const api = '/api/repositories/shop'
  for (const token of ['operator', 'reader']) {
    const branch = await fixture.call('GET', `${api}/branches/guild/r1`, token)
    expect(branch).toMatchObject({ status: 200, body: { branch: 'guild/r1', head, commits: 1 } })
    const none = await fixture.call('GET', `${api}/branches/guild%2Fr1?base=${head}`, token)
    expect(none.body['commits']).toBe(0)
    const tree = await fixture.call('GET', `${api}/tree/${head}`, token)
    expect(tree.body).toMatchObject({
      commit: head,
      truncated: false,
      files: [{ path: '.gitignore' }, { path: 'README.md' }, { path: 'package.json' }],
    })
    const file = await fixture.call('GET', `${api}/blob/${head}?path=package.json`, token)
    expect(JSON.parse(file.text)).toMatchObject({ name: 'price-list', private: true })
  }
})

test('stopping lets a request finish', async () => {
  const work = await fixture.clone('shop', 'agent-1', '--branch', 'guild/r1')
  const commit = await fixture.commit(work, { 'big.bin': randomBytes(8 * 1024 * 1024) })
  const askedForTask = Promise.withResolvers<void>()
  const read = fixture.tasks.get.bind(fixture.tasks)
  fixture.tasks.get = (name) => {
    askedForTask.resolve()
    return read(name)
  }
  const pushing = fixture.git(work, 'agent-1', 'push', 'origin', `HEAD:${ownRef}`)
  await askedForTask.promise
  await fixture.shutDown(10_000)
  const push = await pushing
  expect(push.exitCode, push.output).toBe(0)
  expect((await fixture.refs('shop'))[ownRef]).toBe(commit)
  expect((await fixture.git(work, 'agent-1', 'fetch')).exitCode).not.toBe(0)
})
