// Runs one command: without a shell, in a process group of its own, in a fixed environment.
// Everything that it started is dead afterwards.
import { type ChildProcess, spawn } from 'node:child_process'
import { constants, writeFileSync } from 'node:fs'
import { mkdtemp, open, realpath } from 'node:fs/promises'
import { dirname, isAbsolute, join, sep } from 'node:path'
import {
  type CheckedExecRequest,
  type ExecResult,
  reportLimitBytes,
  reportPlaceholder,
} from './exec-protocol.ts'
import { excessOf, killAll, killStrays, type Limits, usagesOf, withLimits } from './processes.ts'
import { removeTree, type Scratch } from './tidying.ts'

/** The caller asked for something that is not allowed; `message` says what. */
export class RefusedExec extends Error {
  readonly code = 'Refused'
}

/** Where commands may run, and how their processes are known. */
export interface ExecSettings {
  readonly workspace: string
  readonly scratch: Scratch
  readonly limits: Limits
  /** Path of the Node that commands find as `node`. */
  readonly node: string
  /**
   * The Python that commands find as `python3` in place of the system's, and the folder of its
   * user's packages.
   */
  readonly python?: { readonly path: string; readonly userBase: string | undefined } | undefined
  /**
   * `NAME=value`, unlike any other sandbox's: in the environment of every command, so that strays
   * are known by it.
   */
  readonly marker: string
  /** See `StrayRule.ownsNamespace`. */
  readonly ownsNamespace: boolean
}

/**
 * How often a command's memory and processes are counted. Memory is taken at some 3 GiB a second.
 */
const lookMs = 25
/**
 * A process in an uninterruptible wait does not end when it is killed; the command's result does
 * not wait for it.
 */
const deathMs = 5_000
/** Characters of a report in JSON: 64 MiB less both output streams at their longest. */
const answerLimit = 50 * 1024 * 1024

/**
 * Runs `request` and waits for its end, its time-out or `signal`. Unless it is to run `asLeft`, the
 * command finds an empty HOME and TMPDIR, and nothing that an earlier command left in places for
 * temporary files. Throws `RefusedExec` when `cwd` is not within the workspace. A program that
 * cannot be started is a result (127).
 */
export async function runCommand(
  request: CheckedExecRequest,
  settings: ExecSettings,
  options: { readonly signal: AbortSignal },
): Promise<ExecResult> {
  const cwd = await insideWorkspace(request.cwd, settings.workspace)
  const folder = await homeOf(request, settings.scratch)
  return await runIn(folder, cwd, request, settings, options.signal)
}

/**
 * The private folder of a command. Its contents stay until a reset, or until a command that does
 * not run `asLeft`.
 */
async function homeOf({ asLeft }: CheckedExecRequest, scratch: Scratch): Promise<string> {
  const left = asLeft ? await scratch.left() : undefined
  if (left !== undefined) return left
  await scratch.clear()
  // mkdtemp gives it to our user alone.
  return await mkdtemp(join(scratch.root, 'exec-'))
}

/**
 * The real path of `path`, when that is the workspace or lies below it; throws `RefusedExec`
 * otherwise.
 */
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
  folder: string,
  cwd: string,
  request: CheckedExecRequest,
  settings: ExecSettings,
  signal: AbortSignal,
): Promise<ExecResult> {
  const startedAt = performance.now()
  const reportPath = join(folder, 'report')
  if (request.asLeft) await removeTree(reportPath)
  const stdout = new BoundedOutput(request.outputBytes)
  const stderr = new BoundedOutput(request.outputBytes)
  const argv = request.argv.map((word, at) => {
    // The settings may name another Python than the system's.
    if (at === 0 && word === 'python3') return settings.python?.path ?? word
    return word === reportPlaceholder ? reportPath : word
  })
  const [program = '', ...words] = withLimits(argv, settings.limits)
  const child = spawn(program, words, {
    cwd,
    env: environment(folder, settings, request.env),
    // A session of its own: one signal reaches the command and all that did not run away on
    // purpose.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  if (child.pid !== undefined) offerToKernel(child.pid)
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  // A command that does not read its input closes the pipe; that is its right.
  child.stdin.on('error', () => undefined)
  child.stdin.end(request.stdin)

  const watch = watchUsage(child.pid, settings.limits)
  const end = await waitForEnd(child, request.timeoutSeconds * 1000, signal)
  const excesses = watch.stop()
  const problems = [...(end.problem === undefined ? [] : [end.problem]), ...excesses]
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
    stderr: [...problems, stderr.text()].join('\n'),
    ...(excesses.length === 0 ? {} : { exceeded: excesses.join(' ') }),
    ...(report === undefined ? {} : { report }),
    strays: strays.killed,
    durationMs: Math.round(performance.now() - startedAt),
  }
}

/**
 * When memory is short in spite of the limits, the kernel should take a process of the command, not
 * the server.
 */
function offerToKernel(pid: number): void {
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, '1000')
  } catch {
    // It ended already.
  }
}

