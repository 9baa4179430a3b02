import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { startTime } from '../cluster/lock.ts'

/** A program that runs on after the one that started it has ended. */
export interface Daemon {
  readonly name: string
  readonly command: readonly [string, ...string[]]
  readonly environment?: Readonly<Record<string, string>>
  /** The text of the files it reads when it starts. With another text it has to be started again. */
  readonly configuration?: string
  /** Ends with the process that started it, however that ends. Where the kernel can do that: on Linux. */
  readonly withParent?: boolean
}

const recordShape = z.object({
  pid: z.number(),
  /** Tells this process from a later one with the same pid. */
  started: z.string(),
  /** Of the command and the configuration. */
  fingerprint: z.string(),
})

/** Whether a daemon runs, and whether with the command it should have. */
type DaemonState =
  | { readonly state: 'stopped' }
  | { readonly state: 'dead'; readonly pid: number }
  | { readonly state: 'running'; readonly pid: number; readonly fingerprint: string }

/** Where a daemon's pid record and log lie under a state directory. */
export function daemonFiles(
  directory: string,
  name: string,
): { readonly record: string; readonly log: string } {
  return {
    record: join(directory, 'run', `${name}.json`),
    log: join(directory, 'logs', `${name}.log`),
  }
}

/** What became of the daemon that was last started under this name. */
export async function inspectDaemon(directory: string, name: string): Promise<DaemonState> {
  const record = await readRecord(directory, name)
  if (!record) return { state: 'stopped' }
  const { pid, started } = record
  if ((await startTime(pid)) !== started) return { state: 'dead', pid }
  return { state: 'running', pid, fingerprint: record.fingerprint }
}

/**
 * Starts a daemon in a session of its own, its output appended to its log.
 *
 * Returns once it has started, not once it is ready. Call {@link inspectDaemon} first: this starts a second one.
 */
export async function startDaemon(directory: string, daemon: Daemon): Promise<number> {
  const files = daemonFiles(directory, daemon.name)
  await mkdir(dirname(files.record), { recursive: true })
  await mkdir(dirname(files.log), { recursive: true })
  const log = await open(files.log, 'a')
  const [program, ...args] = daemon.withParent
    ? ([...dieWithParent(), ...daemon.command] as const)
    : daemon.command
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    cwd: '/',
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...daemon.environment },
  })
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', reject)
    })
  } finally {
    await log.close()
  }
  child.unref()
  const pid = child.pid ?? 0
  const started = await startTime(pid)
  if (!started) throw new DaemonError(directory, daemon.name, 'ended at once')
  // Renamed into place: a record that is half written would leave a process behind that nobody knows.
  await writeFile(
    `${files.record}.part`,
    JSON.stringify({ pid, started, fingerprint: fingerprint(daemon) } satisfies z.infer<
      typeof recordShape
    >),
  )
  await rename(`${files.record}.part`, files.record)
  return pid
}

/**
 * Starts a daemon unless it runs as it should; one that runs with another command or configuration is started again.
 *
 * Returns what it found.
 */
export async function ensureDaemon(
  directory: string,
  daemon: Daemon,
): Promise<'running' | 'started' | 'died' | 'changed'> {
  const found = await inspectDaemon(directory, daemon.name)
  if (found.state === 'running' && found.fingerprint === fingerprint(daemon)) return 'running'
  if (found.state === 'running') await stopDaemon(directory, daemon.name)
  await startDaemon(directory, daemon)
  if (found.state === 'stopped') return 'started'
  return found.state === 'dead' ? 'died' : 'changed'
}

/** Tells a daemon from the same one with another command or configuration. */
function fingerprint({ command, configuration = '' }: Daemon): string {
  return createHash('sha256')
    .update(JSON.stringify([command, configuration]))
    .digest('hex')
}

/**
 * Ends a daemon: SIGTERM, after `grace` milliseconds SIGKILL. Returns false, and does nothing, when it does not run.
 *
 * A pid that meanwhile belongs to another process is left alone.
 */
export async function stopDaemon(
  directory: string,
  name: string,
  grace = 10_000,
): Promise<boolean> {
  let ran = false
  const record = await readRecord(directory, name)
  if (record) {
    const running = async (): Promise<boolean> => (await startTime(record.pid)) === record.started
    const deadline = Date.now() + grace
    ran = await running()
    if (ran) kill(record.pid, 'SIGTERM')
    while ((await running()) && Date.now() < deadline) await sleep(50)
    if (await running()) kill(record.pid, 'SIGKILL')
    while (await running()) await sleep(20)
  }
  await rm(daemonFiles(directory, name).record, { force: true })
  return ran
}

/** A daemon that does not do what it should; the message ends with the last lines of its log and where that lies. */
export class DaemonError extends Error {
  override readonly name = 'DaemonError'
  readonly daemon: string
  readonly directory: string

  constructor(directory: string, daemon: string, what: string) {
    super(`${daemon} ${what}`)
    this.daemon = daemon
    this.directory = directory
  }

  /** The message for people, with the end of the log. */
  async explain(): Promise<string> {
    const path = daemonFiles(this.directory, this.daemon).log
    const text = await readFile(path, 'utf8').catch(() => '')
    const tail = text.trimEnd().split('\n').slice(-15).join('\n')
    return `${this.message}. The end of ${path}:\n${tail}`
  }
}

/** The start of a command line that ties a program to its parent's life. */
function dieWithParent(): readonly string[] {
  const setpriv = '/usr/bin/setpriv'
  return existsSync(setpriv) ? [setpriv, '--pdeathsig', 'KILL', '--'] : []
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended by itself between the look and the signal.
  }
}

async function readRecord(
  directory: string,
  name: string,
): Promise<z.infer<typeof recordShape> | undefined> {
  const text = await readFile(daemonFiles(directory, name).record, 'utf8').catch(() => undefined)
  return text === undefined ? undefined : recordShape.parse(JSON.parse(text))
}
