import { counted } from '../../core/api/plain-text.ts'
import type { Clock } from '../../core/base/clock.ts'
import type { Gateway } from '../../core/models/gateway.ts'
import { duration } from '../../core/view/text.ts'
import { questionInWords } from '../show/plan.ts'

/** The terminal on which the progress is shown. */
interface ProgressOutlet {
  readonly write: (text: string) => void
  /** True for a screen, where one line is drawn again; elsewhere lines follow each other. */
  readonly live: boolean
  readonly clock: Clock
}

const redrawMs = 1000
/** In a log, often enough to see that it goes on. */
const repeatMs = 10_000

/**
 * The same way to the model, which also shows the question, how much of the answer came, and how
 * long it takes.
 */
export function withProgress(call: Gateway['call'], outlet: ProgressOutlet): Gateway['call'] {
  const { write, live, clock } = outlet
  return async function callAndTell(request, options) {
    const startedAt = clock.monotonic()
    let sent = 0
    let tokens = 0
    const line = (end: string) => {
      const time = duration(clock.monotonic() - startedAt)
      return `${request.model}, ${questionInWords(request.purpose)}: ${end}, ${time}`
    }
    const now = () => {
      if (sent > 1 && tokens === 0) return 'the server was busy or broke off, asked again'
      return tokens === 0 ? 'reading the question' : `${counted(tokens, 'token')} so far`
    }
    const tell = () => write(live ? `\r${line(now())}\u001b[K` : `${line(now())}\n`)
    let cancel = (): void => undefined
    const again = () => {
      cancel = clock.after(live ? redrawMs : repeatMs, () => {
        tell()
        again()
      })
    }
    const end = (text: string) =>
      write(`${live ? '\r' : ''}${line(text)}${live ? '\u001b[K' : ''}\n`)
    tell()
    again()
    try {
      const result = await call(request, {
        ...options,
        onEvent: (event) => {
          if (event.kind === 'started') {
            sent += 1
            tokens = 0
            if (sent > 1) tell()
          } else if (event.kind === 'progress') {
            tokens = event.tokens
            if (live) tell()
          }
          options?.onEvent?.(event)
        },
      })
      end(counted(result.outputTokens, 'token'))
      return result
    } catch (error) {
      end(options?.signal?.aborted ? 'stopped' : 'no answer that can be used')
      throw error
    } finally {
      cancel()
    }
  }
}
