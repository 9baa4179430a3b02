import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { startForge } from '../../test/support/agent/repository.ts'
import { cloneUrl, git, type Remote } from '../forge/git.ts'
import { mirrorBranch } from '../forge/mirror.ts'
import { checkKinship, cloneBranch, fetchBranch } from './fetch.ts'

const token = 'reader-token'
const branch = 'guild/hello'
const { signal } = new AbortController()
const patience = { timeout: 60_000 }

/**
 * A home whose git writes down, by every program that it starts, what that program finds in its
 * environment.
 */
let home: string
let before: NodeJS.ProcessEnv
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'guild-home-'))
  before = process.env
  process.env = { ...before, HOME: home, GUILDHALL_CACHE: join(home, 'cache') }
})
afterEach(async () => {
  process.env = before
  await rm(home, { recursive: true, force: true })
})

const sh = (cwd: string, ...args: readonly string[]): string =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim()

/** Programs that write their environment to `seen`, wherever git lets a person name one. */
function spies() {
  const seen = join(home, 'seen')
  const hooks = join(home, 'hooks')
  mkdirSync(hooks)
  const spy = join(hooks, 'spy')
  writeFileSync(spy, `#!/bin/sh\n{ echo "ran $0"; env; } >> ${seen}\ncat >/dev/null 2>&1 || :\n`)
  chmodSync(spy, 0o755)
  for (const name of [
    'post-checkout',
    'reference-transaction',
    'pre-auto-gc',
    'post-index-change',
  ]) {
    writeFileSync(join(hooks, name), readFileSync(spy))
    chmodSync(join(hooks, name), 0o755)
  }
  writeFileSync(
    join(home, '.gitconfig'),
    `[core]\n hooksPath = ${hooks}\n fsmonitor = ${spy}\n askPass = ${spy}\n alternateRefsCommand = ${spy}\n` +
      `[credential]\n helper = ${spy}\n[filter "spy"]\n smudge = ${spy}\n clean = ${spy}\n[gc]\n auto = 1\n`,
  )
  return () => (existsSync(seen) ? readFileSync(seen, 'utf8') : '')
}

