import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { execa } from 'execa'
import { isTrue } from '../../core/api/condition-list.ts'
import { requestConditions } from '../../core/api/conditions.ts'
import type { DevRequest, GivenPlan } from '../../core/api/devrequest.ts'
import { isInvalid } from '../../core/kube/errors.ts'
import { unitsOf } from '../../core/planner/replan.ts'
import { changeSpec, readRequest, resolveName, type Workplace } from '../cluster/requests.ts'
import { closeScratch, keepScratch, openScratch } from '../scratch.ts'
import { CliError, exitCodes } from '../failure.ts'
import { parsePlan, planFile, readPlanFile } from '../planning/units.ts'
import type { Terminal } from '../terminal.ts'

export interface EditOptions {
  readonly connection: Workplace
  readonly terminal: Pick<Terminal, 'out' | 'next'>
  readonly signal: AbortSignal
  readonly name: string
  /** A file with the new plan, `-` for stdin; without it an editor is opened. */
  readonly plan?: string | undefined
  readonly cwd: string
  /** Lets a person change a file. Errors: any, when the editor cannot be run. */
  readonly edit?: (file: string) => Promise<void>
}

/**
 * Gives a request that waits another plan: from a file, or from an editor that opens with the plan as it is.
 * Guarantees: the API server has the last word, and refuses once the plan is authorized; what was typed is kept when it
 * cannot be taken. Errors: `CliError` with the next command.
 */
export async function editPlan(options: EditOptions): Promise<void> {
  const { connection, terminal, signal, cwd } = options
  const where = { ...connection, signal }
  const name = await resolveName(where, options.name)
  const request = await readRequest(where, name)
  if (isTrue(request, requestConditions.Authorized)) throw new TooLate(name)
  if (options.plan !== undefined) await give(options, name, await readPlanFile(options.plan, cwd))
  else await letEdit(options, request)
  terminal.next(`guild tree ${name}   (then: guild resume ${name})`)
}

async function letEdit(options: EditOptions, request: DevRequest): Promise<void> {
  const { name } = request.metadata
  const before = planOf(request)
  const edit = options.edit ?? editorHere(name)
  const folder = await openScratch('guild-edit-')
  const file = join(folder, `${name}.yaml`)
  const given = planFile(before, [`The plan of ${name}; without a change it stays.`])
  await writeFile(file, given)
  try {
    await edit(file)
    const after = parsePlan(await readFile(file, 'utf8'), file)
    if (isDeepStrictEqual(after, parsePlan(planFile(before, []), file)))
      options.terminal.out(`the plan of ${name} is as it was\n`)
    else await give(options, name, after)
  } catch (error) {
    // What nobody wrote is not worth keeping.
    if ((await readFile(file, 'utf8').catch(() => given)) === given) throw error
    keepScratch(folder)
    const again = error instanceof TooLate ? 'guild submit "…"' : `guild edit ${name}`
    throw new CliError(error instanceof Error ? error.message : String(error), {
      next: `${again} --plan ${file}   (what you wrote is kept there)`,
      cause: error,
    })
  } finally {
    await closeScratch(folder)
  }
}

function planOf({ metadata, spec, status }: DevRequest): GivenPlan {
  if (spec.plan !== undefined) return spec.plan
  if (status?.plan !== undefined) return { units: unitsOf(status.plan) }
  throw new CliError(`${metadata.name} is not planned yet`, {
    next: `guild tree ${metadata.name}   (or give a plan: guild edit ${metadata.name} --plan FILE)`,
  })
}

async function give(
  { connection, terminal, signal }: EditOptions,
  name: string,
  plan: GivenPlan,
): Promise<void> {
  try {
    await changeSpec({ ...connection, signal }, name, { plan })
  } catch (error) {
    throw isInvalid(error) && error.message.includes('authorized') ? new TooLate(name) : error
  }
  terminal.out(`the plan of ${name} is changed\n`)
}

/** Work has begun. */
class TooLate extends CliError {
  constructor(name: string) {
    super(`work on ${name} has begun: its plan cannot be changed any more`, {
      next: 'guild submit "…" --suspend   (plans, and waits for guild resume)',
    })
  }
}

/** The editor that the person likes. Errors: `CliError` (usage) where nobody can type. */
function editorHere(name: string): (file: string) => Promise<void> {
  if (!process.stdin.isTTY) {
    throw new CliError('there is no terminal to edit in', {
      next: `guild edit ${name} --plan FILE`,
      exitCode: exitCodes.usage,
    })
  }
  const editor = process.env['VISUAL'] || process.env['EDITOR'] || 'vi'
  return async (file) => {
    // It may be named with arguments, as in `code --wait`.
    const args = ['-c', `${editor} "$0"`, file]
    const { failed } = await execa('sh', args, { stdio: 'inherit', reject: false })
    if (failed) throw new CliError(`${editor} could not be run, or failed ($EDITOR names another)`)
  }
}
