// What an agent may bring into its request's branch, with real git: the agent here holds its token
// and lies about the rest.
import { chmod, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { execa } from 'execa'
import type { Action } from '../core/api/agent-types.ts'
import {
  fromTemplate,
  heldTask,
  startForge,
  type ForgeFixture,
} from '../test/support/forge/forge.ts'

// Real git, many processes; the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const into = 'guild/r1'
let fixture: ForgeFixture
let base = ''
beforeEach(async () => {
  fixture = await startForge()
  const made = await fixture.call('PUT', '/api/repositories/shop', 'operator', fromTemplate('node'))
  base = String(made.body['head'])
})
afterEach(() => fixture.stop())

type Git = (...args: readonly string[]) => Promise<string>

/**
 * Lets `make` work in a clone, commits all of it when it did not, pushes HEAD and asks for the
 * merge.
 */
async function offer(
  given: { task?: string; action?: Action; files?: readonly string[] },
  make: (directory: string, git: Git) => Promise<unknown>,
) {
  const { task = 'r1-code', action = 'code', files = [] } = given
  fixture.tasks.set(task, heldTask(task))
  const directory = await fixture.clone('shop', 'agent-1', '--branch', into)
  const git: Git = async (...args) => {
    const { exitCode, output } = await fixture.git(directory, 'agent-1', ...args)
    expect(exitCode, output).toBe(0)
    return output
  }
  await make(directory, git)
  const commit = await fixture.commit(directory, {})
  const from = `guild-task/${task}/1`
  await git('push', '-q', 'origin', `HEAD:refs/heads/${from}`)
  const answer = await fixture.call('POST', '/api/repositories/shop/integrate', 'operator', {
    into,
    from,
    commit,
    subject: 's',
    trailers: [],
    task: {
      action,
      files,
    },
  })
  return { commit, directory, ...answer }
}

const head = async () => (await fixture.refs('shop'))[`refs/heads/${into}`]
const write = (path: string, text: string) => (directory: string) =>
  writeFile(join(directory, path), text)

test.for<readonly [string, (directory: string, git: Git) => Promise<unknown>, RegExp]>([
  ['a file beside its own', write('other.js', 'x'), /^other\.js is not among the files/],
  ['a workflow', (d) => fixture.commit(d, { '.github/workflows/x.yml': 'on: push' }), /x\.yml is/],
  ['a link', (d) => symlink('/etc/passwd', join(d, 'a.js')), /^a\.js is a symbolic link/],
  ['the manifest', write('package.json', '{}'), /^package\.json is not among/],
  ['a deleted file', (d) => rm(join(d, 'README.md')), /^README\.md is deleted/],
  ['the right to be run', (d) => chmod(join(d, 'README.md'), 0o755), /^README\.md has mode 100644/],
  [
    'a submodule that git is told to overlook',
    async (d, git) => {
      await fixture.commit(d, { 'a.js': '' })
      await git('config', 'submodule.x.ignore', 'all')
      await git('update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},vendor/x`)
      await git('commit', '-q', '-m', 'x')
      await git('reset', '-q', '--hard')
    },
    /^vendor\/x is a submodule/,
  ],
  [
    'something that is taken back in the next commit',
    async (d, git) => {
      await fixture.commit(d, { 'secret.txt': 'x' })
      await git('rm', '-q', 'secret.txt')
      await fixture.commit(d, { 'a.js': '1' })
    },
    /^Commit [0-9a-f]{40}: secret\.txt is/,
  ],
  [
    'a merge of its own',
    async (d, git) => {
      await git('checkout', '-q', '-b', 'side')
      await fixture.commit(d, { 'a.js': '1' })
      await git('checkout', '-q', into)
      await git('merge', '-q', '--no-ff', '-m', 'm', 'side')
    },
    /several parents/,
  ],
  [
    'a hundred commits',
    async (d, git) => {
      const tree = await git('rev-parse', 'HEAD^{tree}')
      for (let count = 0; count < 30; count += 1) {
        const next = await git('commit-tree', tree, '-p', 'HEAD', '-m', 'c')
        await git('update-ref', 'HEAD', next)
      }
      await fixture.commit(d, { 'a.js': '1' })
    },
    /more than 20 commits/,
  ],
] as const)('%s is not merged, and the sentence names it', async ([, make, want]) => {
  const answer = await offer({ files: ['a.js'] }, make)
  expect(answer).toMatchObject({ status: 200, body: { outcome: 'refused' } })
  expect(answer.body['message']).toMatch(want)
  expect(await head()).toBe(base)
})

test('who does not say what the task may change gets nothing merged', async () => {
  fixture.tasks.set('r1-code', heldTask('r1-code'))
  const directory = await fixture.clone('shop', 'agent-1', '--branch', into)
  const commit = await fixture.commit(directory, { 'a.js': '1' })
  const from = 'guild-task/r1-code/1'
  await fixture.git(directory, 'agent-1', 'push', 'origin', `HEAD:refs/heads/${from}`)
  const body = { into, from, commit, subject: 's', trailers: [] }
  const answer = await fixture.call('POST', '/api/repositories/shop/integrate', 'operator', body)
  expect(answer.body).toMatchObject({ outcome: 'refused' })
  expect(await head()).toBe(base)
})

test('a file whose name is not UTF-8 is not mistaken for one of the task', async () => {
  const answer = await offer({ files: ['caf\uFFFD.js'] }, async (directory, git) => {
    const blob = await git('hash-object', '-w', 'package.json')
    const entry = [Buffer.from(`100644 ${blob}\tcaf`), Buffer.from([0xe9]), Buffer.from('.js\0')]
    const args = ['update-index', '-z', '--index-info']
    await execa('git', args, { cwd: directory, input: Buffer.concat(entry) })
    await git('commit', '-q', '-m', 'x')
    await git('reset', '-q', '--hard')
  })
  expect(answer.body['message']).toMatch(/not UTF-8/)
})

test('its files in folders, with signs of every script, are merged', async () => {
  const files = ['app/[id]/page.js', 'src/überblick/größe 1.js', 'src/$x~.js']
  const answer = await offer({ files }, (directory) =>
    fixture.commit(directory, Object.fromEntries(files.map((file) => [file, 'x']))),
  )
  expect(answer.body).toMatchObject({ outcome: 'merged' })
})

test('a spec adds a test of any name, and no spec touches a test of the person', async () => {
  const spec = (task: string, path: string) =>
    offer({ task, action: 'spec', files: ['src/a.js'] }, (d) => fixture.commit(d, { [path]: task }))
  expect((await spec('r1-one', 'test/a-2.test.js')).body).toMatchObject({ outcome: 'merged' })
  expect((await spec('r1-two', 'test/a-2.test.js')).body).toMatchObject({ outcome: 'merged' })
  // The next request begins where this one is.
  const source = { repository: { name: 'shop', ref: into } }
  const body = { source, branch: 'guild/r2', title: 't' }
  await fixture.call('PUT', '/api/repositories/shop', 'operator', body)
  fixture.tasks.set('r2-spec', heldTask('r2-spec'))
  const directory = await fixture.clone('shop', 'agent-1', '--branch', 'guild/r2')
  const commit = await fixture.commit(directory, { 'test/a-2.test.js': 'emptied' })
  const from = 'guild-task/r2-spec/1'
  await fixture.git(directory, 'agent-1', 'push', 'origin', `HEAD:refs/heads/${from}`)
  const answer = await fixture.call('POST', '/api/repositories/shop/integrate', 'operator', {
    into: 'guild/r2',
    from,
    commit,
    subject: 's',
    trailers: [],
    task: {
      action: 'spec',
      files: ['src/a.js'],
    },
  })
  expect(answer.body['message']).toMatch(/^test\/a-2\.test\.js was there before the request/)
})

test('a fix without files repairs what the request wrote and nothing else', async () => {
  await offer({ task: 'r1-code', files: ['src/a.js'] }, (d) =>
    fixture.commit(d, { 'src/a.js': '1' }),
  )
  const fix = (task: string, path: string) =>
    offer({ task, action: 'fix' }, (d) => fixture.commit(d, { [path]: task }))
  expect((await fix('r1-fix', 'src/a.js')).body).toMatchObject({ outcome: 'merged' })
  expect((await fix('r1-other', 'package.json')).body).toMatchObject({ outcome: 'refused' })
})

test('a commit on an older state of the branch is judged by what it changes, not by what others merged', async () => {
  fixture.tasks.set('r1-late', heldTask('r1-late'))
  const late = await fixture.clone('shop', 'agent-1', '--branch', into)
  await offer({ files: ['a.js', 'test/a.test.js'], task: 'r1-a' }, (d) =>
    fixture.commit(d, { 'a.js': 'a' }),
  )
  const commit = await fixture.commit(late, { 'b.js': 'b' })
  const from = 'guild-task/r1-late/1'
  await fixture.git(late, 'agent-1', 'push', 'origin', `HEAD:refs/heads/${from}`)
  const answer = await fixture.call('POST', '/api/repositories/shop/integrate', 'operator', {
    into,
    from,
    commit,
    subject: 's',
    trailers: [],
    task: {
      action: 'code',
      files: ['b.js'],
    },
  })
  expect(answer.body).toMatchObject({ outcome: 'merged' })
})

test('what a repository says about merging is not obeyed: no driver, no filter, no renames', async () => {
  const files = ['.gitattributes', 'a.js', 'b.js']
  const marker = join(await fixture.directory(), 'ran')
  const attributes = '* merge=union filter=x diff=x text eol=crlf\n*.js merge=x\n'
  const first = await offer({ files, task: 'r1-first' }, async (d) => {
    await fixture.commit(d, { '.gitattributes': attributes, 'a.js': 'one\ntwo\nthree\n' })
  })
  expect(first.body).toMatchObject({ outcome: 'merged' })
  // A driver that somebody slipped into the settings of the repository would be named by the
  // attributes.
  const path = join(fixture.forge.root, 'shop.git')
  await writeFile(join(path, 'config'), await hostileConfig(join(path, 'config'), marker))
  fixture.tasks.set('r1-late', heldTask('r1-late'))
  const late = await fixture.clone('shop', 'agent-1', '--branch', into)
  await offer({ files, task: 'r1-mid' }, (d) => fixture.commit(d, { 'a.js': 'one\nmine\nthree\n' }))
  const commit = await fixture.commit(late, { 'a.js': 'one\nyours\nthree\n' })
  const from = 'guild-task/r1-late/1'
  await fixture.git(late, 'agent-1', 'push', 'origin', `HEAD:refs/heads/${from}`)
  const answer = await fixture.call('POST', '/api/repositories/shop/integrate', 'operator', {
    into,
    from,
    commit,
    subject: 's',
    trailers: [],
    task: {
      action: 'code',
      files,
    },
  })
  expect(answer.body).toEqual({ outcome: 'conflict', files: ['a.js'] })
  await expect(readFile(marker)).rejects.toThrow('ENOENT')
})

async function hostileConfig(path: string, marker: string): Promise<string> {
  const before = await readFile(path, 'utf8')
  const run = `touch ${marker}; exit 1`
  return `${before}
[core]
	fsmonitor = "${run}"
	attributesFile = /nowhere
[filter "x"]
	clean = "${run}"
	smudge = "${run}"
[diff "x"]
	textconv = "${run}"
	command = "${run}"
[merge "x"]
	driver = "${run}"
[alias]
	merge-tree = "!${run}"
`
}

test('only integrate moves the branch of a request', async () => {
  const { commit, directory } = await offer({ files: ['a.js'] }, (d) =>
    fixture.commit(d, { 'a.js': '1' }),
  )
  const merged = await head()
  await fixture.commit(directory, { 'b.js': '1' })
  const branch = `refs/heads/${into}`
  for (const token of ['agent-1', 'agent-2', 'operator', 'reader'])
    for (const args of [
      ['push', 'origin', `HEAD:${branch}`],
      ['push', '--force', 'origin', `+HEAD:${branch}`],
      ['push', 'origin', `:${branch}`],
      ['push', 'origin', `HEAD:refs/heads/guild-task/r1-code/1`, `HEAD:${branch}`],
      ['push', '--atomic', 'origin', `HEAD:${branch}`, `HEAD:refs/heads/guild/r1/x`],
      ['push', 'origin', 'HEAD:refs/guildhall/base/r1'],
      ['push', 'origin', 'HEAD:HEAD'],
    ]) {
      const pushed = await fixture.git(directory, token, ...args)
      expect(pushed.exitCode, `${token} ${args.join(' ')}: ${pushed.output}`).not.toBe(0)
    }
  // Neither the same request again, nor another one on the same repository, moves it.
  await fixture.call('PUT', '/api/repositories/shop', 'operator', fromTemplate('node'))
  await fixture.call('PUT', '/api/repositories/shop', 'operator', fromTemplate('node', 'r2'))
  expect(await head()).toBe(merged)
  expect(commit).not.toBe(merged)
})
