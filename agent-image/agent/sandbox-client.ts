import { TaskFailure } from './failure.ts'
import { sendRequest } from './http.ts'
import { backoffMs, pause } from './waiting.ts'
import { type ExecRequest, type ExecResult, execResult } from '../sandbox/exec-protocol.ts'

/** Runs commands where they can do no harm. */
export interface Sandbox {
  /** Throws `TaskFailure` InternalError when the sandbox refuses or stays away. */
  exec(request: ExecRequest, options: { readonly signal: AbortSignal }): Promise<ExecResult>
  /** Kills what runs there; removes `folder` with the sandbox's rights. Never throws but for `signal`. */
  reset(folder: string | undefined, options: { readonly signal: AbortSignal }): Promise<void>
}

/** A client of the sandbox that listens on `socketPath`. It waits up to 30 seconds for a sandbox that (re)starts. */
export function connectSandbox(socketPath: string): Sandbox {
  const call = async (path: string, body: unknown, signal: AbortSignal): Promise<unknown> => {
    for (let count = 0; ; count++) {
      try {
        const response = await sendRequest(
          { method: 'POST', url: `http://sandbox${path}`, socketPath, body },
          { signal },
        )
        const text = await response.text()
        if (response.status === 200) return JSON.parse(text) as unknown
        throw new TaskFailure('InternalError', `the sandbox refused: ${text.slice(0, 500)}`)
      } catch (error) {
        if (signal.aborted || error instanceof TaskFailure) throw error
        // A command that broke the sandbox must not be given many chances to do so again.
        const away = isAway(error)
        if (count >= (away ? 12 : 1))
          throw new TaskFailure(
            'InternalError',
            `the sandbox does not answer: ${error instanceof Error ? error.message : ''}`,
            { cause: error },
          )
        await pause(
          backoffMs(count, () => 1, 100, 4000),
          { signal },
        )
      }
    }
  }
  return {
    exec: async (request, { signal }) => execResult.parse(await call('/exec', request, signal)),
    reset: async (folder, { signal }) => {
      try {
        await call('/reset', folder === undefined ? {} : { remove: folder }, signal)
      } catch (error) {
        if (signal.aborted) throw error
      }
    },
  }
}

function isAway(error: unknown): boolean {
  const code = (error as { code?: unknown }).code
  return code === 'ENOENT' || code === 'ECONNREFUSED'
}
