import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../core/base/clock.ts'
import {
  fromTemplate,
  heldTask,
  localSources,
  startForge,
  type ForgeFixture,
} from '../test/support/forge/forge.ts'
import { decodedBody, runBackend } from './git-http.ts'
import { routeOf } from './routes.ts'

// Real git, many processes; the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let fixture: ForgeFixture
beforeEach(async () => {
  fixture = await startForge({ sources: localSources })
})
afterEach(() => fixture.stop())

const put = (name: string, body: unknown) =>
  fixture.call('PUT', `/api/repositories/${name}`, 'operator', body)

async function leftovers() {
  return {
    repositories: (await readdir(fixture.forge.root)).toSorted(),
    drafts: await readdir(join(fixture.data, 'staging')),
  }
}

describe('from a template', () => {
  test.for([
    ['empty', ['README.md']],
    ['node', ['.gitignore', 'README.md', 'package.json']],
    ['python', ['.gitignore', 'README.md', 'pyproject.toml']],
  ] as const)('%s has its files and the branch of the request', async ([name, want]) => {
    const made = await put('shop', fromTemplate(name))
    expect(made.status, made.text).toBe(200)
    const { base, head } = made.body
    expect(made.body).toEqual({ repository: 'shop', branch: 'guild/r1', base, head: base })
    const tree = await fixture.call('GET', `/api/repositories/shop/tree/${String(head)}`, 'reader')
    const files = (tree.body['files'] as { path: string }[]).map(({ path }) => path)
    expect(files).toEqual(want)
    const refs = await fixture.refs('shop')
    expect(refs['refs/heads/main']).toBe(head)
    expect(refs['refs/heads/guild/r1']).toBe(head)
    const fsck = ['fsck', '--strict', '--no-dangling']
    const path = join(fixture.forge.root, 'shop.git')
    expect((await fixture.git(path, '', ...fsck)).exitCode).toBe(0)
  })

  test('the same body again changes nothing, and knows the base after work was merged', async () => {
    const first = await put('shop', fromTemplate('node'))
    fixture.tasks.set('r1-code', heldTask('r1-code'))
    const work = await fixture.clone('shop', 'agent-1', '--branch', 'guild/r1')
    const commit = await fixture.commit(work, { 'a.js': 'a' })
    await fixture.git(work, 'agent-1', 'push', 'origin', 'HEAD:refs/heads/guild-task/r1-code/1')
    const merged = await fixture.call('POST', '/api/repositories/shop/integrate', 'operator', {
      into: 'guild/r1',
      from: 'guild-task/r1-code/1',
      commit,
      task: { action: 'code', files: ['a.js'] },
      subject: 's',
      trailers: [],
    })
    const before = await fixture.refs('shop')
    const second = await put('shop', fromTemplate('node'))
    expect(second.body).toEqual({ ...first.body, head: merged.body['commit'] })
    expect(await fixture.refs('shop')).toEqual(before)
  })

  test('eight at once make one repository', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => put('shop', fromTemplate('node'))),
    )
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
    expect(await leftovers()).toEqual({ repositories: ['shop.git'], drafts: [] })
  })

  test('equal titles and times give equal commits', async () => {
    const a = await put('a', fromTemplate('node'))
    const b = await put('b', fromTemplate('node'))
    expect(a.body['head']).toBe(b.body['head'])
  })

  test('a second request starts from main', async () => {
    const first = await put('shop', fromTemplate('node', 'r1'))
    const second = await put('shop', fromTemplate('node', 'r2'))
    expect(second.body).toMatchObject({ branch: 'guild/r2', base: first.body['base'] })
  })

  test.for([
    ['"; rm -rf / #\n\n# Other heading', '# "; rm -rf / # # Other heading', 'rm-rf-other-heading'],
    ['Ümläut & Söhne {{name}}', '# Ümläut & Söhne {{name}}', 'umlaut-sohne-name'],
    ['日本語', '# 日本語', 'project'],
    ['   ', '# shop', 'project'],
  ])('the title %j stays text', async ([title, heading, name]) => {
    const made = await put('shop', { ...fromTemplate('node'), title })
    const blob = `/api/repositories/shop/blob/${String(made.body['head'])}?path=`
    const readme = await fixture.call('GET', `${blob}README.md`, 'reader')
    expect(readme.text.split('\n')[0]).toBe(heading)
    const manifest = await fixture.call('GET', `${blob}package.json`, 'reader')
    expect(JSON.parse(manifest.text)).toMatchObject({ name })
  })
})

describe('from a repository of the forge', () => {
  test('the same name: a new request on what is there', async () => {
    const first = await put('shop', fromTemplate('node'))
    const source = { repository: { name: 'shop', ref: 'guild/r1' } }
    const second = await put('shop', { source, branch: 'guild/r2', title: 't' })
    expect(second.body).toMatchObject({ branch: 'guild/r2', base: first.body['head'] })
  })

  test('another name: a copy that goes its own way', async () => {
    const first = await put('shop', fromTemplate('node'))
    const source = { repository: { name: 'shop' } }
    const copy = await put('copy', { source, branch: 'guild/r2', title: 't' })
    expect(copy.status, copy.text).toBe(200)
    expect(copy.body).toMatchObject({ repository: 'copy', base: first.body['head'] })
    expect(await fixture.refs('shop')).not.toHaveProperty('refs/heads/guild/r2')
    expect(await fixture.refs('copy')).not.toHaveProperty('refs/heads/guild/r1')
  })

  test.for([
    ['one that is not there', 'none', undefined],
    ['a ref that is not there', 'shop', 'nowhere'],
    ['a commit that is not there', 'shop', '1'.repeat(40)],
  ] as const)('%s is told as SourceUnavailable', async ([, name, ref]) => {
    await put('shop', fromTemplate('node'))
    const source = { repository: { name, ...(ref === undefined ? {} : { ref }) } }
    const answer = await put(name, { source, branch: 'guild/r2', title: 't' })
    expect(answer).toMatchObject({ status: 502, body: { code: 'SourceUnavailable' } })
    expect(await leftovers()).toEqual({ repositories: ['shop.git'], drafts: [] })
    expect(await fixture.refs('shop')).not.toHaveProperty('refs/heads/guild/r2')
  })
})

