// Where the project's code runs while `guild try` works: the sandbox program of the agent image, as
// a process of its own.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { basename, delimiter, dirname, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { sendRequest } from '../../agent-image/agent/http.ts'
import type { Clock } from '../../core/base/clock.ts'
import { CliError, TryTrouble } from '../failure.ts'
import { type NoImage, containerArguments, findImage } from './container.ts'
import type { Abortable } from '../../core/base/wait.ts'

/** Where a person wants project code to run; `auto` is a container where one can be had. */
export const sandboxKinds = ['auto', 'container', 'process'] as const
export type SandboxKind = (typeof sandboxKinds)[number]

export interface RunningSandbox {
  readonly kind: 'container' | 'process'
  readonly socketPath: string
  /** Folder for work trees; the sandbox sees it under the same name. */
  readonly workspace: string
  /** Folder of the runners, as the sandbox sees it. */
  readonly programs: string
  /** A sentence for the person; undefined for a container. */
  readonly warning: string | undefined
  close(): Promise<void>
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const startMs = 30_000

/**
 * Starts the sandbox on fresh folders below `folder`. Errors: `CliError` when a container is
 * insisted on and cannot be had, or when the sandbox does not start.
 */
export async function startSandbox(
  wanted: SandboxKind,
  folder: string,
  options: Options,
): Promise<RunningSandbox> {
  const places = {
    workspace: join(folder, 'workspace'),
    run: join(folder, 'run'),
    tmp: join(folder, 'tmp'),
  }
  for (const place of Object.values(places)) await mkdir(place, { recursive: true })
  if (wanted === 'process') return startProcess(folder, places, 'as asked', options)
  const contained = await startContainer(folder, places, options)
  if (contained.kind !== 'none') return contained
  const { why, next } = contained
  if (wanted === 'auto') return startProcess(folder, places, why, options)
  throw new TryTrouble('Unsupported', `a container was asked for, and there is none: ${why}`, {
    next: `${next}   or: guild try … --sandbox process`,
  })
}

type Options = Abortable & {
  readonly clock: Clock
  /** Top folder of the person's project: its virtual environment is looked for there. */
  readonly checkout: string
}

interface Places {
  readonly workspace: string
  readonly run: string
  readonly tmp: string
}

const socketIn = ({ run }: Places): string => join(run, 'sandbox.sock')

/** A sandbox that is started when it is first wanted, and closed once. */
export interface SandboxPlace {
  open(signal: AbortSignal): Promise<RunningSandbox>
  close(): Promise<void>
}

/** `onStart` hears of the sandbox when it runs, `onClose` before it is closed. */
export function sandboxPlace(
  wanted: SandboxKind,
  folder: string,
  { clock, checkout }: Omit<Options, 'signal'>,
  told: { readonly onStart: (sandbox: RunningSandbox) => void; readonly onClose: () => void },
): SandboxPlace {
  let running: RunningSandbox | undefined
  return {
    async open(signal) {
      if (running !== undefined) return running
      running = await startSandbox(wanted, folder, { signal, clock, checkout })
      told.onStart(running)
      return running
    },
    async close() {
      const sandbox = running
      running = undefined
      if (sandbox === undefined) return
      told.onClose()
      await sandbox.close()
    },
  }
}

/** Starts a container, or says why there is none. */
async function startContainer(
  folder: string,
  places: Places,
  options: Options,
): Promise<RunningSandbox | NoImage> {
  const found = await findImage(options)
  if (found.kind === 'none') return found
  const name = basename(folder).toLowerCase()
  const args = containerArguments(found, name, places, socketIn(places))
  const child = spawn(found.engine, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
  const remove = (): void => {
    spawnSync(found.engine, ['rm', '--force', name], { stdio: 'ignore' })
  }
  const close = closing(child, remove, options.clock)
  const problem = await waitFor(child, socketIn(places), options)
  if (problem !== undefined) {
    await close()
    options.signal.throwIfAborted()
    return {
      kind: 'none',
      why: `${found.engine} could not start the sandbox (${problem})`,
      next: `${found.engine} info   (it says what keeps containers from starting)`,
    }
  }
  return {
    kind: 'container',
    socketPath: socketIn(places),
    workspace: places.workspace,
    programs: '/app/programs',
    warning: undefined,
    close,
  }
}

async function startProcess(
  folder: string,
  places: Places,
  why: string,
  options: Options,
): Promise<RunningSandbox> {
  const python = await personsPython(options.checkout, options)
  const [command, args] = tied(belowInit([process.execPath, '--disable-sigusr1', program]))
  const child = spawn(command, args, {
    cwd: folder,
    env: {
      PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? '/usr/bin:/bin'}`,
      TMPDIR: places.tmp,
      GUILDHALL_SANDBOX_SOCKET: socketIn(places),
      GUILDHALL_WORKSPACE: places.workspace,
      ...(python === undefined ? {} : { GUILDHALL_SANDBOX_PYTHON: python.path }),
      ...(python?.userBase === undefined
        ? {}
        : { GUILDHALL_SANDBOX_PYTHON_USER_BASE: python.userBase }),
    },
    stdio: ['ignore', 'ignore', 'pipe'],
    // A terminal sends Ctrl-C to every process of its group. The sandbox is ended by us, in order.
    detached: true,
  })
  const close = closing(child, () => undefined, options.clock)
  const problem = await waitFor(child, socketIn(places), options)
  if (problem !== undefined) {
    await close()
    options.signal.throwIfAborted()
    throw new CliError(`the sandbox did not start: ${problem}`, {
      next: 'guild try --help   (--sandbox says where the project’s code runs)',
    })
  }
  return {
    kind: 'process',
    socketPath: socketIn(places),
    workspace: places.workspace,
    programs: join(root, 'agent-image/sandbox/programs'),
    warning: `The project's code, and the code that the model writes, runs as a process of yours, with your rights and your network: ${why}.`,
    close,
  }
}

const program = join(root, 'agent-image/sandbox/main.ts')

/**
 * As in the image: a first process that starts the server again when a command of the project ended
 * it.
 */
function belowInit(words: readonly [string, ...string[]]): readonly [string, ...string[]] {
  const python = ['/usr/bin/python3', '/usr/local/bin/python3'].find((path) => existsSync(path))
  if (process.platform !== 'linux' || python === undefined) return words
  return [python, '-I', '-S', join(root, 'agent-image/sandbox/sandbox-init.py'), ...words]
}

/** On Linux the kernel ends the sandbox when this process is killed and can end nothing itself. */
function tied([program, ...args]: readonly [string, ...string[]]): [string, readonly string[]] {
  const setpriv = '/usr/bin/setpriv'
  return existsSync(setpriv)
    ? [setpriv, ['--pdeathsig', 'KILL', '--', program, ...args]]
    : [program, args]
}

/**
 * Waits until the sandbox answers; returns why it does not: the last output of a program that
 * ended, or the time limit.
 */
async function waitFor(
  child: ChildProcess,
  socketPath: string,
  { signal, clock }: Options,
): Promise<string | undefined> {
  let said = ''
  const end: { why?: string } = {}
  child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)))
  child.once('error', (error) => (end.why = error.message))
  child.once('close', (code) => (end.why ??= said.trim().split('\n').at(-1) || `exit code ${code}`))
  const until = clock.monotonic() + startMs
  while (clock.monotonic() < until && end.why === undefined && !signal.aborted) {
    if (existsSync(socketPath) && (await isHealthy(socketPath, signal))) return undefined
    await clock.sleep(25, { signal }).catch(() => undefined)
  }
  return signal.aborted ? 'interrupted' : (end.why ?? `no answer within ${startMs / 1000} s`)
}

