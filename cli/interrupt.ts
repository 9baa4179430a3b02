import { exitCodes } from './failure.ts'

/** Reason of the signal that a person's Ctrl-C aborts. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  readonly code = 'interrupted'
}

/** npm and the shell both pass a Ctrl-C on, so the same one arrives twice. */
const echoMs = 500

/**
 * A signal that is aborted by Ctrl-C or a termination, so that a command can end in order.
 * A second Ctrl-C ends the process at once. `end` gives the signals back, unless one of them came:
 * its echo must not kill a process that is about to leave with an exit code of its own.
 */
export function interruptible(): { readonly signal: AbortSignal; readonly end: () => void } {
  const controller = new AbortController()
  let firstAt: number | undefined
  const onSignal = () => {
    const now = performance.now()
    if (firstAt !== undefined && now - firstAt > echoMs) process.exit(exitCodes.interrupted)
    firstAt ??= now
    controller.abort(new Interrupted('interrupted'))
  }
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const name of names) process.on(name, onSignal)
  return {
    signal: controller.signal,
    end: () => {
      if (controller.signal.aborted) return
      for (const name of names) process.removeListener(name, onSignal)
    },
  }
}
