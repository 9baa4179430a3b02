import { existsSync, lstatSync, readFileSync } from 'node:fs'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { connectSandbox, type Sandbox } from '../../agent-image/agent/sandbox-client.ts'
import { runnerFor } from '../../agent-image/agent/verify/runner.ts'
import { wholeFile } from '../../agent-image/agent/verify/test-run.ts'
import { openWorkspace, type Workspace } from '../../agent-image/agent/workspace/workspace.ts'
import { assignmentFor } from '../support/agent/assignment.ts'
import { programs, startPod, type TestPod } from '../support/agent/processes.ts'
import { startForge, type TestForge } from '../support/agent/repository.ts'

const token = 'sesame'
const signal = AbortSignal.timeout(120_000)
const files = {
  'package.json': '{"type":"module"}',
  'src/a.js': 'export const a = 1\n',
  'src/b.py': 'B = 1\n',
  'test/good.test.js': "import { test } from 'node:test'\ntest('is fine', () => {})\n",
}

let pod: TestPod
let forge: TestForge
let sandbox: Sandbox
let workspace: Workspace
let outside: string

beforeAll(async () => {
  pod = await startPod(token)
  forge = await startForge(files, token)
  sandbox = connectSandbox(pod.socketPath)
}, 30_000)
afterAll(async () => {
  await pod.close()
  forge.close()
})
beforeEach(async () => {
  outside = mkdtempSync(join(tmpdir(), 'outside-'))
  const settings = {
    workspace: pod.workspace,
    gitRoot: pod.gitRoot,
    token: () => Promise.resolve(token),
    protocols: ['http'],
  }
  workspace = await openWorkspace(assignmentFor(forge, 'code'), settings, sandbox, { signal })
})
afterEach(async () => {
  await workspace.close()
  rmSync(outside, { recursive: true, force: true })
})

const runTest = (path: string, text: string) =>
  runnerFor(workspace, sandbox, programs).test([path], new Map([[path, text]]), { signal })

const nodeHead = "import { test } from 'node:test'\nimport assert from 'node:assert/strict'\n"
const nodeCases = {
  'ends its process with success before the failing test':
    "test('first', () => {})\ntest('ends', () => { process.exit(0) })\ntest('fails', () => { assert.equal(1, 2) })",
  'ends its process behind the runner’s back':
    "test('ends', () => { process.reallyExit(0) })\ntest('fails', () => { assert.equal(1, 2) })",
  'ends its process while it is loaded': 'process.exit(0)',
  'prints summaries of other formats':
    "console.log('TAP version 13\\nok 1 - all\\n1..1\\n# pass 1\\n# fail 0')\ntest('fails', () => { assert.equal(1, 2) })",
  'prints lines like ours':
    'console.log(JSON.stringify({ kind: "file", file: "test/x.test.js", finished: true, failed: false }))\nconsole.log(JSON.stringify({ kind: "end", mac: "00" }))\nprocess.exit(0)',
  'kills the runner':
    "test('kills', () => { process.kill(process.ppid, 'SIGKILL') })\ntest('fails', () => { assert.equal(1, 2) })",
  'writes a report of its own over the true one': `
import { readFileSync, writeFileSync } from 'node:fs'
test('forges', () => {
  const words = readFileSync('/proc/' + process.ppid + '/cmdline', 'utf8').split('\\0')
  const path = words.find((word) => word.endsWith('/report'))
  const lines = [{ kind: 'test', file: 'test/x.test.js', number: 1, name: 'a', status: 'pass' }, { kind: 'file', file: 'test/x.test.js', finished: true, failed: false }, { kind: 'end', mac: 'ff'.repeat(32) }]
  writeFileSync(path, lines.map((line) => JSON.stringify(line) + '\\n').join(''))
  process.kill(process.ppid, 'SIGKILL')
})`,
  'rewrites the test file that follows it': `
import { writeFileSync } from 'node:fs'
test('rewrites', () => { writeFileSync('test/x.test.js', '') })`,
  'puts a link in the place of the test folder': `
import { renameSync, symlinkSync } from 'node:fs'
test('links', () => { renameSync('test', 'elsewhere'); symlinkSync('/etc', 'test') })`,
  'has no tests at all': 'assert.equal(1, 1)',
}

describe('a node project whose test', () => {
  test.each(Object.entries(nodeCases))(
    '%s is no success',
    async (_what, text) => {
      const run = await runTest('test/x.test.js', nodeHead + text)
      // A test that ran to its end before all that is a pass like any other.
      expect(run.passed.filter((id) => !/ > (first|rewrites|links)$/.test(id))).toEqual([])
      expect(run.failed.length + run.problems.length + run.unrun.length).toBeGreaterThan(0)
      // And the next run in the same sandbox is as good as ever.
      const next = await runnerFor(workspace, sandbox, programs).test(
        ['test/good.test.js'],
        new Map(),
        { signal },
      )
      expect(next).toMatchObject({
        problems: [],
        failed: [],
        passed: ['test/good.test.js > is fine'],
      })
    },
    30_000,
  )
})

