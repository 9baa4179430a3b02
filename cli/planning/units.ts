import { parseDocument, stringify } from 'yaml'
import { z } from 'zod'
import { givenPlan, unit, type GivenPlan } from '../../core/api/devrequest.ts'
import { textOf } from '../commands/submit.ts'
import { CliError, exitCodes } from '../failure.ts'

/** A slip in the name of a field must not pass for a field that was left out. */
const strictPlan = z.strictObject({ units: z.array(unit.strict()) }).and(givenPlan)

/** A plan as a file that a person can change: a comment for them, then `units` as spec.plan has them. */
export function planFile({ units }: GivenPlan, comment: readonly string[]): string {
  const shown = units.map(({ name, goal, files, doneWhen, after = [] }) => ({
    name,
    goal,
    files,
    doneWhen,
    ...(after.length === 0 ? {} : { after }),
  }))
  const lines = [
    ...comment,
    'Each unit is code that can be written and tested on its own; tests are written from doneWhen.',
    'after names earlier units that must be finished first. At most 8 units of at most 6 files each.',
  ]
  return `${lines.map((line) => `# ${line}\n`).join('')}${stringify({ units: shown }, { lineWidth: 110 })}`
}

/** Reads such a file, or stdin for `-`. Errors: `CliError` (usage) naming the field. */
export async function readPlanFile(file: string, cwd: string): Promise<GivenPlan> {
  const where = file === '-' ? 'stdin' : file
  return parsePlan(await textOf(file, cwd, 'guild plan --request "…" --save plan.yaml'), where)
}

/** Reads the text of such a file; `where` names it for people. Errors: `CliError` (usage) naming the field. */
export function parsePlan(text: string, where: string): GivenPlan {
  const document = parseDocument(text)
  const [mistake] = document.errors
  if (mistake !== undefined) throw refused(where, mistake.message.split('\n')[0] ?? '')
  const parsed = strictPlan.safeParse(document.toJS())
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw refused(where, `${issue?.path.join('.') || 'units'}: ${issue?.message ?? ''}`)
  }
  const doubled = doubledName(parsed.data)
  if (doubled !== undefined) throw refused(where, `units: ${doubled}`)
  return parsed.data
}

/** What is wrong with the names of the units, in words; a rule of the CRD, which zod does not evaluate. */
export function doubledName({ units }: GivenPlan): string | undefined {
  const names = units.map(({ name }) => name)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  return twice === undefined ? undefined : `two are called ${twice}; their names must differ`
}

function refused(where: string, sentence: string): CliError {
  return new CliError(`${where} holds no plan: ${sentence}`, {
    next: 'kubectl explain devrequest.spec.plan.units   (also in docs/reference/kinds.md)',
    exitCode: exitCodes.usage,
  })
}
