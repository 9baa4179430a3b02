import type { EventEmitter } from 'node:events'

/**
 * A signal that is aborted by the first SIGTERM or SIGINT; a second one calls `onSecond`, which should end the process at once.
 */
export function stopSignal(process: EventEmitter, onSecond: () => void): AbortSignal {
  const controller = new AbortController()
  const stop = (name: string) => {
    if (controller.signal.aborted) onSecond()
    else controller.abort(new Error(`the process received ${name}`))
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  return controller.signal
}