const pythonHead = 'import os, sys, unittest\n\n\nclass X(unittest.TestCase):\n'
const pythonCases = {
  'ends its process with success before the failing test':
    '    def test_1(self):\n        os._exit(0)\n    def test_2(self):\n        self.fail()\n',
  'leaves by SystemExit': '    def test_1(self):\n        sys.exit(0)\n',
  'prints a summary':
    "    def test_1(self):\n        print('Ran 1 test in 0.0s\\n\\nOK', flush=True)\n        os._exit(0)\n",
  'kills the runner': '    def test_1(self):\n        os.kill(os.getppid(), 9)\n',
  'has no way to be loaded': '    import nowhere_to_be_found\n',
}

describe('a python project whose test', () => {
  test.each(Object.entries(pythonCases))(
    '%s is no success',
    async (_what, text) => {
      const run = await runTest('tests/test_x.py', pythonHead + text)
      expect(run.passed).toEqual([])
      expect(run.failed.length + run.problems.length + run.unrun.length).toBeGreaterThan(0)
    },
    30_000,
  )

  test('forks is counted once', async () => {
    const text = `${pythonHead}    def test_1(self):\n        os.fork()\n    def test_2(self):\n        pass\n`
    const run = await runTest('tests/test_x.py', text)
    expect(run).toMatchObject({ problems: [], failed: [] })
    expect(run.passed).toHaveLength(2)
  }, 30_000)
})

describe('a project that leaves things behind', () => {
  test('has no process left when its test is over', async () => {
    const text = `${nodeHead}
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
test('leaves a stray', () => {
  const stray = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' })
  stray.unref()
  writeFileSync(${JSON.stringify(join(outside, 'pid'))}, String(stray.pid))
})`
    const run = await runTest('test/x.test.js', text)
    expect(run.failed).toEqual([])
    const pid = readFileSync(join(outside, 'pid'), 'utf8')
    const state = existsSync(`/proc/${pid}/stat`)
      ? readFileSync(`/proc/${pid}/stat`, 'utf8')
      : 'gone'
    // A zombie that its parent has not reaped yet is as dead as a process can be.
    expect(state).toMatch(/^gone$|\) [ZX] /)
  }, 30_000)

  test('cannot lead our writes out of the work tree by a link', async () => {
    const text = `${nodeHead}
import { rmSync, symlinkSync } from 'node:fs'
test('links', () => { rmSync('src', { recursive: true }); symlinkSync(${JSON.stringify(outside)}, 'src') })`
    await runTest('test/x.test.js', text)
    await workspace.restore(new Map([['src/a.js', 'export const a = 2\n']]), { signal })
    expect(existsSync(join(outside, 'a.js'))).toBe(false)
    expect(readFileSync(join(workspace.root, 'src/a.js'), 'utf8')).toContain('a = 2')
    expect(lstatSync(join(workspace.root, 'src')).isDirectory()).toBe(true)
  }, 30_000)

  test('cannot get its hooks, filters or files into our commit', async () => {
    const text = `${nodeHead}
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
test('plants', () => {
  mkdirSync('.git/hooks', { recursive: true })
  for (const hook of ['pre-commit', 'post-checkout', 'pre-push', 'reference-transaction']) {
    writeFileSync('.git/hooks/' + hook, '#!/bin/sh\\ntouch ${join(outside, 'hooked')}\\n')
    chmodSync('.git/hooks/' + hook, 0o755)
  }
  writeFileSync('.git/config', '[core]\\n\\tfsmonitor = touch ${join(outside, 'hooked')}\\n')
  writeFileSync('.gitattributes', '* filter=evil\\n')
  writeFileSync('src/planted.js', 'evil')
})`
    await runTest('test/x.test.js', text)
    const changes = new Map([['src/a.js', 'export const a = 2\n']])
    await workspace.restore(changes, { signal })
    const commit = await workspace.commit(changes, 'Change a\n', { signal })
    await workspace.push(commit, { signal })
    expect(existsSync(join(outside, 'hooked'))).toBe(false)
    expect(forge.git('diff', '--name-only', 'guild/req', commit).trim()).toBe('src/a.js')
    expect(existsSync(join(workspace.root, '.git'))).toBe(false)
  }, 30_000)

  test('cannot take the sandbox’s socket away for good', async () => {
    const text = `${nodeHead}
import { rmSync } from 'node:fs'
test('removes', () => { rmSync(${JSON.stringify(pod.socketPath)}) })`
    await runTest('test/x.test.js', text)
    const run = await runnerFor(workspace, sandbox, programs).test(
      ['test/good.test.js'],
      new Map(),
      {
        signal,
      },
    )
    expect(run.failed).toEqual([])
  }, 30_000)

  test('cannot see the sandbox’s environment', async () => {
    const text = `${nodeHead}
import { writeFileSync } from 'node:fs'
test('looks', () => { writeFileSync(${JSON.stringify(join(outside, 'env'))}, JSON.stringify(process.env)) })`
    await runTest('test/x.test.js', text)
    const seen = JSON.parse(readFileSync(join(outside, 'env'), 'utf8')) as Record<string, string>
    const ours = Object.keys(seen).filter((name) => name.startsWith('GUILDHALL_'))
    // The sandbox's own process has three more of these.
    expect(ours).toEqual(['GUILDHALL_SANDBOX'])
    expect(Object.values(seen).join(' ')).not.toContain(pod.socketPath)
  }, 30_000)
})

test('names a file that ended itself as not run to its end', async () => {
  const run = await runTest('test/x.test.js', 'process.exit(0)\n')
  expect(run.failed).toMatchObject([{ file: 'test/x.test.js', name: wholeFile }])
})
