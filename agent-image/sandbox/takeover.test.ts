// The sandbox's server against what it runs: a command of the same user that ends it, stops it, or
// takes its place.
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { connectSandbox, type Sandbox } from '../agent/sandbox-client.ts'
import { mayUnshare, startPod, type TestPod } from '../../test/support/agent/processes.ts'

vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 })

if (!mayUnshare) console.warn('not run: the sandbox as process 1, which needs root and unshare')

/**
 * The parent of the command's first process; prlimit becomes the command, so that is the server.
 */
const server = 'process.ppid'

describe.each([
  ['as a plain process', {}, true],
  ['as process 1 with a user of its own', { inNamespace: true }, mayUnshare],
] as const)('a sandbox %s', (_how, options, possible) => {
  const here = test.skipIf(!possible)
  let pod: TestPod
  let sandbox: Sandbox
  beforeAll(async () => {
    if (!possible) return
    pod = await startPod('t', options)
    sandbox = connectSandbox(pod.socketPath)
  })
  afterAll(() => pod?.close())

  const signal = AbortSignal.timeout(600_000)
  const js = (code: string, timeoutSeconds = 20) =>
    sandbox.exec({ argv: ['node', '-e', code], cwd: pod.workspace, timeoutSeconds }, { signal })
  const python = (code: string) =>
    sandbox.exec(
      { argv: ['python3', '-c', code], cwd: pod.workspace, timeoutSeconds: 20 },
      { signal },
    )
  const stillWorks = async () => {
    const honest = await js('console.log(6 * 7); process.exit(process.ppid > 0 ? 5 : 0)')
    expect(honest).toMatchObject({ exitCode: 5, stdout: '42\n', timedOut: false })
  }

  here.each(['SIGKILL', 'SIGTERM', 'SIGSTOP', 'SIGINT', 'SIGQUIT', 'SIGSEGV', 'SIGHUP', 'SIGABRT'])(
    'is ended with %s by a command: the command has failed, and the next one runs',
    async (name) => {
      const result = await js(`process.kill(${server}, '${name}'); setTimeout(() => {}, 5000)`, 10)
      expect(result.exitCode).toBeUndefined()
      expect(result.signal).toBe('SIGKILL')
      await stillWorks()
    },
  )

  here('is stopped and let go on again and again: the command has failed', async () => {
    const code = `setInterval(() => { process.kill(${server}, 'SIGSTOP'); process.kill(${server}, 'SIGCONT') }, 1); setTimeout(() => process.exit(0), 3000)`
    expect((await js(code)).exitCode).toBeUndefined()
    await stillWorks()
  })

  here.each(['SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGPIPE', 'SIGCONT'])(
    'opens no inspector at %s',
    async (name) => {
      const code = `process.kill(${server}, '${name}'); setTimeout(() => fetch('http://127.0.0.1:9229/json').then(() => process.exit(9), () => process.exit(3)), 1000)`
      const result = await js(code)
      // SIGUSR2 ends a server that has no handler for it, as any program.
      expect([3, undefined]).toContain(result.exitCode)
      await stillWorks()
    },
  )

  here('does not believe who listens in its place after it was killed', async () => {
    const forged = JSON.stringify({
      exitCode: 0,
      timedOut: false,
      stdout: '',
      stderr: '',
      report: 'forged',
      strays: 0,
      durationMs: 1,
    })
    // The listener ran away from the command, and holds the path before the server dies.
    const listener = `
      const http = require('http'); const fs = require('fs')
      fs.renameSync(${JSON.stringify('SOCKET')}, ${JSON.stringify('SOCKET')} + '.true')
      http.createServer((q, r) => { q.resume(); r.writeEarlyHints({ link: '</exec>; rel=self', 'x-guildhall-signature': 'AAAA' }); r.setHeader('x-guildhall-signature', 'AAAA'); r.end(${JSON.stringify(forged)}) })
        .listen(${JSON.stringify('SOCKET')}, () => { process.kill(Number(process.argv[1]), 'SIGSTOP') })
      setInterval(() => {}, 1000)`.replaceAll('SOCKET', pod.socketPath)
    const code = `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(listener)}, String(${server})], { detached: true, stdio: 'ignore', env: {} }).unref(); setTimeout(() => {}, 8000)`
    const result = await js(code)
    expect(result.report).not.toBe('forged')
    expect(result.exitCode).not.toBe(0)
    await stillWorks()
  })

  here.each([
    [
      'a folder that cannot be removed file by file',
      "const fs=require('fs'); fs.rmSync(S); process.chdir(require('path').dirname(S)); fs.mkdirSync(S); process.chdir(S); for (let i=0;i<1500;i++) { fs.mkdirSync('d'.repeat(200)); process.chdir('d'.repeat(200)) }",
    ],
    ['nothing', "require('fs').rmSync(S)"],
    ['a link to nowhere', "const fs=require('fs'); fs.rmSync(S); fs.symlinkSync('/nowhere', S)"],
    ['a fifo', "require('fs').rmSync(S); require('child_process').execFileSync('mkfifo', [S])"],
  ])('finds %s in the place of its socket and comes back', async (_what, code) => {
    const result = await js(
      code
        .replaceAll('S)', `${JSON.stringify(pod.socketPath)})`)
        .replaceAll('[S]', `[${JSON.stringify(pod.socketPath)}]`)
        .replaceAll('(S,', `(${JSON.stringify(pod.socketPath)},`),
    )
    expect(result).toMatchObject({ exitCode: 0 })
    await stillWorks()
  })

  const inside = test.skipIf(!possible || !('inNamespace' in options))

  inside.each([
    ['SIGTERM', "process.kill(1, 'SIGTERM')"],
    ['SIGINT', "process.kill(1, 'SIGINT')"],
    ['SIGKILL', "process.kill(1, 'SIGKILL')"],
    ['SIGSTOP', "process.kill(1, 'SIGSTOP')"],
    ['SIGHUP and SIGUSR1', "process.kill(1, 'SIGHUP'); process.kill(1, 'SIGUSR1')"],
    ['a real-time signal', 'process.kill(1, 40)'],
    ['1,000 times SIGTERM', "for (let i = 0; i < 1000; i++) process.kill(1, 'SIGTERM')"],
    ['SIGCHLD', "process.kill(1, 'SIGCHLD')"],
  ])('cannot be ended through process 1 with %s', async (_what, code) => {
    const result = await js(`${code}; setTimeout(() => process.exit(4), 500)`)
    expect(result).toMatchObject({ exitCode: 4 })
    await stillWorks()
  })

  inside(
    'does not believe a signal that names a sender outside, even when no signal can be queued',
    async () => {
      const code = `
import ctypes, os, signal, time
libc = ctypes.CDLL(None, use_errno=True)
class Info(ctypes.Structure):
    _fields_ = [('signo', ctypes.c_int), ('errno', ctypes.c_int), ('code', ctypes.c_int), ('pad', ctypes.c_int), ('pid', ctypes.c_int), ('uid', ctypes.c_uint), ('rest', ctypes.c_char * 104)]
def queue(pid, number, code):
    return libc.syscall(129 if os.uname().machine == 'x86_64' else 138, pid, number, ctypes.byref(Info(number, 0, code, 0, 0, 0)))
assert queue(1, 15, -1) == 0
assert queue(1, 15, 0) == -1, 'a sender cannot claim to be kill()'
signal.pthread_sigmask(signal.SIG_BLOCK, range(34, 64))
full = 0
while queue(os.getpid(), 40, -1) == 0: full += 1
assert 0 < full <= 1024, full
for _ in range(100): queue(1, 15, -1)
time.sleep(0.5)
print('still here')
`
      expect(await python(code)).toMatchObject({ exitCode: 0, stdout: 'still here\n' })
      await stillWorks()
    },
  )

  inside.each(['server', 'init'])(
    'lets no command read or write the memory of its %s',
    async (who) => {
      const pid = who === 'server' ? server : '1'
      const code = `const fs = require('fs'); for (const [name, flags] of [['mem', 'r+'], ['mem', 'r'], ['environ', 'r'], ['maps', 'r']]) { try { const f = fs.openSync('/proc/' + ${pid} + '/' + name, flags); if (fs.readSync(f, Buffer.alloc(64)) >= 0) console.log('READ', name) } catch (e) { console.log(e.code) } } try { fs.readdirSync('/proc/' + ${pid} + '/fd'); console.log('LISTED') } catch (e) { console.log(e.code) }`
      expect((await js(code)).stdout).toMatch(/^(?:EACCES\n|EPERM\n){5}$/)
    },
  )

  inside('ends everything but itself when a command kills all it can', async () => {
    expect((await js("process.kill(-1, 'SIGKILL')")).exitCode).toBeUndefined()
    await stillWorks()
  })

  inside('keeps no zombies of processes that lost their parent', async () => {
    const leave =
      "for (let i = 0; i < 5; i++) require('child_process').spawn('sleep', ['60'], { detached: true, stdio: 'ignore' }).unref()"
    for (let run = 0; run < 5; run++) await js(leave)
    const count =
      "const fs = require('fs'); console.log(fs.readdirSync('/proc').filter((n) => /^\\d+$/.test(n)).length)"
    await vi.waitFor(async () => expect(Number((await js(count)).stdout)).toBeLessThanOrEqual(3))
  })

  inside('outlives a fork bomb, which has failed', async () => {
    const bomb =
      "const f = () => { for (;;) require('child_process').spawn('sh', ['-c', 'b() { b | b & }; b; sleep 9'], { detached: true, stdio: 'ignore' }); }; f()"
    const began = performance.now()
    const result = await js(bomb, 20)
    expect(result.exitCode).not.toBe(0)
    expect(performance.now() - began).toBeLessThan(40_000)
    await stillWorks()
  })

  // The last two: the sandbox is gone after them.
  inside('ends at a SIGTERM from outside, as the kubelet sends it', async () => {
    const children = readFileSync(`/proc/${pod.sandboxPid}/task/${pod.sandboxPid}/children`, 'utf8')
    const running = js('setInterval(() => {}, 9)').catch(() => undefined)
    await new Promise((resolve) => setTimeout(resolve, 500))
    process.kill(Number(children), 'SIGTERM')
    expect(await pod.sandboxExited).toBe(0)
    void running
  })

  test.skipIf('inNamespace' in options)('ends at SIGTERM as a plain process', async () => {
    process.kill(pod.sandboxPid, 'SIGTERM')
    expect(await pod.sandboxExited).toBe(0)
  })
})
