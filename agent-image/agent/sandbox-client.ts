import { type KeyObject, createPublicKey, randomUUID, verify } from 'node:crypto'
import {
  type ExecRequest,
  type ExecResult,
  type ResetRequest,
  begunStatus,
  execResult,
  identified,
  nonceHeader,
  requestLimitBytes,
  signatureHeader,
  signedText,
} from '../sandbox/exec-protocol.ts'
import { sendRequest } from './http.ts'
import { TaskFailure } from './outcome.ts'
import { systemClock } from '../../core/base/clock.ts'
import { backoffMs, within } from './timers.ts'
import type { Abortable } from '../../core/base/wait.ts'

/** Runs commands where they can do no harm. */
export interface Sandbox {
  /**
   * A command that ends the sandbox, or keeps it from answering, has failed: its result has a
   * signal and no exit code. Throws `TaskFailure` InternalError when the sandbox refuses or stays
   * away.
   */
  exec(request: ExecRequest, options: Abortable): Promise<ExecResult>
  /**
   * Kills the processes there and removes the temporary files of commands; `what` says which folder
   * of the workspace is removed or emptied besides (text: removed), with the sandbox's rights.
   * Undefined stands for the end of an attempt. Throws only for `signal`.
   */
  reset(what: ResetRequest | string | undefined, options: Abortable): Promise<void>
}

/**
 * The longest time that an answer takes beyond the command's own limit, for the cleaning before and
 * after it.
 */
const graceSeconds = 120
/**
 * Tries to reach a sandbox that is away. They take 30 seconds in all, the time of a new start on a
 * busy node.
 */
const tries = 12

/**
 * A client of the sandbox that listens on `socketPath`. It waits up to 30 seconds for a sandbox
 * that (re)starts.
 *
 * The first answer names the sandbox's key, before any project code ran; later answers count only
 * when that key signed them. A command can end the sandbox's server and listen in its place, but it
 * does not have the key.
 */
export function connectSandbox(socketPath: string): Sandbox {
  let key: KeyObject | undefined
  const identify = async (signal: AbortSignal): Promise<KeyObject> => {
    const url = 'http://sandbox/identity'
    const response = await sendRequest({ method: 'GET', url, socketPath }, { signal })
    const { publicKey } = identified.parse(JSON.parse(await response.text()))
    key = createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' })
    return key
  }
  /** One try. Throws `Broken` when the command had begun and no true answer came. */
  const ask = async (path: string, body: unknown, signal: AbortSignal): Promise<unknown> => {
    const known = key ?? (await identify(signal))
    const nonce = randomUUID()
    const request = JSON.stringify(body)
    const isTrue = (status: number, answer: string, signature: unknown): boolean => {
      const text = Buffer.from(signedText({ nonce, path, request, status, answer }))
      return (
        typeof signature === 'string' && verify(null, text, known, Buffer.from(signature, 'base64'))
      )
    }
    let begun = false
    try {
      const response = await sendRequest(
        {
          method: 'POST',
          url: `http://sandbox${path}`,
          socketPath,
          headers: { [nonceHeader]: nonce },
          body,
          onInformation(status, headers) {
            if (status === begunStatus) begun ||= isTrue(status, '', headers[signatureHeader])
          },
        },
        { signal },
      )
      const answer = await response.text()
      if (!isTrue(response.status, answer, response.header(signatureHeader)))
        throw new Error('another process listens in its place')
      if (response.status === 200) return JSON.parse(answer) as unknown
      throw new TaskFailure('InternalError', `the sandbox refused: ${answer.slice(0, 500)}`)
    } catch (error) {
      if (signal.aborted || error instanceof TaskFailure || !begun) throw error
      throw new Broken('the connection broke while the command ran', { cause: error })
    }
  }
  const call = async (path: string, body: unknown, signal: AbortSignal): Promise<unknown> => {
    if (Buffer.byteLength(JSON.stringify(body)) > requestLimitBytes)
      throw new TaskFailure('InternalError', `a request to the sandbox is larger than 2 MiB`)
    for (let count = 0; ; count++) {
      try {
        return await ask(path, body, signal)
      } catch (error) {
        if (signal.aborted || error instanceof TaskFailure || error instanceof Broken) throw error
        if (count >= tries)
          throw new TaskFailure(
            'InternalError',
            `the sandbox does not answer: ${error instanceof Error ? error.message : ''}`,
            { cause: error },
          )
        await systemClock.sleep(
          backoffMs(count, () => 1, 100, 4000),
          { signal },
        )
      }
    }
  }
  return {
    async exec(request, { signal }) {
      const late = within((request.timeoutSeconds + graceSeconds) * 1000)
      try {
        return execResult.parse(await call('/exec', request, AbortSignal.any([signal, late])))
      } catch (error) {
        if (signal.aborted) throw error
        if (late.aborted) return lost('The sandbox did not answer in time.', true)
        if (error instanceof Broken)
          return lost('The sandbox ended while the command ran: the command ended it.', false)
        throw error
      }
    },
    async reset(what, { signal }) {
      try {
        await call('/reset', typeof what === 'string' ? { remove: what } : (what ?? {}), signal)
      } catch (error) {
        if (signal.aborted) throw error
      }
    },
  }
}

/** The command had begun, and its result will never be known. */
class Broken extends Error {}

/** The result of a command without an answer: all that is known is that it failed. */
function lost(problem: string, timedOut: boolean): ExecResult {
  return {
    signal: 'SIGKILL',
    timedOut,
    stdout: '',
    stderr: `${problem} Nothing is known of what it printed.`,
    strays: 0,
    durationMs: 0,
  }
}
