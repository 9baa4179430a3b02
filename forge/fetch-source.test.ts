// Sources as people have them, fetched by a real forge with real git.
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  heldTask,
  localSources,
  startForge,
  type ForgeFixture,
} from '../test/support/forge/forge.ts'
import {
  commitFile,
  gitIn,
  startSources,
  type SourceGit,
  type SourceRepository,
  type SourceServer,
} from '../test/support/forge/source.ts'

// Real git, many processes; the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let fixture: ForgeFixture
let sources: SourceServer
beforeEach(async () => {
  fixture = await startForge({ sources: localSources })
  sources = await startSources()
})
afterEach(async () => {
  await sources.stop()
  await fixture.stop()
})

const put = (url: string, ref?: string, name = 'shop') =>
  fixture.call('PUT', `/api/repositories/${name}`, 'operator', {
    source: { git: { url, ...(ref === undefined ? {} : { ref }) } },
    branch: 'guild/r1',
    title: 't',
  })

const one = (git: SourceGit, directory: string) => commitFile(git, directory)

describe('a source whose HEAD names no commit', () => {
  test.for<readonly [string, (source: SourceRepository) => Promise<unknown>, string]>([
    [
      'a branch that is not there',
      ({ git }) => git('symbolic-ref', 'HEAD', 'refs/heads/master'),
      'points to master, which does not exist; set spec.source.git.ref to one of: dev, main.',
    ],
    [
      'a branch of an odd name that is not there',
      ({ git }) => git('symbolic-ref', 'HEAD', 'refs/heads/release#3'),
      'points to release#3, which does not exist; set spec.source.git.ref to one of: dev, main.',
    ],
    [
      'a commit',
      async ({ git }) => git('update-ref', '--no-deref', 'HEAD', await git('rev-parse', 'main')),
      'is a commit and not a branch; set spec.source.git.ref to one of: dev, main.',
    ],
  ])('%s: with ref it is a start, without it the branches are named', async ([, change, want]) => {
    const source = await sources.make(async (git, directory) => {
      await one(git, directory)
      await git('branch', 'dev')
    })
    await change(source)
    const without = await put(source.url)
    expect(without).toMatchObject({ status: 502, body: { code: 'SourceUnavailable' } })
    expect(without.body['message']).toBe(`HEAD of ${source.url} ${want}`)
    const answer = await put(source.url, 'main')
    expect(answer.body['head']).toBe(await source.git('rev-parse', 'main'))
    const work = await fixture.clone('shop', 'reader')
    expect((await fixture.git(work, '', 'log', '--format=%s')).output).toBe('a.txt')
    // And one that says less starts from the same mirror.
    const next = { source: { repository: { name: 'shop' } }, branch: 'guild/r2', title: 't' }
    const second = await fixture.call('PUT', '/api/repositories/shop', 'operator', next)
    expect(second.body['head']).toBe(answer.body['head'])
  })

  test('a tag is a start too, and a ref that is not there is answered with the branches', async () => {
    const source = await sources.make(async (git, directory) => {
      await one(git, directory)
      await git('tag', 'v1')
    })
    await source.git('symbolic-ref', 'HEAD', 'refs/heads/master')
    expect((await put(source.url, 'v1')).status).toBe(200)
    const missing = await put(source.url, 'nowhere', 'other')
    expect(missing.body['message']).toMatch(
      /no branch, tag or commit named nowhere; its branches: main\.$/,
    )
  })
})

