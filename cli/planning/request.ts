import { z } from 'zod'
import {
  type DevRequestSpec,
  type GivenPlan,
  devRequestSpec,
  givenPlan,
  unit,
} from '../../core/api/devrequest.ts'
import { objectName } from '../../core/api/schema.ts'
import { manifestsIn, plainName, textOf } from '../commands/submit.ts'
import { CliError, exitCodes } from '../failure.ts'
import { stringify } from 'yaml'
import { documentsIn } from '../yaml.ts'

/** What is to be planned, as the cluster would see it. */
export interface PlanRequest {
  /** Names of tasks begin with it. */
  readonly name: string
  readonly spec: DevRequestSpec
}

/** Where the request of a person stands; exactly one of the two. */
export interface RequestFlags {
  readonly request?: string | undefined
  /** A file with one DevRequest or with plain text; `-` is stdin. */
  readonly file?: string | undefined
  /** A file with the person's own plan, which takes the place of any in the DevRequest. */
  readonly plan?: string | undefined
}

const example = 'guild plan --request "Write a function that …, with tests"'

/**
 * Reads the request that is to be planned, and checks it as the API server would. The name of a
 * request in plain language is made from its words alone: the same text has the same plan, hash and
 * all.
 * Errors: `CliError` (usage) naming the field.
 */
export async function readRequest(flags: RequestFlags, cwd: string): Promise<PlanRequest> {
  const { name, spec } = await wanted(flags, cwd)
  if (flags.plan === undefined) return { name, spec }
  return { name, spec: { ...spec, plan: await readPlanFile(flags.plan, cwd) } }
}

async function wanted({ request, file }: RequestFlags, cwd: string): Promise<PlanRequest> {
  if (request !== undefined && file !== undefined) throw usage('give only one of --request, --file')
  if (request !== undefined) return inPlainLanguage(request, '--request')
  if (file === undefined) throw usage('plan needs either --request or --file')
  const where = file === '-' ? 'stdin' : file
  const text = await textOf(file, cwd, 'guild plan --file examples/hello.yaml')
  if (!isManifest(text, file)) return inPlainLanguage(text.trim(), where)
  const manifests = manifestsIn(text, where)
  const [manifest] = manifests
  if (manifest === undefined || manifests.length > 1) {
    throw usage(
      `${where} holds ${manifests.length} DevRequests; plan takes a file with one`,
      'guild plan --file examples/hello.yaml',
    )
  }
  const { metadata, spec } = manifest
  return checked(metadata.name, spec, where)
}

/**
 * A manifest begins with one of its four fields, after comments; a text that only quotes one does
 * not.
 */
function isManifest(text: string, file: string): boolean {
  if (/\.(?:ya?ml|json)$/i.test(file)) return true
  return /^(?:\s*(?:#.*|---.*)?\n)*(?:\{|(?:apiVersion|kind|metadata|spec):)/.test(text)
}

function inPlainLanguage(text: string, where: string): PlanRequest {
  return checked(plainName(text), { request: text }, where)
}

function checked(name: string, raw: unknown, where: string): PlanRequest {
  const { request = '' } = (raw ?? {}) as { readonly request?: unknown }
  if (typeof request === 'string' && request.trim() === '')
    throw usage(
      `${where === '--request' ? '--request' : `spec.request of ${where}`} is empty: say what to build or change, and how you will know it works`,
    )
  const parsed = z
    .object({ metadata, spec: devRequestSpec })
    .safeParse({ metadata: { name }, spec: raw })
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw refused(issue?.path.join('.') ?? '', issue?.message ?? '', where)
  }
  const { spec } = parsed.data
  const strange = droppedField(raw, spec, 'spec')
  if (strange !== undefined)
    throw refused(strange, 'there is no such field in a DevRequest; is it misspelt?', where)
  // The CRD has this as a rule, which zod does not evaluate.
  const doubled = spec.plan === undefined ? undefined : doubledName(spec.plan)
  if (doubled !== undefined) throw refused('spec.plan.units', doubled, where)
  return { name, spec }
}

/**
 * The path of a field that was given and is not known: zod leaves such fields out, and a slip in a
 * name must not pass for a field that was left out.
 */
function droppedField(given: unknown, kept: unknown, path: string): string | undefined {
  if (typeof given !== 'object' || typeof kept !== 'object' || !given || !kept) return undefined
  const known = new Map<string, unknown>(Object.entries(kept))
  for (const [name, value] of Object.entries(given)) {
    const at = Array.isArray(given) ? `${path}[${name}]` : `${path}.${name}`
    const found = known.has(name) ? droppedField(value, known.get(name), at) : at
    if (found !== undefined) return found
  }
  return undefined
}

const metadata = z.object({ name: objectName('') })

function refused(field: string, message: string, where: string): CliError {
  return usage(
    `${where} cannot be planned: ${field}: ${message}`,
    'docs/reference/kinds.md says what each field takes; correct it and plan again',
  )
}

function usage(sentence: string, next = example): CliError {
  return new CliError(sentence, { next, exitCode: exitCodes.usage })
}

/** A slip in the name of a field must not pass for a field that was left out. */
const strictPlan = z.strictObject({ units: z.array(unit.strict()) }).and(givenPlan)

/**
 * A plan as a file that a person can change: a comment for them, then `units` as spec.plan has
 * them.
 */
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

/** Reads a plan file, or stdin for `-`. Errors: `CliError` (usage) naming the field. */
export async function readPlanFile(file: string, cwd: string): Promise<GivenPlan> {
  const where = file === '-' ? 'stdin' : file
  return parsePlan(await textOf(file, cwd, 'guild plan --request "…" --save plan.yaml'), where)
}

/**
 * Reads the text of a plan file; `where` names it for people. Errors: `CliError` (usage) naming the
 * field.
 */
export function parsePlan(text: string, where: string): GivenPlan {
  const [value, ...more] = documentsIn(text, where, explained)
  if (value === undefined) throw noPlan(where, 'it is empty, or has only comments')
  if (more.length > 0) throw noPlan(where, 'it has several documents (---), and a plan is one')
  const parsed = strictPlan.safeParse(value)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    const message = issue?.message ?? ''
    throw noPlan(
      where,
      issue?.path.length ? `${issue.path.join('.')}: ${message}` : `it ${message}`,
    )
  }
  const doubled = doubledName(parsed.data)
  if (doubled !== undefined) throw noPlan(where, `units: ${doubled}`)
  return parsed.data
}

/**
 * Says which name two units have; undefined when the names differ. The CRD has this as a rule,
 * which zod does not evaluate.
 */
function doubledName({ units }: GivenPlan): string | undefined {
  const names = units.map(({ name }) => name)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  return twice === undefined ? undefined : `two are called ${twice}; their names must differ`
}

const explained = 'kubectl explain devrequest.spec.plan.units   (also in docs/reference/kinds.md)'

function noPlan(where: string, sentence: string): CliError {
  return new CliError(`${where} holds no plan: ${sentence}`, {
    next: explained,
    exitCode: exitCodes.usage,
  })
}