/** A socket may be there and lead nowhere: in a virtual machine, as engines on a Mac have it. */
async function isHealthy(socketPath: string, signal: AbortSignal): Promise<boolean> {
  try {
    const url = 'http://sandbox/healthz'
    const response = await sendRequest({ method: 'GET', url, socketPath }, { signal })
    response.drop()
    return response.status === 200
  } catch {
    return false
  }
}

const politeMs = 5000

/** Ends the program and its children, also when this process is made to end at once. */
function closing(child: ChildProcess, end: () => void, clock: Clock): () => Promise<void> {
  const kill = (how: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, how)
    } catch {
      // It has ended already.
    }
  }
  const atExit = (): void => {
    kill('SIGKILL')
    end()
  }
  process.once('exit', atExit)
  return async () => {
    const running = child.exitCode === null && child.signalCode === null && child.pid !== undefined
    if (running) {
      const gone = once(child, 'exit')
      // First politely: the sandbox ends the commands that it runs, which are in sessions of their
      // own.
      kill('SIGTERM')
      const cancel = clock.after(politeMs, () => kill('SIGKILL'))
      await gone
      cancel()
    }
    process.removeListener('exit', atExit)
    end()
  }
}

/** A Python that runs here, as it names itself. */
interface PersonsPython {
  /** Absolute path; in a virtual environment the one within it. */
  readonly path: string
  /**
   * Where the packages of the person alone are; undefined where this Python does not look at them.
   */
  readonly userBase: string | undefined
}

/** The runners are written for this and later ones. */
const least = '(3, 9)'
/** One that answers nothing within this time, in milliseconds, is passed over. */
const patienceMs = 10_000

/**
 * Programs on a PATH may be scripts that choose a Python by HOME and settings (pyenv, asdf), which
 * project code does not see.
 */
const question = `import site, sys
assert sys.version_info >= ${least}
print(sys.executable)
print(site.getuserbase() if site.ENABLE_USER_SITE else "")`

/**
 * The Python of the person for the project in `checkout`; undefined where there is none of 3.9 or
 * later.
 * Errors: none but the signal's reason.
 */
export async function personsPython(
  checkout: string,
  { signal }: Abortable,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<PersonsPython | undefined> {
  const own = ['.venv', 'venv']
    .map((name) => join(checkout, name))
    .filter((folder) => existsSync(join(folder, 'pyvenv.cfg')))
    .map((folder) => join(folder, 'bin', 'python3'))
  const onPath = (env['PATH'] ?? '')
    .split(delimiter)
    .filter(isAbsolute)
    .map((folder) => join(folder, 'python3'))
  for (const program of [...own, ...new Set(onPath)]) {
    if (!existsSync(program)) continue
    const result = await execa(program, ['-c', question], {
      cwd: '/',
      env: { ...env },
      extendEnv: false,
      reject: false,
      timeout: patienceMs,
      cancelSignal: signal,
      stdin: 'ignore',
    })
    signal.throwIfAborted()
    const [path = '', userBase = ''] = (result.stdout ?? '').split('\n')
    if (result.failed || !isAbsolute(path)) continue
    return { path, userBase: userBase === '' ? undefined : userBase }
  }
  return undefined
}
