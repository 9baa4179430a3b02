import { fork, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'

/** A program of the bench in a process of its own, so that its CPU is counted apart. `In` is what it says, `Out` what it is told. */
export interface Program<
  Out extends { readonly kind: string },
  In extends { readonly kind: string },
> {
  readonly pid: number
  send(message: Out): void
  /** The next message of this kind. Rejects when the program ends before, or after `seconds`. */
  hear<Kind extends In['kind']>(
    kind: Kind,
    seconds: number,
  ): Promise<Extract<In, { readonly kind: Kind }>>
  stop(): Promise<void>
}

/** Starts a program that lies beside this file, e.g. `observer/main.ts`. It ends with this process. */
export function startProgram<
  Out extends { readonly kind: string },
  In extends { readonly kind: string },
>(path: string): Program<Out, In> {
  const child = fork(join(import.meta.dirname, path), { stdio: ['ignore', 2, 2, 'ipc'] })
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  return {
    pid: child.pid ?? 0,
    send: (message) => void child.send(message),
    hear: async (kind, seconds) => hear(child, path, kind, seconds),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await ended
    },
  }
}

function hear<T>(child: ChildProcess, path: string, kind: string, seconds: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = (finish: () => void): void => {
      clearTimeout(timer)
      child.off('message', onMessage)
      child.off('exit', onExit)
      finish()
    }
    const onMessage = (message: unknown): void => {
      if ((message as { readonly kind: string }).kind === kind) end(() => resolve(message as T))
    }
    const onExit = (): void => end(() => reject(new Error(`${path} ended before it said ${kind}`)))
    const timer = setTimeout(
      () => end(() => reject(new LateError(`${path} did not say ${kind} within ${seconds} s`))),
      seconds * 1000,
    )
    child.on('message', onMessage)
    child.on('exit', onExit)
  })
}

/** What was waited for did not come in time. */
export class LateError extends Error {
  override readonly name = 'LateError'
  readonly code = 'late'
}
