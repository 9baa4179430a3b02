// Log lines: JSON on standard output for kubectl, and in batches to the hub, where they outlive the
// Pod.
import { type Logger, pino } from 'pino'
import type { LogBatch } from '../../core/api/agent-protocol.ts'

type LogLine = LogBatch['lines'][number]

export interface AgentLog {
  readonly logger: Logger
  /** Sends what has gathered; lines that cannot be sent are kept, the newest 1,000 of them. */
  flush(): Promise<void>
}

const levels: Readonly<Record<number, LogLine['level']>> = {
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'error',
}
const kept = 1000

/** A logger whose lines also go to `send`. */
export function createLog(
  send: (batch: LogBatch) => Promise<void>,
  out: (line: string) => void,
): AgentLog {
  let waiting: LogLine[] = []
  let sending = false
  const write = (text: string): void => {
    out(text)
    const { level, time, msg, task, attempt, ...fields } = JSON.parse(text) as Record<
      string,
      unknown
    >
    waiting.push({
      level: levels[Number(level)] ?? 'info',
      time: new Date(Number(time)).toISOString(),
      message: (typeof msg === 'string' ? msg : '').slice(0, 2000),
      ...(typeof task === 'string' ? { task } : {}),
      ...(typeof attempt === 'number' ? { attempt } : {}),
      fields: plainFields(fields),
    })
    if (waiting.length > kept) waiting = waiting.slice(-kept)
  }
  return {
    logger: pino({ base: null, level: 'info' }, { write }),
    async flush() {
      if (sending) return
      sending = true
      try {
        while (waiting.length > 0) {
          const lines = waiting.slice(0, 200)
          await send({ lines })
          waiting = waiting.slice(lines.length)
        }
      } catch {
        // The next flush tries again; a log line must never hurt the work.
      } finally {
        sending = false
      }
    },
  }
}

function plainFields(fields: Record<string, unknown>): Record<string, string | number | boolean> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => {
      const plain = typeof value === 'number' || typeof value === 'boolean'
      return [
        key,
        plain ? value : (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, 1000),
      ]
    }),
  )
}