/** A server somewhere else, and what it was shown. */
async function elsewhere() {
  const shown: string[] = []
  const server = createServer((request, response) => {
    shown.push(request.headers.authorization ?? '(no token)')
    response.writeHead(404).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const address = server.address()
  return { shown, url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}` }
}

/**
 * A forge whose branch moved a submodule on, and a person's repository in which that submodule is
 * checked out.
 */
async function world() {
  const forge = await startForge(
    { 'a.txt': 'one\n', '.gitattributes': '*.txt filter=spy\n' },
    token,
  )
  onTestFinished(() => forge.close())
  const remote: Remote = { url: forge.url, token, namespace: 'guildhall' }
  const outside = await elsewhere()
  const lib = join(home, 'lib')
  const mine = join(home, 'mine')
  for (const folder of [lib, mine]) {
    mkdirSync(folder)
    sh(folder, 'init', '-q', '-b', 'main')
    writeFileSync(join(folder, 'f'), '1')
    sh(folder, 'add', '.')
    sh(folder, 'commit', '-qm', '1')
  }
  sh(mine, '-c', 'protocol.file.allow=always', 'submodule', 'add', '-q', lib, 'lib')
  sh(mine, 'commit', '-qm', 'with lib')
  sh(join(mine, 'lib'), 'remote', 'set-url', 'origin', `${outside.url}/org/lib.git`)
  const up = join(home, 'up')
  sh(home, 'clone', '-q', mine, up)
  sh(up, 'update-index', '--cacheinfo', `160000,${'2'.repeat(40)},lib`)
  sh(up, 'commit', '-qm', 'move lib on')
  sh(
    up,
    'push',
    '-q',
    '-f',
    forge.git('rev-parse', '--absolute-git-dir').trim(),
    `HEAD:refs/heads/${branch}`,
  )
  const fetchHome = async (cwd = mine) => {
    const mirror = await mirrorBranch({ remote, origin: 'o', repository: 'app', branch, signal })
    await fetchBranch(mirror, branch, { cwd, signal })
  }
  return { forge, remote, outside, mine, fetchHome }
}

describe('a branch comes home', () => {
  test(
    'into a repository whose submodule it moves on, and nobody else is asked',
    patience,
    async () => {
      const { fetchHome, outside, mine } = await world()
      sh(mine, 'config', 'fetch.recurseSubmodules', 'true')
      sh(mine, 'config', 'submodule.lib.fetchRecurseSubmodules', 'true')
      sh(mine, 'config', 'submodule.recurse', 'true')
      await fetchHome()
      expect(sh(mine, 'log', '-1', '--format=%s', branch)).toBe('move lib on')
      expect(outside.shown).toEqual([])
    },
  )

  test('while hooks of the repository run, which find no token', patience, async () => {
    const { fetchHome, mine } = await world()
    const seen = spies()
    await fetchHome()
    expect(sh(mine, 'log', '-1', '--format=%s', branch)).toBe('move lib on')
    expect(seen()).toContain('ran ')
    expect(seen()).not.toContain(token)
  })

  test('as a clone, whose hooks and filters find no token', patience, async () => {
    const { remote, forge } = await world()
    const seen = spies()
    const directory = join(home, 'clone')
    await cloneBranch(
      remote,
      { repository: 'app', branch: 'guild/req', base: forge.base },
      directory,
      signal,
    )
    expect(sh(directory, 'branch', '--show-current')).toBe('guild/req')
    expect(sh(directory, 'remote')).toBe('')
    expect(seen()).toContain('post-checkout')
    expect(seen()).not.toContain(token)
    expect(existsSync(join(directory, 'a.txt'))).toBe(true)
  })

  test('and commits that a person added to it are not thrown away', patience, async () => {
    const { fetchHome, mine } = await world()
    sh(mine, 'branch', branch)
    sh(mine, 'checkout', '-q', branch)
    sh(mine, 'commit', '-q', '--allow-empty', '-m', 'mine')
    sh(mine, 'checkout', '-q', 'main')
    await expect(fetchHome()).rejects.toThrow(/rejected|non-fast-forward/)
    expect(sh(mine, 'log', '-1', '--format=%s', branch)).toBe('mine')
  })

  test('also when an alias or hook of git calls us', patience, async () => {
    const { fetchHome, mine, forge } = await world()
    process.env['GIT_DIR'] = join(mine, '.git')
    const refs = () => sh(mine, 'for-each-ref', '--format=%(refname)')
    await fetchHome()
    expect(refs()).toContain(`refs/heads/${branch}`)
    expect(forge.git('rev-parse', branch).trim()).toBe(sh(mine, 'rev-parse', branch))
  })
})

describe('a branch that is about something else', () => {
  /** A repository with one commit of its own, and what a fetch of `guild/req` says there. */
  async function stands(manifest: string | undefined, more: { readonly force?: boolean } = {}) {
    const forge = await startForge({ 'a.txt': 'one\n' }, token)
    onTestFinished(() => forge.close())
    const cwd = join(home, 'here')
    mkdirSync(cwd)
    sh(cwd, 'init', '-q', '-b', 'main')
    if (manifest !== undefined) {
      writeFileSync(join(cwd, 'package.json'), manifest)
      sh(cwd, 'add', '.')
      sh(cwd, 'commit', '-qm', 'mine')
    }
    const result = { branch: 'guild/req', base: forge.base }
    const remote = { url: forge.url, token, namespace: 'guildhall' }
    const where = { remote, origin: 'o', repository: 'app', signal }
    const mirror = await mirrorBranch({ ...where, branch: result.branch })
    const said: string[] = []
    const terminal = { err: (text: string) => void said.push(text) }
    const check = async () =>
      checkKinship('req', result, mirror, { cwd, signal, terminal, ...more })
    return { cwd, mirror, result, said, check }
  }

  test.each([
    ['of this clone', undefined],
    ['of another clone', '{"name":"guildhall"}'],
  ])('is refused in the repository of Guildhall: %s', patience, async (_, manifest) => {
    const { mirror, result, said, check } = await stands(manifest ?? '{}')
    const cwd = join(import.meta.dirname, '../..')
    const terminal = { err: (text: string) => void said.push(text) }
    const refused =
      manifest === undefined
        ? checkKinship('req', result, mirror, { cwd, signal, terminal })
        : check()
    await expect(refused).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining("Guildhall's own repository") as string,
      next: expect.stringContaining('guild fetch req --directory ../req') as string,
    })
    expect(said).toEqual([])
  })

  test('is taken there with --force, and a warning', patience, async () => {
    const { said, check } = await stands('{"name":"guildhall"}', { force: true })
    await check()
    expect(said.join('')).toContain('guild/req has nothing in common with it')
  })

  test.each([
    ['a project', '{"name":"shop"}'],
    ['one whose manifest is broken', '{'],
  ])('is taken into %s with a warning', patience, async (_, manifest) => {
    const { said, check } = await stands(manifest)
    await check()
    expect(said.join('')).toMatch(/^warning: .*git branch -D guild\/req/)
  })

  test.each(['without a commit', 'that holds its base', 'that holds its first commit'])(
    'is none in a repository %s',
    patience,
    async (kind) => {
      const { cwd, mirror, result, said, check } = await stands(
        kind === 'without a commit' ? undefined : '{"name":"guildhall"}',
      )
      if (kind !== 'without a commit') sh(cwd, 'fetch', '-q', mirror, 'guild/req:refs/heads/known')
      const base = kind === 'that holds its first commit' ? '1'.repeat(40) : result.base
      const terminal = { err: (text: string) => void said.push(text) }
      await check()
      await checkKinship('req', { ...result, base }, mirror, { cwd, signal, terminal })
      expect(said).toEqual([])
    },
  )
})

describe('a git that has the token, even in a repository of somebody', () => {
  const fetchArgs = (remote: Remote) => [
    'fetch',
    '--quiet',
    cloneUrl(remote, 'app'),
    `refs/heads/${branch}:refs/heads/${branch}`,
  ]

  test('goes into no submodule and starts no program', patience, async () => {
    const { remote, outside, mine } = await world()
    const seen = spies()
    await git(fetchArgs(remote), { cwd: mine, remote, signal })
    expect(outside.shown).toEqual([])
    expect(seen()).toBe('')
  })

  test('starts no program of the repository’s own settings', patience, async () => {
    const { remote, mine } = await world()
    const seen = spies()
    for (const line of sh(home, 'config', '--list', '--file', join(home, '.gitconfig')).split(
      '\n',
    )) {
      const [key = '', ...value] = line.split('=')
      sh(mine, 'config', key, value.join('='))
    }
    await rm(join(home, '.gitconfig'))
    writeFileSync(join(mine, '.git/objects/info/alternates'), `${join(home, 'lib/.git/objects')}\n`)
    Object.assign(process.env, {
      GIT_ASKPASS: join(home, 'hooks/spy'),
      SSH_ASKPASS: join(home, 'hooks/spy'),
    })
    await rm(join(home, 'seen'), { force: true })
    await git(fetchArgs(remote), { cwd: mine, remote, signal })
    // The forge refuses the token: git would look for another.
    const stale = { ...remote, token: `${token}-of-yesterday` }
    await expect(git(fetchArgs(stale), { cwd: mine, remote: stale, signal })).rejects.toThrow()
    expect(seen()).toBe('')
  })

  test.each([
    ['a URL that is rewritten', (url: string) => ['url.OUT/.insteadOf', `${url}/`]],
    ['a part of it that is rewritten', (url: string) => ['url.OUT/x.insteadOf', `${url}/app`]],
    ['a proxy', () => ['http.proxy', 'OUT']],
  ])('is led to nobody else by %s', patience, async (_, setting) => {
    const { remote, outside, mine } = await world()
    const [key = '', value = ''] = setting(remote.url).map((text) =>
      text.replace('OUT', outside.url),
    )
    sh(mine, 'config', key, value)
    await git(fetchArgs(remote), { cwd: mine, remote, signal }).catch(() => undefined)
    expect(outside.shown).not.toContain(`Bearer ${token}`)
  })

  test('follows no redirect', patience, async () => {
    const outside = await elsewhere()
    const server = createServer((request, response) => {
      response.writeHead(302, { location: `${outside.url}${request.url}` }).end()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const address = server.address()
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
    const remote = { url, token, namespace: 'guildhall' }
    await expect(git(['ls-remote', cloneUrl(remote, 'app')], { remote, signal })).rejects.toThrow()
    expect(outside.shown).toEqual([])
  })

  test('writes its environment into no trace', patience, async () => {
    const { remote, mine } = await world()
    const trace = join(home, 'trace')
    Object.assign(process.env, {
      GIT_TRACE: trace,
      GIT_TRACE_CURL: trace,
      GIT_TRACE_REDACT: '0',
      GIT_TRACE2_EVENT: trace,
      GIT_TRACE2_ENV_VARS: 'GIT_CONFIG_VALUE_0',
    })
    await git(fetchArgs(remote), { cwd: mine, remote, signal })
    expect(existsSync(trace) ? readFileSync(trace, 'utf8') : '').not.toContain(token)
  })
})
