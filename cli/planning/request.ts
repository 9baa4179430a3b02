import { z } from 'zod'
import { devRequestSpec, type DevRequestSpec } from '../../core/api/devrequest.ts'
import { objectName } from '../../core/api/schema.ts'
import { manifestsIn, plainName, textOf } from '../commands/submit.ts'
import { CliError, exitCodes } from '../failure.ts'
import { doubledName, readPlanFile } from './units.ts'

/** What is to be planned, as the cluster would see it. */
export interface PlanRequest {
  /** Names of tasks begin with it. */
  readonly name: string
  readonly spec: DevRequestSpec
}

/** Where a person said what they want; exactly one of the two. */
export interface RequestFlags {
  readonly request?: string | undefined
  /** A file with one DevRequest or with plain text; `-` is stdin. */
  readonly file?: string | undefined
  /** A file with the person's own plan, which takes the place of any in the DevRequest. */
  readonly plan?: string | undefined
}

const example = 'guild plan --request "Write a function that …, with tests"'

/**
 * Reads what is to be planned, and checks it as the API server would.
 * The name of a request in plain language is made from its words alone: the same text has the same plan, hash and all.
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

/** A manifest begins with one of its four fields, after comments; a text that only quotes one does not. */
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
  // What the CRD says in rules, which zod does not evaluate.
  const doubled = spec.plan === undefined ? undefined : doubledName(spec.plan)
  if (doubled !== undefined) throw refused('spec.plan.units', doubled, where)
  return { name, spec }
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