describe('names of branches and tags that git allows', () => {
  test.for([
    'release#2',
    'next@2',
    'größe',
    '開発',
    'feature/#12345-x',
    'wip!/o\'brien,(2)&"$x',
    'a;b|c`d',
    '🚀/launch',
    'v1+x',
  ])('%s as default branch and as ref', async (name) => {
    const source = await sources.make(one, [`--initial-branch=${name}`])
    const want = await source.git('rev-parse', 'HEAD')
    expect((await put(source.url)).body['head']).toBe(want)
    expect((await put(source.url, name, 'other')).body['head']).toBe(want)
    const work = await fixture.clone('shop', 'reader')
    const shown = await fixture.git(work, '', 'branch', '--show-current')
    expect(shown.output).toBe(name)
  })

  test.for(['@scope/pkg@1.0.0', 'v1.0.0+build.5', 'dependabot/npm/@babel/core-7.1', 'größe-1'])(
    '%s as a tag',
    async (tag) => {
      const source = await sources.make(async (git, directory) => {
        await one(git, directory)
        await git('tag', '-a', '-m', 'x', tag)
        await commitFile(git, directory, 'later.txt')
      })
      const answer = await put(source.url, tag)
      expect(answer.body['head']).toBe(await source.git('rev-parse', `${tag}^{commit}`))
    },
  )

  test.for([
    '--upload-pack=x',
    'a..b',
    '@',
    'a@{1}',
    'HEAD^',
    'a:b',
    'a\u0007b',
    'x/',
    'a b',
    '.x',
    'x.lock/y',
  ])('%j is refused before git sees it', async (ref) => {
    const answer = await put(`${sources.url}/code-1.git`, ref)
    expect(answer).toMatchObject({ status: 400, body: { code: 'BadRequest' } })
    expect(answer.body['message']).toContain('spec.source.git.ref')
    expect(sources.asked).toEqual([])
  })
})

/** Makes the branch main of a source end in an object that git itself would not write. */
async function literally(source: SourceRepository, type: string, content: string): Promise<string> {
  const write = gitIn(source.bare, content)
  return write('hash-object', '-w', '--literally', '-t', type, '--stdin')
}

describe('old histories', () => {
  const date = '1300000000 +0000'
  test.for([
    ['no blank before the address', `Jane<jane@example.com> ${date}`],
    ['no name', `<jane@example.com> ${date}`],
    ['neither name nor address', `<> ${date}`],
    ['an address that does not end', `Jane <jane@example.com ${date}`],
    ['two addresses', `Jane <jane@example.com> <jane@example.com> ${date}`],
    ['no address', `Jane ${date}`],
    ['no date', 'Jane <jane@example.com>'],
    ['a date before all dates', 'Jane <jane@example.com> 0000000001 +0000'],
    ['a date after all dates', 'Jane <jane@example.com> 18446744073709551615 +0000'],
    ['a zone of six digits', 'Jane <jane@example.com> 1300000000 +051800'],
    ['a date without a blank', 'Jane <jane@example.com>1300000000 +0000'],
  ] as const)('%s: fetched', async ([, author]) => {
    const source = await sources.make(one)
    const tree = await source.git('rev-parse', 'main^{tree}')
    const parent = await source.git('rev-parse', 'main')
    const text = `tree ${tree}\nparent ${parent}\nauthor ${author}\ncommitter ${author}\n\nx\n`
    const commit = await literally(source, 'commit', text)
    await source.git('update-ref', 'refs/heads/main', commit)
    const answer = await put(source.url)
    expect(answer.status, answer.text).toBe(200)
    expect(answer.body['head']).toBe(commit)
    // Agents can work on it: it is cloned and pushed to.
    const work = await fixture.clone('shop', 'agent-1', '--branch', 'guild/r1')
    expect((await fixture.git(work, '', 'rev-parse', 'HEAD')).output).toBe(commit)
    fixture.tasks.set('r1-code', heldTask('r1-code'))
    await fixture.commit(work, { 'b.txt': 'b' })
    const pushed = await fixture.git(work, 'agent-1', 'push', 'origin', 'HEAD:guild-task/r1-code/1')
    expect(pushed.exitCode, pushed.output).toBe(0)
  })

  test('a tag without a tagger, as Linux 2.6.11 has it: fetched', async () => {
    const source = await sources.make(one)
    const commit = await source.git('rev-parse', 'main')
    const tag = await literally(source, 'tag', `object ${commit}\ntype commit\ntag v0\n\nold\n`)
    await source.git('update-ref', 'refs/tags/v0', tag)
    expect((await put(source.url, 'v0')).body['head']).toBe(commit)
  })

  const entry = (mode: string, name: string, id: string) =>
    Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')])
  test.for<readonly [string, string, string, string]>([
    ['a folder .git', '040000', '.git', 'hasDotgit'],
    ['a folder that leads up', '040000', '..', 'hasDotdot'],
    ['a folder git~1, which is .git on Windows', '040000', 'git~1', 'hasDotgit'],
    ['.gitmodules as a link', '120000', '.gitmodules', 'gitmodulesSymlink'],
    ['an entry that points to nothing', '160000', 'vendor', 'nullSha1'],
  ])('%s: refused, with the object and the fault', async ([, mode, name, fault]) => {
    const source = await sources.make(one)
    const [tree, blob] = await Promise.all([
      source.git('rev-parse', 'main^{tree}'),
      source.git('rev-parse', 'main:a.txt'),
    ])
    const id = mode === '160000' ? '0'.repeat(40) : mode === '040000' ? tree : blob
    const bad = await badTree(source, entry(mode, name, id))
    const commit = await source.git('commit-tree', bad, '-m', 'x')
    await source.git('update-ref', 'refs/heads/main', commit)
    const answer = await put(source.url)
    expect(answer).toMatchObject({ status: 502, body: { code: 'SourceUnavailable' } })
    expect(answer.body['message']).toMatch(new RegExp(`object [0-9a-f]{40} .*\\(${fault}: `))
  })

  async function badTree(source: SourceRepository, content: Buffer): Promise<string> {
    const file = join(source.bare, 'tree-content')
    await writeFile(file, content)
    return source.git('hash-object', '-w', '--literally', '-t', 'tree', file)
  }

  test.for(['-evil', 'ext::sh -c x', '--upload-pack=x'])(
    'a .gitmodules whose url is %s: refused by name',
    async (address) => {
      const text = `[submodule "x"]\n\tpath = x\n\turl = ${address}\n`
      const source = await sources.make((git, dir) => commitFile(git, dir, '.gitmodules', text))
      const answer = await put(source.url)
      if (address.startsWith('ext')) expect(answer.status).toBe(200)
      else expect(answer.body['message']).toMatch(/gitmodulesUrl: disallowed submodule url/)
    },
  )
})

