// Everything that must not get in. Each case is a real request to a real forge; what is asserted is that the refs of all
// repositories are the same afterwards, and that the one who was refused is told why.
import { randomBytes } from 'node:crypto'
import { symlink, writeFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { TaskResult } from '../operator/api/agent-task.ts'
import { audiences } from '../operator/api/names.ts'
import { fromTemplate, heldTask, pktLine, startForge, type ForgeFixture } from './forge-fixture.ts'

// Real git, many processes; the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const own = 'refs/heads/guild-task/r1-code/1'
const pushed = 'refs/heads/guild-task/r1-old/1'
const zero = '0'.repeat(40)

let fixture: ForgeFixture
/** A clone of `shop` that is ahead of `guild/r1` and has not the commit that was pushed to `pushed`. */
let work = ''
let head = ''
let linked = ''

beforeAll(async () => {
  fixture = await startForge({ maxPushBytes: 1024 * 1024 })
  for (const name of ['shop', 'other']) {
    await fixture.call('PUT', `/api/repositories/${name}`, 'operator', fromTemplate('node'))
  }
  const { tasks, tokens } = fixture
  tasks.set('r1-old', heldTask('r1-old'))
  work = await fixture.clone('shop', 'agent-1', '--branch', 'guild/r1')
  await symlink('/etc/passwd', join(work, 'link'))
  linked = await fixture.commit(work, { 'old.txt': 'old' })
  const push = await fixture.git(work, 'agent-1', 'push', 'origin', `HEAD:${pushed}`)
  expect(push.exitCode, push.output).toBe(0)
  await fixture.git(work, '', 'reset', '--hard', 'origin/guild/r1')
  head = await fixture.commit(work, { 'new.txt': 'new' })

  tasks.set('r1-code', heldTask('r1-code'))
  tasks.set('r1-second', heldTask('r1-second', { podUid: 'pod-2' }))
  tasks.set('r1-later', heldTask('r1-later', { attempt: 2 }))
  tasks.set('r1-done', heldTask('r1-done', { finished: true }))
  tasks.set('r1-far', heldTask('r1-far', { repository: 'other' }))
  const accepted = heldTask('r1-accepted')
  const result: TaskResult = {
    verdict: 'Done',
    summary: '',
    files: [],
    evidence: [],
    tries: 1,
    tokens: 0,
    durationSeconds: 1,
    notes: [],
    model: 'm',
  }
  tasks.set('r1-accepted', { ...accepted, status: { ...accepted.status, result } })
  const free = heldTask('r1-free')
  tasks.set('r1-free', {
    ...free,
    status: { ...free.status, conditions: free.status?.conditions?.slice(1) },
  })

  const agent = {
    authenticated: true,
    username: 'system:serviceaccount:guildhall:guildhall-agent',
    audiences: [audiences.hub],
    podUid: 'pod-1',
  }
  const operator = { ...agent, username: 'system:serviceaccount:guildhall:guildhall-operator' }
  const both = [audiences.hub, audiences.forge]
  tokens.set('agent-forge', { ...agent, audiences: [audiences.forge] })
  tokens.set('agent-kubernetes', { ...agent, audiences: [] })
  tokens.set('agent-unbound', { ...agent, podUid: undefined })
  tokens.set('agent-elsewhere', {
    ...agent,
    username: 'system:serviceaccount:default:guildhall-agent',
  })
  tokens.set('agent-dead', { ...agent, authenticated: false })
  tokens.set('agent-nameless', { ...agent, username: '' })
  tokens.set('operator-hub', operator)
  tokens.set('operator-elsewhere', {
    ...operator,
    audiences: both,
    username: 'system:serviceaccount:default:guildhall-operator',
  })
  tokens.set('operator-like', {
    ...operator,
    audiences: both,
    username: 'system:serviceaccount:guildhall:guildhall-operator2',
  })
  tokens.set('operator-user', { ...operator, audiences: both, username: 'guildhall-operator' })
  tokens.set('reader-hub', {
    ...agent,
    username: 'system:serviceaccount:guildhall:guildhall-reader',
  })
  tokens.set('default', {
    ...agent,
    audiences: both,
    username: 'system:serviceaccount:guildhall:default',
  })
  tokens.set('person', { ...agent, audiences: both, username: 'alice@example.com' })
}, 30_000)
afterAll(() => fixture.stop())

async function allRefs(): Promise<object> {
  return { shop: await fixture.refs('shop'), other: await fixture.refs('other') }
}

describe('a push is refused', () => {
  const cases: readonly (readonly [
    name: string,
    token: string,
    args: readonly string[],
    want: RegExp,
  ])[] = [
    ['to main', 'agent-1', ['HEAD:refs/heads/main'], /main is not for agents/],
    ['to the result branch', 'agent-1', ['HEAD:refs/heads/guild/r1'], /is not for agents/],
    ['to a new result branch', 'agent-1', ['HEAD:refs/heads/guild/r9'], /is not for agents/],
    ['to a branch of its own making', 'agent-1', ['HEAD:refs/heads/mine'], /is not for agents/],
    [
      'to the task of another Pod',
      'agent-1',
      ['HEAD:refs/heads/guild-task/r1-second/1'],
      /Another agent holds/,
    ],
    ['by another Pod to this task', 'agent-2', [`HEAD:${own}`], /Another agent holds/],
    [
      'to a task that does not exist',
      'agent-1',
      ['HEAD:refs/heads/guild-task/r1-none/1'],
      /does not exist/,
    ],
    [
      'to a later attempt',
      'agent-1',
      ['HEAD:refs/heads/guild-task/r1-code/2'],
      /at attempt 1, not 2/,
    ],
    [
      'to a stale attempt',
      'agent-1',
      ['HEAD:refs/heads/guild-task/r1-later/1'],
      /at attempt 2, not 1/,
    ],
    ['to a finished task', 'agent-1', ['HEAD:refs/heads/guild-task/r1-done/1'], /is finished/],
    [
      'after its result was accepted',
      'agent-1',
      ['HEAD:refs/heads/guild-task/r1-accepted/1'],
      /accepted already/,
    ],
    ['to a task taken away', 'agent-1', ['HEAD:refs/heads/guild-task/r1-free/1'], /Nobody holds/],
    [
      'of a task about another repository',
      'agent-1',
      ['HEAD:refs/heads/guild-task/r1-far/1'],
      /another repository/,
    ],
    [
      'without an attempt in the name',
      'agent-1',
      ['HEAD:refs/heads/guild-task/r1-code'],
      /is not for agents/,
    ],
    ['with attempt 0', 'agent-1', ['HEAD:refs/heads/guild-task/r1-code/0'], /is not for agents/],
    [
      'with another spelling of the attempt',
      'agent-1',
      ['HEAD:refs/heads/guild-task/r1-code/01'],
      /is not for agents/,
    ],
    ['below its own branch', 'agent-1', [`HEAD:${own}/more`], /is not for agents/],
    [
      'with an upper-case task',
      'agent-1',
      ['HEAD:refs/heads/guild-task/R1-code/1'],
      /is not for agents/,
    ],
    ['of a tag', 'agent-1', ['HEAD:refs/tags/v1'], /is not for agents/],
    [
      'of a tag named like its branch',
      'agent-1',
      ['HEAD:refs/tags/guild-task/r1-code/1'],
      /is not for agents/,
    ],
    ['of notes', 'agent-1', ['HEAD:refs/notes/commits'], /is not for agents/],
    ["to the forge's own refs", 'agent-1', ['HEAD:refs/guildhall/base/r1'], /is not for agents/],
    ['to a review ref', 'agent-1', ['HEAD:refs/for/main'], /is not for agents/],
    ['that deletes its branch', 'agent-1', [`:${pushed}`], /cannot be deleted/],
    ['that deletes main', 'agent-1', [':refs/heads/main'], /is not for agents/],
    ['that rewrites its branch', 'agent-1', ['--force', `HEAD:${pushed}`], /non-fast-forward/],
    [
      'of its branch and main',
      'agent-1',
      [`HEAD:${own}`, 'HEAD:refs/heads/main'],
      /exactly one branch/,
    ],
    [
      'of its branch and a tag',
      'agent-1',
      [`HEAD:${own}`, 'HEAD:refs/tags/v1'],
      /exactly one branch/,
    ],
    [
      'of two branches of its own',
      'agent-1',
      [`HEAD:${own}`, `HEAD~1:${own}1`],
      /exactly one branch/,
    ],
    ['of everything (--mirror)', 'agent-1', ['--mirror'], /exactly one branch/],
    ['by a reader', 'reader', [`HEAD:${own}`], /may not push|403/],
    ['by the operator', 'operator', [`HEAD:${own}`], /may not push|403/],
    ['without a token', '', [`HEAD:${own}`], /could not read Username|401/],
    [
      'with an unknown token',
      'rubbish',
      [`HEAD:${own}`],
      /could not read Username|401|Authentication failed/,
    ],
    [
      'with a token of a dead Pod',
      'agent-dead',
      [`HEAD:${own}`],
      /could not read Username|401|Authentication failed/,
    ],
    [
      'with an answer that names nobody',
      'agent-nameless',
      [`HEAD:${own}`],
      /could not read Username|401|Authentication failed/,
    ],
    ["with the forge's audience on an agent", 'agent-forge', [`HEAD:${own}`], /has no role/],
    ["with the API server's audience", 'agent-kubernetes', [`HEAD:${own}`], /has no role/],
    ['with a token that no Pod is bound to', 'agent-unbound', [`HEAD:${own}`], /has no role/],
    ['by an agent account of another namespace', 'agent-elsewhere', [`HEAD:${own}`], /has no role/],
    ["by the namespace's default account", 'default', [`HEAD:${own}`], /has no role/],
    ['by a person', 'person', [`HEAD:${own}`], /has no role/],
  ]
  test.for(cases)('%s', async ([, token, args, want]) => {
    const before = await allRefs()
    const answer = await fixture.git(work, token, 'push', 'origin', ...args)
    expect(answer.output).toMatch(want)
    expect(answer.exitCode).not.toBe(0)
    expect(await allRefs()).toEqual(before)
  })

  test('to another repository than its own', async () => {
    const before = await allRefs()
    const answer = await fixture.git(
      work,
      'agent-1',
      'push',
      `${fixture.url}/other.git`,
      `HEAD:${own}`,
    )
    expect(answer.output).toMatch(/about another repository than other/)
    expect(answer.exitCode).not.toBe(0)
    expect(await allRefs()).toEqual(before)
  })

  test('when it is too large', async () => {
    const before = await allRefs()
    const big = await fixture.clone('shop', 'agent-1', '--branch', 'guild/r1')
    await fixture.commit(big, { 'big.bin': randomBytes(3 * 1024 * 1024) })
    const answer = await fixture.git(big, 'agent-1', 'push', 'origin', `HEAD:${own}`)
    expect(answer.output).toMatch(/exceeds maximum allowed size/)
    expect(answer.exitCode).not.toBe(0)
    expect(await allRefs()).toEqual(before)
  })

  test('when it says beforehand that it is too large', async () => {
    const before = await allRefs()
    const big = await fixture.clone('shop', 'agent-1', '--branch', 'guild/r1')
    await fixture.commit(big, { 'big.bin': randomBytes(3 * 1024 * 1024) })
    const buffered = ['-c', 'http.postBuffer=10000000', 'push', 'origin', `HEAD:${own}`]
    const answer = await fixture.git(big, 'agent-1', ...buffered)
    expect(answer.output).toMatch(/413/)
    expect(answer.exitCode).not.toBe(0)
    expect(await allRefs()).toEqual(before)
  })

  test.for([
    ['a tree that names .git', 'tree', (blob: string) => entry('100644', '.git', blob)],
    ['a tree that leaves its directory', 'tree', (blob: string) => entry('100644', '..', blob)],
    ['a tree with a slash in a name', 'tree', (blob: string) => entry('100644', 'a/b', blob)],
  ] as const)('with %s', async ([, type, body]) => {
    const before = await allRefs()
    const evil = await fixture.clone('shop', 'agent-1', '--branch', 'guild/r1')
    const object = async (kind: string, content: Buffer) => {
      const { id, exitCode, output } = await writeObject(evil, kind, content)
      expect(exitCode, output).toBe(0)
      return id
    }
    const blob = await object('blob', Buffer.from('x'))
    const tree = await object(type, body(blob))
    const people = 'A <a@example.com> 1700000000 +0000'
    const text = `tree ${tree}\nparent ${await tip(evil)}\nauthor ${people}\ncommitter ${people}\n\nevil\n`
    const commit = await object('commit', Buffer.from(text))
    const answer = await fixture.git(evil, 'agent-1', 'push', 'origin', `${commit}:${own}`)
    expect(answer.output).toMatch(/fsck|unpacker error|unpack failed/)
    expect(answer.exitCode).not.toBe(0)
    expect(await allRefs()).toEqual(before)
  })
})

const entry = (mode: string, name: string, id: string) =>
  Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')])

async function tip(directory: string): Promise<string> {
  return (await fixture.git(directory, '', 'rev-parse', 'HEAD')).output
}

let files = 0
async function writeObject(directory: string, type: string, content: Buffer) {
  files += 1
  const name = `object-${files}`
  await writeFile(join(directory, name), content)
  const { exitCode, output } = await fixture.git(
    directory,
    '',
    'hash-object',
    '-w',
    '--literally',
    '-t',
    type,
    name,
  )
  return { id: output, exitCode, output }
}

interface RawAnswer {
  readonly status: number
  readonly text: string
}

/** Sends a path exactly as it is written; `fetch` would tidy it up. */
function raw(
  method: string,
  path: string,
  options: { token?: string; body?: string | Buffer; headers?: Record<string, string> } = {},
): Promise<RawAnswer> {
  const { token = 'agent-1', body, headers = {} } = options
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(fixture.url)
    const outgoing = httpRequest(
      { hostname, port, method, path, headers: { authorization: `Bearer ${token}`, ...headers } },
      (response) => {
        let text = ''
        response.setEncoding('latin1')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
        response.on('error', reject)
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

const upload = 'service=git-upload-pack'
const pushTo = '/shop.git/git-receive-pack'
const command = (ref: string, more = '\0report-status') => pktLine(`${zero} ${head} ${ref}${more}`)

describe('an address is refused', () => {
  test.for([
    ['a name with dots', `/../other.git/info/refs?${upload}`, 404],
    ['an encoded slash', `/..%2Fshop.git/info/refs?${upload}`, 400],
    ['an encoded path out', `/%2e%2e%2f%2e%2e%2fetc.git/info/refs?${upload}`, 400],
    ['a double slash', `//shop.git/info/refs?${upload}`, 404],
    ['a NUL', `/shop%00.git/info/refs?${upload}`, 400],
    ['an option as a name', `/-u.git/info/refs?${upload}`, 400],
    ['upper case', `/Shop.git/info/refs?${upload}`, 400],
    ['an empty name', `/.git/info/refs?${upload}`, 400],
    ['a name that is too long', `/${'a'.repeat(64)}.git/info/refs?${upload}`, 400],
    ['a repository that is not there', `/nobody.git/info/refs?${upload}`, 404],
    ['no service', '/shop.git/info/refs', 400],
    ['another service', '/shop.git/info/refs?service=git-upload-archive', 400],
    ['the dumb protocol: HEAD', '/shop.git/HEAD', 404],
    ['the dumb protocol: packs', '/shop.git/objects/info/packs', 404],
    ['the configuration', '/shop.git/config', 404],
    ['a path through the repository', '/shop.git/../other.git/HEAD', 404],
    ['bad percent encoding', '/%E0%A4%A.git/info/refs', 400],
  ] as const)('%s', async ([, path, status]) => {
    const answer = await raw('GET', path)
    expect(answer.status, answer.text).toBe(status)
    expect(answer.text).not.toContain('refs/heads')
  })
})

describe('a hand-made push is refused', () => {
  const cases: readonly (readonly [
    name: string,
    body: () => string,
    want: { status: number; text: RegExp },
    options?: { token?: string; headers?: Record<string, string> },
  ])[] = [
    [
      'by a reader that skips the greeting',
      () => `${command(own)}0000`,
      { status: 403, text: /may not push/ },
      { token: 'reader' },
    ],
    [
      'from a client that reads no reports',
      () => `${command('refs/heads/main', '')}0000`,
      { status: 403, text: /not for agents/ },
    ],
    [
      'when main hides behind the own branch',
      () => `${command(own)}${command('refs/heads/main', '')}0000`,
      { status: 200, text: /ng refs\/heads\/main/ },
    ],
    [
      'when main hides behind a NUL',
      () =>
        `${pktLine(`${zero} ${head} ${own}\0report-status\0 refs/heads/main`)}${command('refs/heads/main', '')}0000`,
      { status: 200, text: /ng refs\/heads\/main/ },
    ],
    [
      'when main hides behind a line end',
      () => `${command(`${own}\n${zero} ${head} refs/heads/main`)}0000`,
      { status: 400, text: /no ref update/ },
    ],
    [
      'with capabilities twice',
      () => `${command(own)}${command(own)}0000`,
      { status: 400, text: /capabilities twice/ },
    ],
    [
      'with a certificate',
      () => `${pktLine('push-cert\0report-status')}0000`,
      { status: 400, text: /no ref update/ },
    ],
    ['that is no pkt-line', () => 'hello, this is no push', { status: 400, text: /pkt-line/ }],
    ['with a delimiter packet', () => '0001', { status: 400, text: /pkt-line/ }],
    ['with an empty packet', () => '0004', { status: 400, text: /pkt-line/ }],
    ['that ends early', () => command(own).slice(0, 30), { status: 400, text: /ended/ }],
    [
      'with too many lines',
      () => pktLine(`shallow ${zero}`).repeat(6000),
      { status: 400, text: /too many/ },
    ],
    [
      'in an unknown encoding',
      () => '0000',
      { status: 400, text: /not supported/ },
      { headers: { 'content-encoding': 'br' } },
    ],
    [
      'in broken gzip',
      () => '0000',
      { status: 400, text: /not gzip/ },
      { headers: { 'content-encoding': 'gzip' } },
    ],
    [
      'with a pack that is none',
      () => `${command(own)}0000PACKrubbish, not a pack at all`,
      { status: 200, text: /unpack (?!ok)/ },
    ],
    [
      'without the objects it names',
      () => `${pktLine(`${zero} ${'1'.repeat(40)} ${own}\0report-status`)}0000${emptyPack}`,
      { status: 200, text: /ng .*missing necessary objects|unpack (?!ok)/ },
    ],
  ]
  test.for(cases)('%s', async ([, body, want, options]) => {
    const before = await allRefs()
    const answer = await raw('POST', pushTo, { ...options, body: Buffer.from(body(), 'latin1') })
    expect(answer.text).toMatch(want.text)
    expect(answer.status).toBe(want.status)
    expect(await allRefs()).toEqual(before)
  })
})

/** A valid pack with no objects. */
const emptyPack = Buffer.concat([
  Buffer.from('5041434b0000000200000000', 'hex'),
  Buffer.from('029d08823bd8a8eab510ad6ac75c823cfd3ed31e', 'hex'),
]).toString('latin1')

describe('the API refuses', () => {
  const good = fromTemplate('node')
  const api = '/api/repositories'
  const git = (url: string) => ({ ...good, source: { git: { url } } })
  const merge = {
    into: 'guild/r1',
    from: 'guild-task/r1-old/1',
    commit: '1'.repeat(40),
    subject: 's',
    trailers: [],
  }
  const cases: readonly (readonly [
    name: string,
    token: string,
    method: string,
    path: string,
    body: unknown,
    status: number,
  ])[] = [
    ['a repository made by an agent', 'agent-1', 'PUT', `${api}/new`, good, 403],
    ['a repository made by a reader', 'reader', 'PUT', `${api}/new`, good, 403],
    ['a repository made without a token', '', 'PUT', `${api}/new`, good, 401],
    [
      'a repository made with the hub token of the operator',
      'operator-hub',
      'PUT',
      `${api}/new`,
      good,
      403,
    ],
    ['an operator of another namespace', 'operator-elsewhere', 'PUT', `${api}/new`, good, 403],
    ['an account named much like the operator', 'operator-like', 'PUT', `${api}/new`, good, 403],
    ['a user named like the operator', 'operator-user', 'PUT', `${api}/new`, good, 403],
    ['a merge by an agent', 'agent-1', 'POST', `${api}/shop/integrate`, merge, 403],
    ['a merge by a reader', 'reader', 'POST', `${api}/shop/integrate`, merge, 403],
    ['a look by an agent', 'agent-1', 'GET', `${api}/shop/branches/guild/r1`, undefined, 403],
    [
      'a look by a reader with the hub audience',
      'reader-hub',
      'GET',
      `${api}/shop/branches/main`,
      undefined,
      403,
    ],
    ['a look without a token', '', 'GET', `${api}/shop/branches/main`, undefined, 401],
    ['a bad repository name', 'operator', 'PUT', `${api}/..%2Fnew`, good, 400],
    ['a repository with a dot', 'operator', 'PUT', `${api}/new.git`, good, 400],
    ['a body that is no JSON', 'operator', 'PUT', `${api}/new`, '{', 400],
    ['a body of the wrong form', 'operator', 'PUT', `${api}/new`, { branch: 'guild/r1' }, 400],
    [
      'a body that is too large',
      'operator',
      'PUT',
      `${api}/new`,
      { ...good, title: 'x'.repeat(70_000) },
      413,
    ],
    [
      'an unknown template',
      'operator',
      'PUT',
      `${api}/new`,
      { ...good, source: { template: { name: '../node' } } },
      400,
    ],
    [
      'main as the branch of a request',
      'operator',
      'PUT',
      `${api}/new`,
      { ...good, branch: 'main' },
      400,
    ],
    [
      'a task branch as the branch of a request',
      'operator',
      'PUT',
      `${api}/new`,
      { ...good, branch: 'guild-task/a/1' },
      400,
    ],
    ['a file as a source', 'operator', 'PUT', `${api}/new`, git('file:///etc'), 400],
    ['a path as a source', 'operator', 'PUT', `${api}/new`, git('/etc/passwd'), 400],
    ['a command as a source', 'operator', 'PUT', `${api}/new`, git('ext::sh -c date'), 400],
    ['an option as a source', 'operator', 'PUT', `${api}/new`, git('--upload-pack=date'), 400],
    ['ssh as a source', 'operator', 'PUT', `${api}/new`, git('ssh://git@example.com/a.git'), 400],
    [
      'credentials in a source',
      'operator',
      'PUT',
      `${api}/new`,
      git('https://a:b@example.com/a.git'),
      400,
    ],
    [
      'another repository by a path',
      'operator',
      'PUT',
      `${api}/new`,
      { ...good, source: { repository: { name: '../shop' } } },
      400,
    ],
    [
      'a source ref that is an option',
      'operator',
      'PUT',
      `${api}/shop`,
      { ...good, branch: 'guild/r7', source: { repository: { name: 'shop', ref: '--all' } } },
      400,
    ],
    [
      'a source ref with revision syntax',
      'operator',
      'PUT',
      `${api}/shop`,
      { ...good, branch: 'guild/r7', source: { repository: { name: 'shop', ref: 'main@{1}' } } },
      400,
    ],
    [
      'another template for a name that is taken',
      'operator',
      'PUT',
      `${api}/shop`,
      fromTemplate('python', 'r7'),
      400,
    ],
    ['a tree of a branch name', 'reader', 'GET', `${api}/shop/tree/main`, undefined, 400],
    [
      'a tree of a commit that is not there',
      'reader',
      'GET',
      `${api}/shop/tree/${'1'.repeat(40)}`,
      undefined,
      404,
    ],
    [
      'a branch with revision syntax',
      'reader',
      'GET',
      `${api}/shop/branches/main~1`,
      undefined,
      400,
    ],
    [
      'a base that is an option',
      'reader',
      'GET',
      `${api}/shop/branches/main?base=--all`,
      undefined,
      400,
    ],
    ['another method', 'operator', 'DELETE', `${api}/shop`, undefined, 405],
    ['another address', 'operator', 'GET', '/api/secrets', undefined, 404],
  ]
  test.for(cases)('%s', async ([, token, method, path, body, status]) => {
    const before = await allRefs()
    const answer = await fixture.call(method, path, token, body)
    expect(answer.status, answer.text).toBe(status)
    expect(answer.body).toMatchObject({ code: expect.any(String), message: expect.any(String) })
    expect(await allRefs()).toEqual(before)
    expect((await fixture.call('GET', `${api}/new/branches/main`, 'reader')).status).toBe(404)
  })

  test.for([
    ['a path out of the tree', '../../etc/passwd', 400],
    ['an absolute path', '/etc/passwd', 400],
    ['a symbolic link', 'link', 404],
    ['a pathspec', ':(glob)**', 404],
    ['no path', '', 400],
  ] as const)('the text of %s', async ([, path, status]) => {
    const query = `?path=${encodeURIComponent(path)}`
    const answer = await fixture.call('GET', `${api}/shop/blob/${linked}${query}`, 'reader')
    expect(answer.status, answer.text).toBe(status)
    expect(answer.text).not.toContain('root:')
  })
})
