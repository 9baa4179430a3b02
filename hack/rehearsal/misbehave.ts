import type { ServerResponse } from 'node:http'
import type { Fault } from './faults.ts'
import { line, pause } from './wire.ts'

/** The answer as a fault would have it. */
export function misspoken(injected: Fault | undefined, text: string, format: unknown): string {
  const kind = injected?.kind
  if (kind === 'whitespace') return `{${'\n'.repeat(5000)}`
  if (kind === 'repeat') return 'and then the same again, '.repeat(400)
  if (kind === 'schema-echo') return JSON.stringify(format ?? { type: 'object', properties: {} })
  if (kind === 'chatty') {
    return `Sure! Here is what you asked for:\n\n\`\`\`json\n${text}\n\`\`\`\n\nLet me know if you need more.`
  }
  return text
}

/** Breaks the answer in its middle if the fault says so; false when there is nothing more to send. */
export async function breakOff(
  injected: Fault | undefined,
  response: ServerResponse,
): Promise<boolean> {
  const kind = injected?.kind
  if (kind === 'reset') {
    // What was written must reach the client first, or it sees a refused connection instead.
    await pause(20)
    response.destroy()
    return false
  }
  if (kind === 'no-done') {
    response.end()
    return false
  }
  if (kind === 'error-midstream') {
    response.end(line({ error: 'an error was encountered while running the model' }))
    return false
  }
  if (kind === 'stall') await pause(injected?.ms ?? 0)
  return true
}
