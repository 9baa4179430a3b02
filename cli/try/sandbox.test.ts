// Where project code runs: a container where an engine answers and holds the image, else a process
// that says so.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { systemClock } from '../../core/base/clock.ts'
import { containerArguments } from './container.ts'
import { type SandboxKind, startSandbox } from './sandbox.ts'

const options = { signal: new AbortController().signal, clock: systemClock, checkout: '/nowhere' }
const patience = { timeout: 90_000 }
afterEach(() => void vi.unstubAllEnvs())

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'guild-try-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/**
 * An engine of this name, and no other, that notes what it is told. `run` starts the sandbox
 * program with the environment that the container would have, `says` is what the other commands end
 * with.
 */
function engine(
  name: string,
  says: { readonly inspect: number; readonly run: number },
): () => string {
  const folder = scratch()
  const program = new URL('../../agent-image/sandbox/main.ts', import.meta.url).pathname
  const script = `#!/usr/bin/env node
const { appendFileSync } = require('node:fs')
const { spawn } = require('node:child_process')
const words = process.argv.slice(2)
appendFileSync(${JSON.stringify(join(folder, 'log'))}, words.join(' ') + '\\n')
if (words[0] === 'image') process.exit(${says.inspect})
if (words[0] !== 'run') process.exit(0)
if (${says.run} !== 0) { console.error('no room for it'); process.exit(${says.run}) }
const env = { PATH: process.env.PATH }
words.forEach((word, at) => {
  if (words[at - 1] === '--env') env[word.slice(0, word.indexOf('='))] = word.slice(word.indexOf('=') + 1)
})
const child = spawn(process.execPath, [${JSON.stringify(program)}], { env, stdio: 'inherit' })
process.on('SIGTERM', () => child.kill('SIGTERM'))
child.on('exit', (code) => process.exit(code ?? 1))
`
  // The machine may have an engine of its own: the one that is not meant is there, and answers
  // nothing.
  for (const engine of ['docker', 'podman']) {
    writeFileSync(join(folder, engine), engine === name ? script : '#!/bin/sh\nexit 1\n')
    chmodSync(join(folder, engine), 0o755)
  }
  vi.stubEnv('PATH', `${folder}:${process.env['PATH'] ?? ''}`)
  return () => (existsSync(join(folder, 'log')) ? readFileSync(join(folder, 'log'), 'utf8') : '')
}

test.each(['docker', 'podman'])(
  '%s holds the image: a container without anything',
  patience,
  async (name) => {
    const told = engine(name, { inspect: 0, run: 0 })
    const folder = scratch()
    const sandbox = await startSandbox('auto', folder, options)
    expect(sandbox).toMatchObject({
      kind: 'container',
      programs: '/app/programs',
      warning: undefined,
    })
    expect(existsSync(sandbox.socketPath)).toBe(true)
    await sandbox.close()
    const run =
      told()
        .split('\n')
        .find((line) => line.startsWith('run ')) ?? ''
    for (const want of [
      '--network none',
      '--read-only',
      '--cap-drop ALL',
      '--memory 2g',
      '--pull never',
    ])
      expect(run).toContain(want)
    expect(run).toMatch(/ guildhall\.dev\/agent:\S+ --disable-sigusr1 /)
    expect(told()).toMatch(/\nrm --force guild-try-/)
  },
)

test.each<[string, { inspect: number; run: number }, RegExp]>([
  ['does not hold the image', { inspect: 1, run: 0 }, /npm run -s images -- build agent builds it/],
  ['cannot start it', { inspect: 0, run: 125 }, /could not start the sandbox \(no room for it\)/],
])(
  'an engine that %s: a process, and a warning with the reason',
  patience,
  async (_, says, want) => {
    engine('docker', says)
    const sandbox = await startSandbox('auto', scratch(), options)
    expect(sandbox.kind).toBe('process')
    expect(sandbox.warning).toMatch(/runs as a process of yours, with your rights/)
    expect(sandbox.warning).toMatch(want)
    await sandbox.close()
  },
)

test('who insists on a container gets none that is none', patience, async () => {
  engine('docker', { inspect: 1, run: 0 })
  const started = startSandbox('container' satisfies SandboxKind, scratch(), options)
  await expect(started).rejects.toThrow(
    /a container was asked for, and there is none: docker answers/,
  )
})

test.each<[string, string, { inspect: number; run: number }, RegExp]>([
  ['no engine answers', 'none', { inspect: 0, run: 0 }, /^docker info .*--sandbox process$/],
  [
    'the image is not there',
    'docker',
    { inspect: 1, run: 0 },
    /^npm run -s images -- build agent /,
  ],
  ['the engine starts nothing', 'podman', { inspect: 0, run: 125 }, /^podman info /],
])('where %s, what comes next helps there', patience, async (_, name, says, want) => {
  engine(name, says)
  const started = startSandbox('container', scratch(), options)
  await expect(started).rejects.toMatchObject({
    reason: 'Unsupported',
    next: expect.stringMatching(want) as string,
  })
})

test('podman without root keeps the files the person’s', () => {
  const image = { kind: 'image', engine: 'podman', reference: 'x' } as const
  const places = { workspace: '/w', run: '/r' }
  const args = containerArguments(image, 'n', places, '/r/s', { uid: 1000, gid: 1000 }).join(' ')
  expect(args).toContain('--user 1000:1000 --userns keep-id')
})
