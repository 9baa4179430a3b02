import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { startPod, type TestPod } from '../../test/support/agent/processes.ts'
import { type ExecRequest, execResult } from './exec-protocol.ts'

// Real processes on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

let pod: TestPod
beforeAll(async () => {
  pod = await startPod('t')
}, 30_000)
afterAll(() => pod.close())

function post(path: string, body: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: pod.socketPath, path, method: 'POST' }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

async function exec(argv: string[], more: Partial<ExecRequest> = {}) {
  const body = { argv, cwd: pod.workspace, timeoutSeconds: 20, ...more }
  const { status, text } = await post('/exec', JSON.stringify(body))
  if (status !== 200) throw new Error(`${status} ${text}`)
  return execResult.parse(JSON.parse(text))
}

const js = (code: string): string[] => ['node', '-e', code]

test('gives exit code, output and the report file', async () => {
  const code =
    "process.stdout.write('out'); process.stderr.write('err'); require('fs').writeFileSync(process.argv[1], 'told'); process.exit(3)"
  const result = await exec(['node', '-e', code, '{report}'])
  expect(result).toMatchObject({
    exitCode: 3,
    stdout: 'out',
    stderr: 'err',
    report: 'told',
    timedOut: false,
  })
})

test('hands the standard input over', async () => {
  const result = await exec(js('process.stdin.pipe(process.stdout)'), { stdin: 'key' })
  expect(result.stdout).toBe('key')
})

test('hands 1 MiB of standard input over', async () => {
  const code =
    "let n = 0; process.stdin.on('data', (c) => { n += c.length }).on('end', () => console.log(n))"
  const result = await exec(js(code), { stdin: 'ü'.repeat(500_000) })
  expect(result.stdout).toBe('1000000\n')
})

test.each([
  ['a report of 30 MiB', 'a'.repeat(100), 30 * 1024 * 1024, true],
  ['a report of 33 MiB', 'a'.repeat(100), 33 * 1024 * 1024, false],
  ['a report whose JSON is too long for an answer', '\\0'.repeat(100), 20 * 1024 * 1024, false],
])('gives %s back, or nothing', async (_what, text, bytes, want) => {
  const code = `require('fs').writeFileSync(process.argv[1], '${text}'.repeat(${bytes} / 100))`
  const result = await exec(['node', '-e', code, '{report}'])
  expect(result.exitCode).toBe(0)
  expect(result.report?.length).toBe(want ? Math.floor(bytes / 100) * 100 : undefined)
})

test.each([
  ['a fifo', "require('child_process').execFileSync('mkfifo', [R])"],
  [
    'a fifo that a stray holds open',
    "require('child_process').execFileSync('mkfifo', [R]); require('child_process').spawn('sh', ['-c', 'exec 3<>\"$0\"; sleep 50', R], { detached: true, stdio: 'ignore', env: {} }).unref(); setTimeout(() => {}, 300)",
  ],
  ['a link to a file', "require('fs').symlinkSync('/etc/passwd', R)"],
  ['a link to a device without end', "require('fs').symlinkSync('/dev/zero', R)"],
  ['a folder', "require('fs').mkdirSync(R)"],
  [
    'a socket',
    "require('net').createServer().listen(R, () => setTimeout(() => process.exit(), 100))",
  ],
  [
    'a link in the place of its folder',
    "const fs = require('fs'); const d = process.env.TMPDIR; fs.rmdirSync(d); fs.symlinkSync('/etc', d)",
  ],
])('takes %s in the report’s place for no report', async (_what, code) => {
  const result = await exec(['node', '-e', `const R = process.argv[1]; ${code}`, '{report}'])
  expect(result).toMatchObject({ exitCode: 0, stderr: '', timedOut: false })
  expect(result.report).toBeUndefined()
  expect((await exec(['true'])).exitCode).toBe(0)
})

test('takes words as words: there is no shell', async () => {
  const result = await exec(['echo', '$HOME; `id` | cat > x'])
  expect(result.stdout).toBe('$HOME; `id` | cat > x\n')
})

