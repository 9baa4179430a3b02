import { fork, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import type { Sightings } from './workloads.ts'
import type { Access } from './server.ts'

/**
 * A program of the bench in a process of its own, so that its CPU is counted apart. It sends
 * messages of type `In` and receives messages of type `Out`.
 */
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

/**
 * Starts a program by its path from this folder, e.g. `observer/main.ts`. It ends with this
 * process.
 */
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

/** A message did not come in time. */
export class LateError extends Error {
  override readonly name = 'LateError'
  readonly code = 'late'
}

/**
 * Milliseconds of the machine's monotonic clock: the same in every process, unlike
 * `performance.now()`.
 */
export function nowMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000
}

/**
 * What the observer can read: the floor's tasks, AgentTasks, or anything, which is finished as soon
 * as it is there.
 */
export type Shape = 'floor' | 'agenttask' | 'any'

/** Messages of the bench to its observer. */
export type ToObserver =
  | {
      readonly kind: 'watch'
      readonly access: Access
      /** Path of the collection, e.g. `/apis/guildhall.dev/v1alpha1/namespaces/x/agenttasks`. */
      readonly path: string
      readonly shape: Shape
    }
  /** Report when this many tasks are finished; only tasks whose names begin with `prefix` count. */
  | { readonly kind: 'await'; readonly prefix: string; readonly finished: number }
  /** Send the sightings of these tasks, and forget them. */
  | { readonly kind: 'tell'; readonly prefix: string }

/** Messages of the observer. */
export type FromObserver =
  | { readonly kind: 'watching' }
  | { readonly kind: 'reached' }
  | {
      readonly kind: 'seen'
      readonly running: Sightings
      readonly finished: Sightings
      /** Watches that the server closed: a sign of a server that is full. */
      readonly reopened: number
    }

/** Everything the floor's writer needs for one run. */
export interface FloorRun {
  readonly kind: 'prepare'
  readonly access: Access
  readonly namespace: string
  /** Task names; each list is done in order, the lists side by side. */
  readonly chains: readonly (readonly string[])[]
  /** Each list begins so much later than the one before it; 0: all at once. */
  readonly everyMs: number
  readonly meanTaskMs: number
  readonly mostSeconds: number
}

/** Messages of the bench to the floor's writer. */
export type ToWriter = FloorRun | { readonly kind: 'go' }

/** Messages of the writer. `bytes`: the size of a finished object as the server gives it. */
export type FromWriter =
  | { readonly kind: 'prepared' }
  | { readonly kind: 'done'; readonly bytes: number }
