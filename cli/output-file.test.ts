// Kind: a file that a command writes at its end is looked at before the work, and nothing is written by looking.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { showPlan } from './commands/plan.ts'
import { refuseUnwritable } from './output-file.ts'
import { processTerminal } from './terminal.ts'

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
