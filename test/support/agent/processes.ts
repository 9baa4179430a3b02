// Starts the image's two programs as real processes, and stops exactly those.
import { type ChildProcess, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const image = fileURLToPath(new URL('../../../agent-image/', import.meta.url))
export const programs = join(image, 'sandbox/programs')
const python = ['/usr/bin/python3', '/usr/local/bin/python3'].find((path) => existsSync(path))

/** A folder that stands for a Pod's volumes. */
export interface TestPod {
  readonly workspace: string
  readonly gitRoot: string
  readonly socketPath: string
  readonly tokenFile: string
  /** The output of the sandbox process. */
  sandboxOutput(): string
  /** The process that was started for the sandbox; in a namespace, the parent of its process 1. */
  readonly sandboxPid: number
  readonly sandboxExited: Promise<number | null>
  /** Starts the agent program; resolves with its exit code. */
  startAgent(env: Readonly<Record<string, string>>): {
    readonly pid: number
    readonly exited: Promise<number | null>
    output(): string
    signal(name: NodeJS.Signals): void
    stop(): void
  }
  close(): Promise<void>
}

/** The users of a real Pod; only root can become them. */
const users = { agent: 10_001, sandbox: 10_002, group: 10_000 } as const

/** Whether this user may start a Pod `inNamespace`. */
export const mayUnshare = process.getuid?.() === 0 && existsSync('/usr/bin/unshare')

/**
 * Starts a sandbox on a fresh folder. `token` is what the agent's token file holds. With `twoUsers`
 * both programs run as the users they have in a Pod, on volumes that only their common group may
 * write. With `inNamespace` the sandbox besides has processes, /dev/shm and IPC of its own, in
 * which it is process 1.
 */
export async function startPod(
  token: string,
  {
    twoUsers: asUsers = false,
    inNamespace = false,
  }: { readonly twoUsers?: boolean; readonly inNamespace?: boolean } = {},
): Promise<TestPod> {
  const twoUsers = asUsers || inNamespace
  const root = mkdtempSync(join(tmpdir(), 'pod-'))
  const workspace = join(root, 'workspace')
  const gitRoot = join(root, 'git')
  const socketPath = join(root, 'run', 'sandbox.sock')
  const tokenFile = join(root, 'token')
  for (const path of [workspace, gitRoot, join(root, 'run'), join(root, 'tmp')]) mkdirSync(path)
  writeFileSync(tokenFile, `${token}\n`)
  if (twoUsers) {
    chmodSync(root, 0o755)
    for (const path of [workspace, join(root, 'run')]) {
      chownSync(path, 0, users.group)
      chmodSync(path, 0o2775)
    }
    chownSync(gitRoot, users.agent, users.group)
    chmodSync(join(root, 'tmp'), 0o1777)
  }
  const started: ChildProcess[] = []
  const start = (program: string, env: Readonly<Record<string, string>>) => {
    // Tests that are killed must not leave agents behind that call a hub without end.
    const setpriv = '/usr/bin/setpriv'
    const tied = existsSync(setpriv) ? [setpriv, '--pdeathsig', 'KILL', '--'] : []
    // As in the image, but for process 1, which only a namespace has.
    const init = join(image, 'sandbox/sandbox-init.py')
    const below =
      program === 'sandbox/main.ts' && python !== undefined ? [python, '-I', '-S', init] : []
    const words = [...tied, ...below, process.execPath, join(image, program)]
    const user = program.startsWith('agent') ? users.agent : users.sandbox
    const become = ['setpriv', `--reuid=${user}`, `--regid=${user}`, `--groups=${users.group}`]
    // The shell becomes the first process of the namespace and then, by way of setpriv, the
    // program.
    const mounts = 'mount -t tmpfs -o mode=1777 tmpfs /dev/shm && exec "$@"'
    const apart = ['unshare', '--pid', '--fork', '--ipc', '--mount-proc', 'sh', '-c', mounts, 'sh']
    const [command = '', ...rest] = [
      ...(inNamespace && program.startsWith('sandbox') ? apart : []),
      ...(twoUsers ? become : []),
      ...words,
    ]
    const child = spawn(command, rest, {
      env: { PATH: process.env['PATH'], TMPDIR: join(root, 'tmp'), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    started.push(child)
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()))
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
    return { child, exited, output: () => text }
  }
  const sandbox = start('sandbox/main.ts', {
    GUILDHALL_SANDBOX_SOCKET: socketPath,
    GUILDHALL_WORKSPACE: workspace,
  })
  for (let waited = 0; !existsSync(socketPath); waited += 20) {
    if (waited > 15_000) throw new Error(`the sandbox did not start: ${sandbox.output()}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return {
    workspace,
    gitRoot,
    socketPath,
    tokenFile,
    sandboxOutput: sandbox.output,
    sandboxPid: sandbox.child.pid ?? 0,
    sandboxExited: sandbox.exited,
    startAgent(env) {
      const agent = start('agent/main.ts', {
        GUILDHALL_TOKEN_FILE: tokenFile,
        GUILDHALL_WORKSPACE: workspace,
        GUILDHALL_GIT: gitRoot,
        GUILDHALL_SANDBOX_SOCKET: socketPath,
        GUILDHALL_SANDBOX_PROGRAMS: programs,
        ...env,
      })
      const signal = (name: NodeJS.Signals): void => void agent.child.kill(name)
      return {
        pid: agent.child.pid ?? 0,
        exited: agent.exited,
        output: agent.output,
        signal,
        stop: () => signal('SIGTERM'),
      }
    },
    async close() {
      for (const child of started) if (child.exitCode === null) child.kill('SIGKILL')
      for (const child of started)
        if (child.exitCode === null && child.signalCode === null)
          await new Promise((resolve) => child.once('exit', resolve))
      rmSync(root, { recursive: true, force: true })
    },
  }
}
