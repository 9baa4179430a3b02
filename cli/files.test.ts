// Kind: a file that a command writes at its end is looked at before the work, and nothing is
// written by looking.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { showPlan } from './commands/plan.ts'
import {
  closeScratch,
  keepScratch,
  openScratch,
  refuseUnwritable,
  removeOldScratch,
} from './files.ts'
import { processTerminal } from './terminal.ts'
import { execa } from 'execa'

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'guild-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, 'folder'))
  writeFileSync(join(folder, 'file'), 'x')
  return folder
}
const use = (cwd: string) => ({ cwd, flag: '--save', command: 'plan' })

test.each([
  ['missing/x.yaml', /^missing\/x\.yaml cannot be written: the folder .*\/missing does not exist$/],
  ['folder', /: it is a folder, not a file$/],
  ['file/x.yaml', /: a part of its path is a file, not a folder$/],
  ['', /: it has no name$/],
  [`${'x'.repeat(300)}.yaml`, /: its name is too long$/],
])('%s is refused', async (file, want) => {
  await expect(refuseUnwritable(file, use(scratch()))).rejects.toThrow(want)
  await expect(refuseUnwritable(file, use(scratch()))).rejects.toMatchObject({
    exitCode: 2,
    next: 'guild plan --help   (--save takes the path of a file)',
  })
})

test.each(['new.yaml', 'file', 'folder/new.yaml'])('%s is taken', async (file) => {
  const cwd = scratch()
  const there = existsSync(join(cwd, file))
  await refuseUnwritable(file, use(cwd))
  expect(existsSync(join(cwd, file))).toBe(there)
})

test('no model is asked for a plan that cannot be saved', async () => {
  const signal = new AbortController().signal
  const flags = { request: 'Add x', ollama: 'http://127.0.0.1:9', save: '/nonexistent/x.yaml' }
  const plan = showPlan({ terminal: processTerminal({}), signal, cwd: scratch(), flags })
  await expect(plan).rejects.toThrow(
    '/nonexistent/x.yaml cannot be written: the folder /nonexistent does not exist',
  )
})

// Kind: a folder of a command is gone when the command has ended, whichever way it ended.

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'scratch-test-'))
  vi.stubEnv('TMPDIR', home)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(home, { recursive: true, force: true })
})

const module = join(import.meta.dirname, 'scratch.ts')

describe('a process leaves nothing behind', () => {
  test.each([
    ['that ends', ''],
    ['that is ended at once, as by a second Ctrl-C', 'process.exit(130)'],
    ['that fails', 'throw new Error("no")'],
  ])('%s', async (_, end) => {
    const program = `
      const { openScratch } = await import(${JSON.stringify(module)})
      const { writeFileSync } = await import('node:fs')
      writeFileSync(await openScratch('guild-x-') + '/a', '')
      ${end}`
    await execa(process.execPath, ['--input-type=module', '-e', program], {
      env: { TMPDIR: home },
      reject: false,
    })
    expect(readdirSync(home)).toEqual([])
  })
})

test('what is closed is gone, and what a person was told of stays', async () => {
  const [one, other] = [await openScratch('guild-a-'), await openScratch('guild-b-')]
  writeFileSync(join(other, 'x.diff'), 'x')
  keepScratch(other)
  await closeScratch(one)
  await closeScratch(other)
  expect([existsSync(one), existsSync(join(other, 'x.diff'))]).toEqual([false, true])
})

test('what was kept longer than a week ago goes, and nothing else', async () => {
  const now = Date.UTC(2026, 10, 23)
  const make = (name: string, days: number): void => {
    mkdirSync(join(home, name))
    const at = new Date(now - days * 86_400_000)
    utimesSync(join(home, name), at, at)
  }
  make('guild-diff-old', 8)
  make('guild-diff-new', 6)
  make('guild-try-killed', 30)
  make('somebody-else', 90)
  writeFileSync(join(home, 'guild-diff-file'), '')
  utimesSync(join(home, 'guild-diff-file'), new Date(0), new Date(0))
  await removeOldScratch(['guild-diff-', 'guild-try-'], { now: () => now })
  expect(readdirSync(home).toSorted()).toEqual([
    'guild-diff-file',
    'guild-diff-new',
    'somebody-else',
  ])
})

test('a place where none can be made is named with a way out', async () => {
  vi.stubEnv('TMPDIR', join(home, 'nowhere'))
  await expect(openScratch('guild-x-')).rejects.toMatchObject({
    message: expect.stringContaining('no folder can be made in') as string,
    next: expect.stringContaining('TMPDIR=/var/tmp guild') as string,
  })
})