describe('text that is not a source gets a sentence of its own', () => {
  test.for<readonly [string, () => Promise<string>, RegExp]>([
    [
      'a SHA-256 repository',
      async () =>
        (await sources.make(one, ['--initial-branch=main', '--object-format=sha256'])).url,
      /SHA-256 object ids/,
    ],
    ['an empty repository', async () => (await sources.make(async () => '')).url, /it is empty/],
    [
      'a login page of many lines',
      async () => page('text/html; charset=utf-8', '<html>\n<form>\n</form>\n</html>\n'),
      /answers with a web page \(perhaps to log in\)/,
    ],
    ['a login page of one line', async () => page('text/html', '<html></html>'), /with a web page/],
    [
      'an answer of JSON',
      async () => page('application/json', '{"error":\n"x"}\n'),
      /with a web page/,
    ],
    ['a wish for a password', async () => status(401), /wants a name and a password/],
    ['nothing at that path', async () => status(404), /not found/],
  ])('%s', async ([, make, want]) => {
    const answer = await put(await make())
    expect(answer).toMatchObject({ status: 502, body: { code: 'SourceUnavailable' } })
    expect(answer.body['message']).toMatch(want)
    expect(answer.text).not.toContain('<html>')
  })

  function page(type: string, text: string): string {
    sources.intercept = (_request, response) => {
      response.writeHead(200, { 'content-type': type }).end(text)
      return true
    }
    return `${sources.url}/a.git`
  }
  function status(code: number): string {
    sources.intercept = (_request, response) => {
      response.writeHead(code, { 'www-authenticate': 'Basic realm="vault 7"' }).end('secret')
      return true
    }
    return `${sources.url}/a.git`
  }
})

