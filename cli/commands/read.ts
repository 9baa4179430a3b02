import type { DevRequest } from '../../core/api/devrequest.ts'
import { systemClock } from '../../core/base/clock.ts'
import { tellAbsence } from '../cluster/attendance.ts'
import type { Connection } from '../cluster/connection.ts'
import {
  type Where,
  listRequests,
  namespaceProblem,
  readSnapshot,
  requestsElsewhere,
  resolveName,
} from '../cluster/requests.ts'
import { between } from '../../core/view/text.ts'
import { type Terminal, jsonText } from '../terminal.ts'
import { isRequestFinished, requestStatus } from '../../core/view/request.ts'
import { type TableColumn, table } from '../show/style.ts'
import { renderTree } from '../show/tree.ts'

/** Prints the requests of the namespace, newest last. */
export async function showList(options: {
  readonly connection: Connection
  readonly terminal: Terminal
  readonly signal: AbortSignal
  readonly output?: string | undefined
}): Promise<void> {
  const { connection, terminal, signal, output } = options
  const requests = await listRequests({ ...connection, signal })
  if (output === 'json') {
    terminal.out(`${jsonText(requests)}\n`)
    return
  }
  if (requests.length === 0) {
    await tellEmpty({ ...connection, signal }, terminal)
    return
  }
  const columns = [...narrow(Date.now()), ...(output === 'wide' ? wide : [])]
  terminal.out(`${table(requests, columns, terminal.style()).join('\n')}\n`)
  if (!requests.every(isRequestFinished))
    await tellAbsence({ ...connection, signal }, systemClock, terminal)
}

/** Somebody who forgot to name the namespace looks for a request that lies in another one. */
async function tellEmpty(where: Where, terminal: Terminal): Promise<void> {
  const places = new Set((await requestsElsewhere(where)).map((one) => one.metadata.namespace))
  const problem = places.size === 0 ? await namespaceProblem(where, 'guild list') : undefined
  if (problem !== undefined) throw problem
  const elsewhere = places.size === 0 ? '' : `; there are some in ${[...places].join(', ')}`
  terminal.err(`there is no DevRequest in the namespace ${where.namespace}${elsewhere}\n`)
  const [place] = places
  terminal.next(place === undefined ? 'guild submit "what you want"' : `guild list -n ${place}`)
}

const narrow = (now: number): readonly TableColumn<DevRequest>[] => [
  { heading: 'NAME', cell: ({ metadata }) => metadata.name },
  { heading: 'STATUS', cell: requestStatus },
  { heading: 'PROGRESS', cell: ({ status }) => status?.progress ?? '' },
  { heading: 'WAITING-FOR', cell: ({ status }) => status?.waitingFor ?? '' },
  { heading: 'BRANCH', cell: ({ status }) => status?.branch ?? '' },
  { heading: 'MODEL', cell: ({ status }) => status?.model ?? '' },
  { heading: 'AGE', cell: ({ metadata }) => between(metadata.creationTimestamp, undefined, now) },
]

const wide: readonly TableColumn<DevRequest>[] = [
  { heading: 'TEAM', cell: ({ status }) => status?.team ?? '' },
  { heading: 'TOKENS', cell: ({ status }) => String(status?.tokens ?? '') },
  { heading: 'PRIORITY', cell: ({ spec }) => spec.priority },
]

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