describe('from a git URL', () => {
  let server: Server
  let root = ''
  let url = ''
  const run = promisify(execFile)
  const git = async (...args: readonly string[]) => {
    const people = ['-c', 'user.name=T', '-c', 'user.email=t@example.com']
    return (await run('git', [...people, '-C', join(root, 'work'), ...args])).stdout.trim()
  }
  const commit = async (name: string) => {
    await writeFile(join(root, 'work', name), name)
    await git('add', '-A')
    await git('commit', '-q', '-m', name)
    return git('rev-parse', 'HEAD')
  }

  // A source outside the forge: a bare repository behind git's own HTTP, open to everybody.
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'guildhall-source-'))
    await mkdir(join(root, 'work'))
    await git('init', '-q', '--initial-branch=trunk')
    await commit('one.txt')
    await git('tag', 'v1')
    await run('git', ['clone', '-q', '--bare', join(root, 'work'), join(root, 'code.git')])
    await run('git', ['init', '-q', '--bare', join(root, 'hollow.git')])
    await git('remote', 'add', 'origin', join(root, 'code.git'))
    server = createServer((request, response) => {
      const route = routeOf(request.method ?? '', request.url ?? '')
      if (route.kind !== 'git') {
        response.writeHead(404).end()
        return
      }
      const { repository, service, advertise } = route
      const body = advertise ? {} : { body: decodedBody(request) }
      const signal = new AbortController().signal
      const call = { root, repository, service, advertise, request, response, signal, user: '' }
      runBackend({ git: fixture.forge.git, clock: systemClock }, { ...call, ...body }).catch(() =>
        response.destroy(),
      )
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/code.git`
  })
  afterEach(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await rm(root, { recursive: true, force: true })
  })

  const body = (given: { ref?: string; request?: string; url?: string } = {}) => ({
    source: { git: { url: given.url ?? url, ...(given.ref ? { ref: given.ref } : {}) } },
    branch: `guild/${given.request ?? 'r1'}`,
    title: 't',
  })

  test('it is mirrored, and starts from the default branch', async () => {
    const made = await put('shop', body())
    expect(made.status, made.text).toBe(200)
    expect(made.body['head']).toBe(await git('rev-parse', 'trunk'))
    const work = await fixture.clone('shop', 'reader')
    expect((await fixture.git(work, '', 'branch', '--show-current')).output).toBe('trunk')
  })

  test('a new request sees what is new; an old one does not move', async () => {
    const first = await put('shop', body())
    const next = await commit('two.txt')
    await git('push', '-q', 'origin', 'trunk')
    const second = await put('shop', body({ request: 'r2' }))
    expect(second.body['base']).toBe(next)
    expect((await put('shop', body())).body).toEqual(first.body)
  })

  test.for(['trunk', 'v1', 'topic/x', 'commit'])('it starts from %s', async (ref) => {
    await git('checkout', '-q', '-b', 'topic/x')
    await commit('topic.txt')
    await git('push', '-q', 'origin', 'topic/x')
    const want = await git('rev-parse', ref === 'commit' ? 'topic/x' : ref)
    const made = await put('shop', body({ ref: ref === 'commit' ? want : ref }))
    expect(made.status, made.text).toBe(200)
    expect(made.body['head']).toBe(want)
  })

  test('branches of the source named like ours do not become ours', async () => {
    await git('push', '-q', 'origin', 'trunk:refs/heads/guild/r1', 'trunk:guild-task/a/1')
    const next = await commit('two.txt')
    await git('push', '-q', 'origin', 'trunk')
    const made = await put('shop', body())
    expect(made.body['head']).toBe(next)
    expect(Object.keys(await fixture.refs('shop'))).not.toContain('refs/heads/guild-task/a/1')
  })

  test.for([
    ['nobody listens', 'http://127.0.0.1:1/code.git', /Failed to connect|refused/i],
    ['there is no such repository', '/none.git', /not found/],
    ['it has no commits', '/hollow.git', /it is empty/],
    ['the host is unknown', 'http://nowhere.invalid/code.git', /Could not resolve/i],
  ] as const)('SourceUnavailable and nothing left when %s', async ([, address, want]) => {
    const answer = await put('shop', body({ url: new URL(address, url).href }))
    expect(answer).toMatchObject({ status: 502, body: { code: 'SourceUnavailable' } })
    expect(answer.body['message']).toMatch(want)
    expect(await leftovers()).toEqual({ repositories: [], drafts: [] })
  })

  test('SourceUnavailable when it has no such ref; what was mirrored is kept for the next try', async () => {
    const answer = await put('shop', body({ ref: 'nowhere' }))
    expect(answer).toMatchObject({ status: 502, body: { code: 'SourceUnavailable' } })
    expect(await fixture.refs('shop')).not.toHaveProperty('refs/heads/guild/r1')
    expect((await put('shop', body())).status).toBe(200)
  })

  test('another URL for a name that is taken is refused', async () => {
    await put('shop', body())
    const answer = await put('shop', body({ url: url.replace('code', 'other'), request: 'r2' }))
    expect(answer).toMatchObject({ status: 400, body: { code: 'BadRequest' } })
    expect(answer.body['message']).toContain('made from git http://')
  })
})
