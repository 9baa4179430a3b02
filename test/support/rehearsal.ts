import type { FaultInput } from '../../rehearsal/faults.ts'
import type { ScriptRule } from '../../rehearsal/script.ts'
import { recordsAnswer, type RecordsAnswer, type RehearsalRecord } from '../../rehearsal/records.ts'
import { createRehearsalServer, type RehearsalOptions } from '../../rehearsal/server.ts'

/** Nothing listens there, and fetch does not refuse the port by itself. */
export const closedEndpoint = 'http://127.0.0.1:2'

/** A rehearsal server on a free port of this machine, for tests. */
export interface RunningRehearsal extends AsyncDisposable {
  readonly endpoint: string
  inject(fault: FaultInput): Promise<void>
  records(): Promise<readonly RehearsalRecord[]>
  /** The records with the pulls and what the server makes of them. */
  recorded(): Promise<RecordsAnswer>
}

/** Starts one; as fast as it can and two at once by default. */
export async function startRehearsal(
  options: Partial<RehearsalOptions> & { readonly rules: readonly ScriptRule[] },
): Promise<RunningRehearsal> {
  const server = createRehearsalServer({ rate: 0, parallel: 2, ...options })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('it listens on no port')
  const endpoint = `http://127.0.0.1:${address.port}`
  const recorded = async () => {
    const response = await fetch(`${endpoint}/rehearsal/records`)
    return recordsAnswer.parse(await response.json())
  }
  return {
    endpoint,
    recorded,
    records: async () => (await recorded()).records,
    async inject(fault) {
      const body = JSON.stringify(fault)
      const response = await fetch(`${endpoint}/rehearsal/faults`, { method: 'POST', body })
      if (!response.ok) throw new Error(await response.text())
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}
