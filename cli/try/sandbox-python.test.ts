// Which Python runs a project of the person's: theirs, not the one that the system has at a fixed
// place.
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { connectSandbox } from '../../agent-image/agent/sandbox-client.ts'
import { systemClock } from '../../core/base/clock.ts'
import { personsPython, startSandbox } from './sandbox.ts'

const signal = new AbortController().signal
const patience = { timeout: 60_000 }

function scratch(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'guild-try-')))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const venv = (folder: string): string => {
  execFileSync('python3', ['-m', 'venv', '--without-pip', folder])
  return folder
}

/** A program `python3` in a folder of its own. */
function program(script: string): string {
  const folder = scratch()
  writeFileSync(join(folder, 'python3'), `#!/bin/sh\n${script}\n`)
  chmodSync(join(folder, 'python3'), 0o755)
  return folder
}

const asks = async (PATH: string, checkout = scratch()): Promise<string | undefined> =>
  (await personsPython(checkout, { signal }, { PATH, HOME: '/nowhere' }))?.path

test('the first on the PATH, by the name that it has itself', patience, async () => {
  const other = venv(scratch())
  expect(await asks(`${other}/bin:/usr/bin`)).toBe(`${other}/bin/python3`)
  const shim = program(`exec ${other}/bin/python3 "$@"`)
  expect(await asks(`${shim}:/usr/bin`)).toBe(`${other}/bin/python3`)
})

test.each(['.venv', 'venv'])('the %s of the project before all others', patience, async (name) => {
  const checkout = scratch()
  venv(join(checkout, name))
  expect(await asks('/usr/bin', checkout)).toBe(join(checkout, name, 'bin/python3'))
})

test.each([
  ['is too old', 'exit 1'],
  ['says nothing', 'exit 0'],
  ['is not installed behind its shim', 'echo "pyenv: python3: command not found" >&2; exit 127'],
])('one that %s is passed over', patience, async (_, script) => {
  const other = venv(scratch())
  expect(await asks(`${program(script)}:${other}/bin`)).toBe(`${other}/bin/python3`)
})

test('none is no mistake', async () => {
  expect(await asks(scratch())).toBeUndefined()
  expect(await asks('')).toBeUndefined()
})

test('commands of a process find its packages, and the words name it', patience, async () => {
  const checkout = scratch()
  const own = venv(join(checkout, '.venv'))
  const [site = ''] = execFileSync(join(own, 'bin/python3'), [
    '-c',
    'import sysconfig; print(sysconfig.get_path("purelib"))',
  ])
    .toString()
    .split('\n')
  mkdirSync(site, { recursive: true })
  writeFileSync(join(site, 'only_here.py'), 'word = "found"\n')
  vi.stubEnv('VIRTUAL_ENV', '')
  onTestFinished(() => void vi.unstubAllEnvs())
  const sandbox = await startSandbox('process', scratch(), { signal, clock: systemClock, checkout })
  onTestFinished(() => sandbox.close())
  const client = connectSandbox(sandbox.socketPath)
  const code = 'import only_here, os; print(only_here.word, os.environ["GUILDHALL_PYTHON"])'
  const result = await client.exec(
    { argv: ['python3', '-I', '-c', code], cwd: sandbox.workspace, timeoutSeconds: 20 },
    { signal },
  )
  expect(result.stdout + result.stderr).toContain(`found ${join(own, 'bin/python3')}`)
})