test('stops a command and its children when the time is over', async () => {
  const code =
    "const c = require('child_process').spawn(process.execPath, ['-e', 'setInterval(()=>{},9)'], {stdio:'ignore'}); console.log(c.pid); setInterval(()=>{},9)"
  const result = await exec(js(code), { timeoutSeconds: 1 })
  expect(result).toMatchObject({ timedOut: true, signal: 'SIGKILL' })
  expect(isAlive(Number(result.stdout))).toBe(false)
})

test('keeps the head and the tail of long output', async () => {
  const result = await exec(js("process.stdout.write('a' + 'x'.repeat(100000) + 'z')"), {
    outputBytes: 1000,
  })
  expect(result.stdout.length).toBeLessThan(1100)
  expect(result.stdout).toMatch(/^a[\s\S]*\[99002 bytes left out\][\s\S]*z$/)
})

test('says so when the program is not there', async () => {
  const result = await exec(['no-such-program'])
  expect(result.exitCode).toBe(127)
})

test('runs one command at a time', async () => {
  const log = join(pod.workspace, 'order')
  const code = `const fs=require('fs'); fs.appendFileSync('${log}','<'); setTimeout(()=>fs.appendFileSync('${log}','>'), 300)`
  await Promise.all([exec(js(code)), exec(js(code)), exec(js(code))])
  expect(readFileSync(log, 'utf8')).toBe('<><><>')
})

test('kills what runs on a reset and removes a folder', async () => {
  mkdirSync(join(pod.workspace, 'gone/deep'), { recursive: true })
  const running = exec(js('setInterval(()=>{},9)'))
  await new Promise((resolve) => setTimeout(resolve, 300))
  const reset = await post('/reset', JSON.stringify({ remove: join(pod.workspace, 'gone') }))
  expect(reset.status).toBe(200)
  expect(await running).toMatchObject({ signal: 'SIGKILL', timedOut: false })
  expect((await exec(['ls'])).stdout).not.toContain('gone')
})

const cwd = '/'
const good = { argv: ['true'], timeoutSeconds: 5 }
test.each([
  ['text that is not JSON', '{'],
  ['an empty body', ''],
  ['a list', '[]'],
  ['no command', JSON.stringify({ ...good, argv: [], cwd })],
  ['a folder outside of the workspace', JSON.stringify({ ...good, cwd })],
  ['a folder that climbs out', JSON.stringify({ ...good, cwd: 'WORKSPACE/../..' })],
  ['a link that leads out', JSON.stringify({ ...good, cwd: 'WORKSPACE/link' })],
  ['a folder that is not there', JSON.stringify({ ...good, cwd: 'WORKSPACE/nowhere' })],
  [
    'a variable that is not allowed',
    JSON.stringify({ ...good, cwd: 'WORKSPACE', env: { LD_PRELOAD: 'x' } }),
  ],
  ['a field it does not know', JSON.stringify({ ...good, cwd: 'WORKSPACE', shell: true })],
  [
    'more than 2 MiB',
    JSON.stringify({ ...good, cwd: 'WORKSPACE', stdin: 'x'.repeat(2_200_000) }),
    413,
  ],
  [
    'more than 1 MiB for the standard input',
    JSON.stringify({ ...good, cwd: 'WORKSPACE', stdin: 'x'.repeat(1_048_577) }),
  ],
])('refuses %s and lives on', async (_what, body, status = 400) => {
  writeFileSync(join(pod.workspace, 'file'), '')
  try {
    symlinkSync('/etc', join(pod.workspace, 'link'))
  } catch {
    // It is there from the case before.
  }
  const answer = await post('/exec', body.replaceAll('WORKSPACE', pod.workspace))
  expect(answer.status).toBe(status)
  expect((await exec(['true'])).exitCode).toBe(0)
})

test('refuses to remove the workspace itself, or anything outside', async () => {
  for (const remove of [pod.workspace, '/tmp', `${pod.workspace}/..`])
    expect((await post('/reset', JSON.stringify({ remove }))).status).toBe(400)
  expect((await exec(['ls'])).stdout).toContain('file')
})

function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