/** Ends processes that use too much; `stop` returns a sentence for each kind of excess. */
function watchUsage(leader: number | undefined, limits: Limits): { stop(): readonly string[] } {
  const problems = new Set<string>()
  const timer = setInterval(() => {
    if (leader === undefined) return
    const excess = excessOf(usagesOf(leader, limits), limits)
    if (excess.kind === 'none') return
    problems.add(excess.problem)
    if (excess.kind === 'memory') kill(excess.pid)
    else if (limits.ownUser) killAll()
    else killGroup(leader)
  }, lookMs)
  return {
    stop() {
      clearInterval(timer)
      return [...problems]
    },
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
    let undying: NodeJS.Timeout | undefined
    const stop = (): void => {
      killGroup(child.pid)
      undying ??= setTimeout(
        () =>
          settle({ signal: 'SIGKILL', timedOut, problem: 'It did not die when it was killed.' }),
        deathMs,
      )
    }
    const timer = setTimeout(() => {
      timedOut = true
      stop()
    }, timeoutMs)
    const settle = (end: End): void => {
      clearTimeout(timer)
      clearTimeout(undying)
      signal.removeEventListener('abort', stop)
      resolve(end)
    }
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop)
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
  if (pid !== undefined) kill(-pid)
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone already.
  }
}

/**
 * Waits until both pipes are read to their end; gives up soon, because a stray that got away may
 * hold them open.
 */
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

/**
 * A link in the report's place must not lead elsewhere, and a fifo must not keep us waiting for a
 * writer.
 */
async function readReport(path: string): Promise<string | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  try {
    await using file = await open(path, flags)
    const info = await file.stat()
    if (!info.isFile() || info.size > reportLimitBytes) return undefined
    const bytes = Buffer.alloc(info.size)
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
    const text = bytes.toString('utf8', 0, bytesRead)
    // A control character is up to six in JSON, and the agent reads 64 MiB of an answer.
    return bytesRead > 8_000_000 && JSON.stringify(text).length > answerLimit ? undefined : text
  } catch {
    return undefined
  }
}

/** Nothing of the server's own environment goes in, so no secret of the container can. */
function environment(
  folder: string,
  { marker, node, python }: ExecSettings,
  asked: CheckedExecRequest['env'],
): Record<string, string> {
  const [name = '', value = ''] = marker.split('=')
  return {
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    NO_COLOR: '1',
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONUNBUFFERED: '1',
    PATH: [
      dirname(node),
      ...(python === undefined ? [] : [dirname(python.path)]),
      '/usr/local/bin:/usr/bin:/bin',
    ].join(':'),
    ...(python === undefined ? {} : { GUILDHALL_PYTHON: python.path }),
    ...(python?.userBase === undefined ? {} : { PYTHONUSERBASE: python.userBase }),
    ...asked,
    HOME: folder,
    TMPDIR: folder,
    [name]: value,
  }
}

/**
 * Keeps the head and the tail of a stream within a number of bytes, and counts what fell out
 * between.
 */
export class BoundedOutput {
  readonly #limit: number
  #head: Buffer = Buffer.alloc(0)
  #tail: Buffer[] = []
  #tailBytes = 0
  #total = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  push(chunk: Buffer): void {
    this.#total += chunk.length
    const headRoom = Math.ceil(this.#limit / 2) - this.#head.length
    if (headRoom > 0) this.#head = Buffer.concat([this.#head, chunk.subarray(0, headRoom)])
    const rest = headRoom > 0 ? chunk.subarray(headRoom) : chunk
    if (rest.length === 0) return
    this.#tail.push(rest)
    this.#tailBytes += rest.length
    // Whole chunks fall out first, so memory stays within the limit and one chunk.
    const tailRoom = Math.floor(this.#limit / 2)
    for (let first = this.#tail[0]; first; first = this.#tail[0]) {
      if (this.#tailBytes - first.length < tailRoom) break
      this.#tailBytes -= first.length
      this.#tail.shift()
    }
  }

  /** The text; bytes that are not UTF-8 become U+FFFD. */
  text(): string {
    const tailRoom = Math.floor(this.#limit / 2)
    const all = Buffer.concat(this.#tail)
    const tail = tailRoom === 0 ? Buffer.alloc(0) : all.subarray(-tailRoom)
    const left = this.#total - this.#head.length - tail.length
    if (left <= 0) return Buffer.concat([this.#head, tail]).toString('utf8')
    return `${this.#head.toString('utf8')}\n[${left} bytes left out]\n${tail.toString('utf8')}`
  }
}
