// Operating system processes of a lab: started with a log each, ended by their pid, never longer
// alive than the tests.
import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** How a process ended: with a code, or by a signal. */
export interface Ended {
  readonly code: number | null
  readonly signal: string | null
}

/** A running process of ours. */
export interface Program {
  readonly name: string
  readonly pid: number
  /** Resolves when it has ended, however that came. */
  readonly exited: Promise<Ended>
  readonly running: boolean
  /** Sends a signal; does nothing when it has ended. */
  signal(name: NodeJS.Signals): void
  /** SIGTERM, after `graceMs` SIGKILL; resolves when it has ended. */
  stop(graceMs?: number): Promise<void>
  /** All it printed, from its first start under this log on. */
  output(): Promise<string>
}

/** Every process that was started and has not ended, for the last moment of this one. */
const alive = new Map<number, Program>()

/**
 * Starts a program; its output is appended to `log`. It ends with this process, where the kernel
 * can do that.
 */
export async function startProgram(options: {
  readonly name: string
  readonly command: readonly [string, ...string[]]
  readonly env: Readonly<Record<string, string>>
  readonly log: string
}): Promise<Program> {
  const setpriv = '/usr/bin/setpriv'
  const tied = existsSync(setpriv) ? [setpriv, '--pdeathsig', 'KILL', '--'] : []
  const [file = '', ...args] = [...tied, ...options.command]
  const output = openSync(options.log, 'a')
  const child = spawn(file, args, {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...options.env },
    stdio: ['ignore', output, output],
  })
  closeSync(output)
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
  const pid = child.pid ?? 0
  let running = true
  const exited = new Promise<Ended>((resolve) => {
    child.once('exit', (code, signal) => {
      running = false
      alive.delete(pid)
      resolve({ code, signal })
    })
  })
  const program: Program = {
    name: options.name,
    pid,
    exited,
    get running() {
      return running
    },
    signal(name) {
      if (running) child.kill(name)
    },
    async stop(graceMs = 10_000) {
      // One that was paused does not hear SIGTERM.
      program.signal('SIGCONT')
      program.signal('SIGTERM')
      const late = new AbortController()
      void sleep(graceMs, undefined, { signal: late.signal }).then(
        () => program.signal('SIGKILL'),
        () => undefined,
      )
      await exited
      late.abort()
    },
    output: () => readFile(options.log, 'utf8'),
  }
  alive.set(pid, program)
  return program
}

/** Ends everything at once; for the last moment of this process. */
export function killPrograms(): void {
  for (const program of alive.values()) program.signal('SIGKILL')
}

/**
 * Waits until `url` answers 200. Throws with the end of the program's output when it ends first or
 * takes too long.
 */
export async function untilAnswers(program: Program, url: string, seconds = 60): Promise<void> {
  const end = Date.now() + seconds * 1_000
  for (;;) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined)
    await answer?.body?.cancel()
    if (answer?.ok === true) return
    if (!program.running || Date.now() > end) {
      const tail = (await program.output()).trimEnd().split('\n').slice(-15).join('\n')
      const what = program.running ? `does not answer at ${url}` : 'ended while it was starting'
      throw new Error(`${program.name} ${what}:\n${tail}`)
    }
    await sleep(50)
  }
}

/**
 * Free ports on loopback. They lie below those that the kernel gives to outgoing
 * connections, so that no connection takes one while the program that it belongs to is down.
 */
export async function freePorts(count: number): Promise<readonly number[]> {
  const found: number[] = []
  while (found.length < count) {
    const port = 21_000 + Math.floor(Math.random() * 8_000)
    if (!found.includes(port) && (await isFree(port))) found.push(port)
  }
  return found
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, () => server.close(() => resolve(true)))
  })
}
