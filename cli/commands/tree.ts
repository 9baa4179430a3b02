import { systemClock } from '../../core/base/clock.ts'
import { tellAbsence } from '../cluster/attendance.ts'
import type { Connection } from '../cluster/connection.ts'
import { readSnapshot, resolveName } from '../cluster/requests.ts'
import { jsonText } from '../show/json.ts'
import { isRequestFinished } from '../../core/view/request.ts'
import { renderTree } from '../show/tree.ts'
import type { Terminal } from '../terminal.ts'

/** Prints one request as it is now. With `json` the objects it is made from. */
export async function showTree(options: {
  readonly connection: Connection
  readonly terminal: Terminal
  readonly signal: AbortSignal
  readonly name: string
  readonly output?: string | undefined
}): Promise<void> {
  const { connection, terminal, signal } = options
  const where = { ...connection, signal }
  const snapshot = await readSnapshot(where, await resolveName(where, options.name))
  if (options.output === 'json') {
    terminal.out(`${jsonText(snapshot)}\n`)
    return
  }
  terminal.out(`${renderTree(snapshot, Date.now(), terminal.style()).join('\n')}\n`)
  if (!isRequestFinished(snapshot.request)) await tellAbsence(where, systemClock, terminal)
}
