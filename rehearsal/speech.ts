// An answer on its way: token by token, at the rate of the server, and broken in its middle where a fault says so.
import type { ServerResponse } from 'node:http'
import type { Strike } from './faults.ts'
import { json, line, pause, send, untilAborted } from './wire.ts'

/** What is said, and how. */
export interface Speech {
  readonly tokens: readonly string[]
  /** One piece as an object of the API. */
  readonly piece: (token: string) => object
  /** The closing object, without text. */
  readonly last: () => object
  readonly stream: boolean
  /** Tokens a second; 0 for as fast as possible. */
  readonly rate: number
  readonly strike: Strike | undefined
}

/** Says it. Resolves to why it was not said to its end, or undefined when it was. */
export async function speak(
  speech: Speech,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<'cancelled' | 'broken off' | undefined> {
  const { tokens, piece, strike } = speech
  if (!speech.stream) return await speakAtOnce(speech, response, signal)
  response.setHeader('content-type', 'application/x-ndjson')
  const middle = Math.floor(tokens.length / 2)
  for (let index = 0; index <= tokens.length; index++) {
    if (index === middle && (await breakOff(speech, response, signal))) {
      return strike?.kind === 'freeze' ? 'cancelled' : 'broken off'
    }
    if (signal.aborted) return 'cancelled'
    const token = tokens[index]
    if (token === undefined) break
    await send(response, line({ ...piece(token), done: false }), signal)
    if (speech.rate > 0) await pause(1000 / speech.rate, signal)
    else if (index % 200 === 199) await pause(0)
  }
  if (signal.aborted) return 'cancelled'
  response.end(line({ ...piece(''), ...speech.last() }))
  return undefined
}

async function speakAtOnce(
  speech: Speech,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<'cancelled' | 'broken off' | undefined> {
  const { tokens, rate, strike, piece } = speech
  if (rate > 0) await pause((1000 * tokens.length) / rate, signal)
  if (strike?.kind === 'stall') await pause(strike.ms, signal)
  if (strike?.kind === 'freeze') await untilAborted(signal)
  if (signal.aborted) return 'cancelled'
  switch (strike?.kind) {
    case 'reset':
    case 'half-line':
      response.destroy()
      return 'broken off'
    case 'error-midstream':
      json(response, 500, { error: brokeDown })
      return 'broken off'
    case 'no-done':
      // What Ollama answers then: everything that was said, and that it is not done.
      json(response, 200, { ...piece(tokens.join('')), done: false })
      return 'broken off'
    default:
      json(response, 200, { ...piece(tokens.join('')), ...speech.last() })
      return undefined
  }
}

const brokeDown = 'an error was encountered while running the model: unexpected EOF'

/** Breaks the answer if the fault says so; true when there is nothing more to send. */
async function breakOff(
  { strike, piece }: Speech,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<boolean> {
  switch (strike?.kind) {
    case 'reset':
      response.flushHeaders()
      // What was written must reach the client first, or it sees a refused connection instead.
      await pause(20)
      response.destroy()
      return true
    case 'no-done':
      response.end()
      return true
    case 'half-line': {
      const whole = line({ ...piece('and'), done: false })
      response.end(whole.slice(0, Math.floor(whole.length / 2)))
      return true
    }
    case 'error-midstream':
      response.end(line({ error: brokeDown }))
      return true
    case 'stall':
      await pause(strike.ms, signal)
      return false
    case 'freeze':
      await untilAborted(signal)
      return true
    default:
      return false
  }
}