describe('a server that sends git on', () => {
  const sendTo = (to: (path: string) => string | undefined) => {
    sources.intercept = (request, response) => {
      const location = to(request.url ?? '')
      if (location === undefined) return false
      response.writeHead(301, { location }).end()
      return true
    }
  }

  test.for([
    ['to another path', (path: string) => path.replace('/old', '')],
    ['by a whole URL', (path: string) => `${sources.url}${path.replace('/old', '')}`],
  ] as const)('%s of the same host: followed', async ([, where]) => {
    const source = await sources.make(one)
    sendTo((path) => (path.startsWith('/old/') ? where(path) : undefined))
    const answer = await put(source.url.replace('/code', '/old/code'))
    expect(answer.body['head']).toBe(await source.git('rev-parse', 'main'))
    // The mirror is known by the address that was named, so the next request asks there again.
    const again = { source: { git: { url: source.url.replace('/code', '/old/code') } } }
    const body = { ...again, branch: 'guild/r2', title: 't' }
    const second = await fixture.call('PUT', '/api/repositories/shop', 'operator', body)
    expect(second.body['base']).toBe(answer.body['head'])
  })

  test.for([
    ['another host', 'http://other.invalid/a.git/info/refs?service=git-upload-pack'],
    ['another port', 'http://127.0.0.1:1/a.git/info/refs?service=git-upload-pack'],
    ['the address of a metadata service', 'http://169.254.169.254/latest/info/refs'],
    ['another protocol', 'https://127.0.0.1/a.git/info/refs'],
  ] as const)('to %s: not followed, and named', async ([, location]) => {
    sendTo(() => location)
    const answer = await put(`${sources.url}/a.git`)
    const address = location.replace(/\/info\/refs.*/, '')
    expect(answer.body['message']).toContain(
      `the server redirects to ${address}; name that address in spec.source.git.url.`,
    )
  })

  test.for([
    ['to a page to log in', () => '/users/sign_in', /with a web page/],
    ['to a file', () => 'file:///etc/passwd/info/refs', /with a web page/],
    ['in a circle', (path: string) => path, /redirects again and again/],
  ] as const)('%s: told', async ([, to, want]) => {
    sendTo(to)
    const answer = await put(`${sources.url}/a.git`)
    expect(answer.body['message']).toMatch(want)
    expect(sources.asked.length).toBeLessThan(20)
  })
})

test('a source of plain files on a web server is fetched too', async () => {
  const source = await sources.make(one)
  await source.git('update-server-info')
  sources.intercept = (request, response) => {
    const [path = ''] = (request.url ?? '').split('?')
    readFile(join(source.bare, path.replace(/^\/[^/]+\//, ''))).then(
      (content) => response.writeHead(200, { 'content-type': 'text/plain' }).end(content),
      () => response.writeHead(404, { 'content-type': 'text/html' }).end('<html>\n</html>\n'),
    )
    return true
  }
  const answer = await put(source.url)
  expect(answer.status, answer.text).toBe(200)
  expect(answer.body['head']).toBe(await source.git('rev-parse', 'main'))
})

test('nothing of a source is run: no hook, no setting, no filter, no submodule', async () => {
  const marker = join(await fixture.directory(), 'ran')
  const run = `touch ${marker}`
  const source = await sources.make(async (git, directory) => {
    await commitFile(git, directory, '.gitattributes', '* filter=x diff=x merge=x ident\n')
    await commitFile(git, directory, '.gitconfig', `[core]\n\tfsmonitor = "${run}"\n`)
    await commitFile(git, directory, 'hooks/post-checkout', `#!/bin/sh\n${run}\n`)
    const url = `${sources.url}/elsewhere.git`
    const text = `[submodule "x"]\n\tpath = x\n\turl = ${url}\n\tupdate = checkout\n`
    await writeFile(join(directory, '.gitmodules'), text)
    await git('update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},x`)
    await git('add', '.gitmodules')
    await git('commit', '-q', '-m', 'submodule')
  })
  await mkdir(join(source.bare, 'hooks'), { recursive: true })
  for (const hook of ['post-checkout', 'reference-transaction', 'post-update', 'pre-auto-gc']) {
    await writeFile(join(source.bare, 'hooks', hook), `#!/bin/sh\n${run}\n`)
    await chmod(join(source.bare, 'hooks', hook), 0o755)
  }
  for (const [key, value] of [
    ['uploadpack.packObjectsHook', `sh -c '${run}'`],
    ['core.fsmonitor', run],
    ['alias.upload-pack', `!${run}`],
    ['filter.x.smudge', run],
    ['core.alternateRefsCommand', run],
  ] as const) {
    await source.git('config', key, value)
  }
  const made = await put(source.url)
  expect(made.status, made.text).toBe(200)
  const commit = String(made.body['head'])
  const copy = { source: { repository: { name: 'shop' } }, branch: 'guild/r2', title: 't' }
  expect((await fixture.call('PUT', '/api/repositories/copy', 'operator', copy)).status).toBe(200)
  for (const path of [`tree/${commit}`, `blob/${commit}?path=.gitattributes`]) {
    const answer = await fixture.call('GET', `/api/repositories/shop/${path}`, 'reader')
    expect(answer.status, answer.text).toBe(200)
  }
  await expect(readFile(marker)).rejects.toThrow('ENOENT')
  expect(sources.asked.filter((line) => line.includes('elsewhere'))).toEqual([])
})
