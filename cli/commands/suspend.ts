import { isTrue } from '../../core/api/condition-list.ts'
import { requestConditions } from '../../core/api/conditions.ts'
import { changeSpec, readRequest, resolveName, type Workplace } from '../cluster/requests.ts'
import { CliError } from '../failure.ts'
import type { Terminal } from '../terminal.ts'

/** Pauses a request, or lets it go on; saying it again changes nothing. Errors: `CliError` when it is over. */
export async function setSuspend(options: {
  readonly connection: Workplace
  readonly terminal: Pick<Terminal, 'out' | 'next'>
  readonly signal: AbortSignal
  readonly name: string
  readonly suspend: boolean
}): Promise<void> {
  const { connection, terminal, signal, suspend } = options
  const where = { ...connection, signal }
  const name = await resolveName(where, options.name)
  const request = await readRequest(where, name)
  if (isTrue(request, requestConditions.Finished)) {
    throw new CliError(`${name} is over: there is nothing to ${suspend ? 'suspend' : 'resume'}`, {
      next: `guild tree ${name}`,
    })
  }
  if ((request.spec.suspend ?? false) === suspend) {
    terminal.out(
      `${name} ${suspend ? 'is suspended already' : 'is not suspended, so there is nothing to resume'}\n`,
    )
    return
  }
  await changeSpec(where, name, { suspend })
  terminal.out(
    suspend
      ? `${name} is suspended: tasks that run finish, no other starts\n`
      : `${name} goes on\n`,
  )
  terminal.next(suspend ? `guild resume ${name}` : `guild watch ${name}`)
}
