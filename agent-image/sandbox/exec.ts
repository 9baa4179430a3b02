// Runs one command: no shell, own process group, fixed environment, everything it started is dead afterwards.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, readFile, realpath, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, isAbsolute, join, sep } from 'node:path'
import { BoundedOutput } from './bounded-output.ts'
import { type CheckedExecRequest, type ExecResult, reportPlaceholder } from './exec-protocol.ts'
import { killStrays } from './process-table.ts'

/** The caller asked for something that is not allowed; `message` says what. */
export class RefusedExec extends Error {
  readonly code = 'Refused'
}

/** Where commands may run, and whose processes are ours. */
export interface ExecSettings {
  readonly workspace: string
  /** `NAME=value`, unlike any other sandbox's: in the environment of every command, so that strays are known by it. */
  readonly marker: string
  /** See `StrayRule.ownsNamespace`. */
  readonly ownsNamespace: boolean
}

const reportLimitBytes = 8 * 1024 * 1024
const prlimit = ['/usr/bin/prlimit', '/bin/prlimit'].find((path) => existsSync(path))

/**
 * Runs `request` and waits for its end, its time-out or `signal`.
 * Throws `RefusedExec` when `cwd` is not within the workspace. A program that cannot be started is a result (127).
 */
export async function runCommand(
  request: CheckedExecRequest,
  settings: ExecSettings,
  options: { readonly signal: AbortSignal },
): Promise<ExecResult> {
  const cwd = await insideWorkspace(request.cwd, settings.workspace)
  const scratch = await mkdtemp(join(tmpdir(), 'exec-'))
  await chmod(scratch, 0o700)
  try {
    return await runIn(scratch, cwd, request, settings, options.signal)
  } finally {
    await rm(scratch, { recursive: true, force: true }).catch(() => undefined)
  }
}

/** The real path of `path`, when that is the workspace or lies below it; throws `RefusedExec` otherwise. */
export async function insideWorkspace(path: string, workspace: string): Promise<string> {
  if (!isAbsolute(path)) throw new RefusedExec('the folder must be an absolute path')
  const root = await realpath(workspace)
  const real = await realpath(path).catch(() => {
    throw new RefusedExec('the folder does not exist')
  })
  if (real !== root && !real.startsWith(root + sep))
    throw new RefusedExec('the folder is not within the workspace')
  return real
}

async function runIn(
  scratch: string,
  cwd: string,
  request: CheckedExecRequest,
  settings: ExecSettings,
  signal: AbortSignal,
): Promise<ExecResult> {
  const startedAt = performance.now()
  const reportPath = join(scratch, 'report')
  const stdout = new BoundedOutput(request.outputBytes)
  const stderr = new BoundedOutput(request.outputBytes)
  const argv = request.argv.map((word) => (word === reportPlaceholder ? reportPath : word))
  const [program = '', ...words] = withLimits(argv)
  const child = spawn(program, words, {
    cwd,
    env: environment(scratch, settings.marker, request.env),
    // A session of its own: one signal reaches the command and all that did not run away on purpose.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  // A command that does not read its input closes the pipe; that is its right.
  child.stdin.on('error', () => undefined)
  child.stdin.end(request.stdin)

  const end = await waitForEnd(child, request.timeoutSeconds * 1000, signal)
  killGroup(child.pid)
  const strays = await killStrays(settings.marker, {
    self: process.pid,
    group: child.pid,
    ownsNamespace: settings.ownsNamespace,
    uid: process.getuid?.() ?? -1,
  })
  await drained(child)
  const report = await readReport(reportPath)
  return {
    ...(end.exitCode === undefined ? {} : { exitCode: end.exitCode }),
    ...(end.signal === undefined ? {} : { signal: end.signal }),
    timedOut: end.timedOut,
    stdout: stdout.text(),
    stderr: end.problem === undefined ? stderr.text() : `${end.problem}\n${stderr.text()}`,
    ...(report === undefined ? {} : { report }),
    strays: strays.killed,
    durationMs: Math.round(performance.now() - startedAt),
  }
}

interface End {
  readonly exitCode?: number
  readonly signal?: string
  readonly timedOut: boolean
  readonly problem?: string
}

function waitForEnd(child: ChildProcess, timeoutMs: number, signal: AbortSignal): Promise<End> {
  return new Promise((resolve) => {
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      killGroup(child.pid)
    }, timeoutMs)
    const stop = (): void => killGroup(child.pid)
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop)
    const settle = (end: End): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stop)
      resolve(end)
    }
    child.once('error', (error) =>
      settle({ exitCode: 127, timedOut, problem: `cannot start: ${error.message}` }),
    )
    child.once('exit', (code, by) =>
      settle({
        ...(code === null ? {} : { exitCode: code }),
        ...(by === null ? {} : { signal: by }),
        timedOut,
      }),
    )
  })
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // The whole group is gone already.
  }
}

/** Waits until both pipes are read to their end; gives up soon, because a stray that got away may hold them open. */
async function drained(child: ChildProcess): Promise<void> {
  const streams = [child.stdout, child.stderr].filter((stream) => stream !== null)
  const ends = streams.map(
    (stream) =>
      new Promise<void>((resolve) => {
        if (stream.destroyed || stream.readableEnded) resolve()
        stream.once('close', resolve)
      }),
  )
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, 500)
  })
  await Promise.race([Promise.all(ends), late])
  clearTimeout(timer)
  for (const stream of streams) stream.destroy()
}

async function readReport(path: string): Promise<string | undefined> {
  try {
    const info = await stat(path)
    if (!info.isFile() || info.size > reportLimitBytes) return undefined
    return await readFile(path, 'utf8')
  } catch {
    return undefined
  }
}

/** Nothing of our own environment goes in, so no secret can, whatever was put into the container. */
function environment(
  scratch: string,
  marker: string,
  asked: CheckedExecRequest['env'],
): Record<string, string> {
  const [name = '', value = ''] = marker.split('=')
  return {
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    CI: 'true',
    NO_COLOR: '1',
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONUNBUFFERED: '1',
    PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
    ...asked,
    HOME: scratch,
    TMPDIR: scratch,
    [name]: value,
  }
}

/**
 * Limits that the kernel holds for each process, where the machine has `prlimit`: no core files, files of at most
 * 1 GiB. Memory and the number of processes are limits of the container.
 */
function withLimits(argv: readonly string[]): readonly string[] {
  if (prlimit === undefined) return argv
  return [prlimit, '--core=0', '--fsize=1073741824', '--nofile=4096', '--', ...argv]
}
