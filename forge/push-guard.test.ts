import { execa } from 'execa'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { pktLine } from '../test/support/forge/forge.ts'
import { openPush, pushEnvironment, readPushHead, refusalReport, writeHooks } from './push-guard.ts'

// Real git; the machine may be busy.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

const a = 'a'.repeat(40)
const b = 'b'.repeat(40)
const line = (ref: string, more = '') => pktLine(`${a} ${b} ${ref}${more}`)
const read = (text: string) => readPushHead(Buffer.from(text))

test('one command with its capabilities', () => {
  const step = read(`${line('refs/heads/x', '\0 report-status side-band-64k agent=git/2')}0000PACK`)
  expect(step).toEqual({
    state: 'done',
    head: {
      commands: [{ oldId: a, newId: b, ref: 'refs/heads/x' }],
      capabilities: new Set(['report-status', 'side-band-64k', 'agent=git/2']),
    },
  })
})

test('shallow lines may come first; the probe of a large push has no command', () => {
  const shallow = read(
    `${pktLine(`shallow ${a}\n`)}${line('refs/heads/x', '\0report-status\n')}0000`,
  )
  expect(shallow).toMatchObject({ state: 'done', head: { commands: [{ ref: 'refs/heads/x' }] } })
  expect(read('0000')).toMatchObject({ state: 'done', head: { commands: [] } })
})

test('every beginning of a push asks for more, whatever the cut', () => {
  const whole = `${line('refs/heads/x', '\0report-status')}${line('refs/heads/y')}0000`
  for (let length = 0; length < whole.length; length += 1) {
    expect(read(whole.slice(0, length)).state).toBe('more')
  }
  expect(read(whole).state).toBe('done')
})

test('bytes of any kind never make it throw or run on', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
      expect(['more', 'done', 'broken']).toContain(readPushHead(Buffer.from(bytes)).state)
    }),
  )
})

test('git gets the body as it came, however it was cut', async () => {
  const whole = Buffer.from(`${line('refs/heads/x', '\0report-status')}0000PACKandmore`)
  for (const size of [1, 7, 50, 1000]) {
    const parts = []
    for (let at = 0; at < whole.length; at += size) parts.push(whole.subarray(at, at + size))
    const { head, body } = await openPush(Readable.from(parts))
    expect(head.commands).toHaveLength(1)
    expect(Buffer.concat(await body.toArray()).equals(whole)).toBe(true)
  }
})

test('a refusal names every ref; a long one is cut into band packets', () => {
  const commands = Array.from({ length: 500 }, (_, index) => ({
    oldId: a,
    newId: b,
    ref: `refs/heads/${'x'.repeat(100)}${index}`,
  }))
  const plain = refusalReport({ commands, capabilities: new Set(['report-status']) }, 'no\nway')
  expect(plain?.toString()).toContain(`ng ${commands[499]?.ref} no way\n`)
  const capabilities = new Set(['report-status', 'side-band-64k'])
  const banded = refusalReport({ commands, capabilities }, 'no\nway') ?? Buffer.alloc(0)
  const inner: Buffer[] = []
  for (let at = 0; banded.toString('latin1', at, at + 4) !== '0000'; ) {
    const length = Number.parseInt(banded.toString('latin1', at, at + 4), 16)
    expect(length).toBeLessThanOrEqual(65_520)
    expect(banded[at + 4]).toBe(1)
    inner.push(banded.subarray(at + 5, at + length))
    at += length
  }
  expect(Buffer.concat(inner).equals(plain ?? Buffer.alloc(0))).toBe(true)
  expect(refusalReport({ commands, capabilities: new Set() }, 'no')).toBeUndefined()
})

describe('the second lock', () => {
  let root = ''
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'guildhall-hook-'))
    const hooks = await writeHooks(root)
    await mkdir(join(root, 'work'))
    await git('init', '-q', '-b', 'main')
    await git('init', '-q', '--bare', '../store.git')
    await git('--git-dir=../store.git', 'config', 'core.hooksPath', hooks)
    await git('commit', '-q', '--allow-empty', '-m', 'x')
  })
  afterEach(() => rm(root, { recursive: true, force: true }))

  async function git(...args: readonly string[]) {
    return gitWith({}, ...args)
  }
  async function gitWith(env: Record<string, string>, ...args: readonly string[]) {
    const people = ['-c', 'user.name=T', '-c', 'user.email=t@example.com']
    const options = { cwd: join(root, 'work'), env, reject: false, all: true } as const
    return execa('git', [...people, ...args], options)
  }

  test.for([
    ['the allowed ref', 'refs/heads/x', ['HEAD:refs/heads/x'], true],
    ['another ref', 'refs/heads/x', ['HEAD:refs/heads/y'], false],
    [
      'the allowed ref and another',
      'refs/heads/x',
      ['HEAD:refs/heads/x', 'HEAD:refs/heads/y'],
      false,
    ],
    ['a ref that begins like it', 'refs/heads/x', ['HEAD:refs/heads/xx'], false],
    ['any ref when none is allowed', undefined, ['HEAD:refs/heads/x'], false],
  ] as const)('%s', async ([, ref, refs, want]) => {
    const pushed = await gitWith(pushEnvironment(ref), 'push', '../store.git', ...refs)
    expect(pushed.exitCode === 0, pushed.all).toBe(want)
    const stored = await git('--git-dir=../store.git', 'for-each-ref', '--format=%(refname)')
    expect(stored.stdout).toBe(want ? 'refs/heads/x' : '')
  })
})
