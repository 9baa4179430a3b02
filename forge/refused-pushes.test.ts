// Everything that must not get in, part one: git push. Each case is a real request to a real forge;
// what is asserted is that the refs of all repositories are the same afterwards, and that the one
// who was refused is told why.
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import {
  ownRef as own,
  pushedRef as pushed,
  setScene,
  type Scene,
} from '../test/support/forge/refusals.ts'

// Real git, many processes; the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

let scene: Scene
beforeAll(async () => {
  scene = await setScene()
})
afterAll(() => scene.fixture.stop())

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
    const before = await scene.allRefs()
    const answer = await scene.fixture.git(scene.work, token, 'push', 'origin', ...args)
    expect(answer.output).toMatch(want)
    expect(answer.exitCode).not.toBe(0)
    expect(await scene.allRefs()).toEqual(before)
  })

  test('to another repository than its own', async () => {
    const before = await scene.allRefs()
    const answer = await scene.fixture.git(
      scene.work,
      'agent-1',
      'push',
      `${scene.fixture.url}/other.git`,
      `HEAD:${own}`,
    )
    expect(answer.output).toMatch(/about another repository than other/)
    expect(answer.exitCode).not.toBe(0)
    expect(await scene.allRefs()).toEqual(before)
  })

  test('when it is too large', async () => {
    const before = await scene.allRefs()
    const big = await scene.fixture.clone('shop', 'agent-1', '--branch', 'guild/r1')
    await scene.fixture.commit(big, { 'big.bin': randomBytes(3 * 1024 * 1024) })
    const answer = await scene.fixture.git(big, 'agent-1', 'push', 'origin', `HEAD:${own}`)
    expect(answer.output).toMatch(/exceeds maximum allowed size/)
    expect(answer.exitCode).not.toBe(0)
    expect(await scene.allRefs()).toEqual(before)
  })

  test('when it says beforehand that it is too large', async () => {
    const before = await scene.allRefs()
    const big = await scene.fixture.clone('shop', 'agent-1', '--branch', 'guild/r1')
    await scene.fixture.commit(big, { 'big.bin': randomBytes(3 * 1024 * 1024) })
    const buffered = ['-c', 'http.postBuffer=10000000', 'push', 'origin', `HEAD:${own}`]
    const answer = await scene.fixture.git(big, 'agent-1', ...buffered)
    expect(answer.output).toMatch(/413/)
    expect(answer.exitCode).not.toBe(0)
    expect(await scene.allRefs()).toEqual(before)
  })

  test.for([
    ['a tree that names .git', 'tree', (blob: string) => entry('100644', '.git', blob)],
    ['a tree that leaves its directory', 'tree', (blob: string) => entry('100644', '..', blob)],
    ['a tree with a slash in a name', 'tree', (blob: string) => entry('100644', 'a/b', blob)],
  ] as const)('with %s', async ([, type, body]) => {
    const before = await scene.allRefs()
    const evil = await scene.fixture.clone('shop', 'agent-1', '--branch', 'guild/r1')
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
    const answer = await scene.fixture.git(evil, 'agent-1', 'push', 'origin', `${commit}:${own}`)
    expect(answer.output).toMatch(/fsck|unpacker error|unpack failed/)
    expect(answer.exitCode).not.toBe(0)
    expect(await scene.allRefs()).toEqual(before)
  })
})

const entry = (mode: string, name: string, id: string) =>
  Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')])

async function tip(directory: string): Promise<string> {
  return (await scene.fixture.git(directory, '', 'rev-parse', 'HEAD')).output
}

let files = 0
async function writeObject(directory: string, type: string, content: Buffer) {
  files += 1
  const name = `object-${files}`
  await writeFile(join(directory, name), content)
  const { exitCode, output } = await scene.fixture.git(
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
