import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { assignmentFor } from '../../../test/support/agent/assignment.ts'
import { startPod, type TestPod } from '../../../test/support/agent/processes.ts'
import { startForge, type TestForge } from '../../../test/support/agent/repository.ts'
import { connectSandbox } from '../sandbox-client.ts'
import { safePath } from './tree-listing.ts'
import { openWorkspace, type Workspace } from './workspace.ts'

// Real processes on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

const token = 'sesame'
const signal = AbortSignal.timeout(100_000)
let pod: TestPod
let forge: TestForge

beforeAll(async () => {
  pod = await startPod(token)
  forge = await startForge({ 'a.txt': 'one\n', 'run.sh': '#!/bin/sh\n', 'bin.dat': 'a\0b' }, token)
}, 30_000)
afterAll(async () => {
  await pod.close()
  forge.close()
})

function open(
  overrides: Parameters<typeof assignmentFor>[2] = {},
  asToken = token,
): Promise<Workspace> {
  const settings = {
    workspace: pod.workspace,
    gitRoot: pod.gitRoot,
    token: () => Promise.resolve(asToken),
    protocols: ['http'],
  }
  return openWorkspace(
    assignmentFor(forge, 'code', overrides),
    settings,
    connectSandbox(pod.socketPath),
    { signal },
  )
}

test('clones, commits what it is given, pushes its branch and leaves nothing', async () => {
  const workspace = await open()
  expect(await workspace.files({ signal })).toEqual(['a.txt', 'bin.dat', 'run.sh'])
  expect(await workspace.read('a.txt', { signal })).toBe('one\n')
  expect(await workspace.read('bin.dat', { signal })).toBeUndefined()
  expect(await workspace.read('none', { signal })).toBeUndefined()
  const changes = new Map([
    ['a.txt', 'two\n'],
    ['new/b.txt', 'ü\n'],
  ])
  const commit = await workspace.commit(changes, 'Change\n', { signal })
  await workspace.push(commit, { signal })
  expect(forge.git('show', `${commit}:new/b.txt`)).toBe('ü\n')
  expect(forge.git('rev-parse', 'guild-task/req-code-slug/1').trim()).toBe(commit)
  expect(forge.git('log', '-1', '--format=%an <%ae> %cn', commit).trim()).toBe(
    'Guildhall <agents@guildhall.dev> Guildhall',
  )
  await workspace.close()
  expect(readdirSync(pod.workspace)).toEqual([])
  expect(readdirSync(pod.gitRoot)).toEqual([])
})

test('begins fresh though an earlier try of the attempt left files', async () => {
  mkdirSync(join(pod.workspace, 'req-code-slug-1'))
  writeFileSync(join(pod.workspace, 'req-code-slug-1/left'), '')
  const workspace = await open()
  await workspace.restore(new Map(), { signal })
  expect(readdirSync(workspace.root).toSorted()).toEqual(['a.txt', 'bin.dat', 'run.sh'])
  await workspace.close()
})

test('restores the tree whatever was done to it, and sees what was altered', async () => {
  const workspace = await open()
  const changes = new Map([['a.txt', 'two\n']])
  await workspace.restore(changes, { signal })
  expect(await workspace.altered(['a.txt', 'run.sh', 'locked/x', 'none'])).toEqual([])
  writeFileSync(join(workspace.root, 'a.txt'), 'three\n')
  writeFileSync(join(workspace.root, 'run.sh'), 'evil\n')
  mkdirSync(join(workspace.root, 'locked'))
  writeFileSync(join(workspace.root, 'locked/x'), '')
  chmodSync(join(workspace.root, 'locked'), 0o500)
  symlinkSync('/etc/passwd', join(workspace.root, 'link'))
  expect(await workspace.altered(['a.txt', 'run.sh', 'bin.dat', 'locked/x'])).toEqual([
    'a.txt',
    'run.sh',
  ])
  await workspace.restore(changes, { signal })
  expect(readdirSync(workspace.root).toSorted()).toEqual(['a.txt', 'bin.dat', 'run.sh'])
  expect(readFileSync(join(workspace.root, 'a.txt'), 'utf8')).toBe('two\n')
  expect(readFileSync(join(workspace.root, 'run.sh'), 'utf8')).toBe('#!/bin/sh\n')
  await workspace.close()
})

test('sees a link in the place of a file, though the text behind it is the same', async () => {
  const workspace = await open()
  await workspace.restore(new Map([['a.txt', 'two\n']]), { signal })
  writeFileSync(join(pod.gitRoot, 'elsewhere'), 'two\n')
  rmSync(join(workspace.root, 'a.txt'))
  symlinkSync(join(pod.gitRoot, 'elsewhere'), join(workspace.root, 'a.txt'))
  expect(await workspace.altered(['a.txt'])).toEqual(['a.txt'])
  await workspace.close()
  rmSync(join(pod.gitRoot, 'elsewhere'))
})

test('checks a link that leads out of the repository out as a file, so that nothing can be read through it', async () => {
  const blob = execFileSync('git', ['hash-object', '-w', '--stdin'], {
    cwd: forgeDirectory(),
    input: '/etc/passwd',
  })
    .toString()
    .trim()
  const other = execFileSync('git', ['mktree'], {
    cwd: forgeDirectory(),
    input: `120000 blob ${blob}\tlink\n`,
  })
    .toString()
    .trim()
  const commit = forge.git('commit-tree', other, '-p', forge.base, '-m', 'Link').trim()
  forge.git('update-ref', 'refs/heads/guild/links', commit)
  const workspace = await open({ branch: 'guild/links' })
  await workspace.restore(new Map(), { signal })
  expect(readFileSync(join(workspace.root, 'link'), 'utf8')).toBe('/etc/passwd')
  expect(await workspace.files({ signal })).toEqual([])
  await workspace.close()
})

test.each([
  ['a branch that is not there', { branch: 'guild/none' }, token],
  ['a base that is not in the branch', { base: 'f'.repeat(40) }, token],
  ['no base', { base: '' }, token],
  ['a token that is refused', {}, 'wrong'],
])(
  'cannot clone with %s',
  async (_what, overrides, asToken) => {
    await expect(open(overrides, asToken)).rejects.toMatchObject({ reason: 'CloneFailed' })
  },
  30_000,
)

test('says so when the push is refused', async () => {
  const workspace = await open({ attempt: 2, taskBranch: 'guild-task/x/1' })
  const first = await workspace.commit(new Map([['a.txt', 'x']]), 'One\n', { signal })
  await workspace.push(first, { signal })
  const second = await workspace.commit(new Map([['a.txt', 'y']]), 'Two\n', { signal })
  await expect(workspace.push(second, { signal })).rejects.toMatchObject({ reason: 'PushRejected' })
  await workspace.close()
  expect(existsSync(workspace.root)).toBe(false)
}, 30_000)

test.each(['../x', '/x', 'a/../b', '.git/config', 'a/.GIT/x', 'a//b', 'a\\b', 'a\nb', ''])(
  'refuses the path %j',
  (path) => {
    expect(() => safePath(path)).toThrow(/not allowed/)
  },
)

function forgeDirectory(): string {
  return forge.git('rev-parse', '--absolute-git-dir').trim()
}
