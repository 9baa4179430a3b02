import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { stringify } from 'yaml'
import { z } from 'zod'
import { priorities } from '../../core/api/agent-types.ts'
import { type GivenPlan, devRequestKind } from '../../core/api/devrequest.ts'
import { visibleText } from '../../core/api/plain-text.ts'
import { devRequests } from '../../core/api/kinds.ts'
import { apiVersion } from '../../core/api/names.ts'
import { nameProblem } from '../../core/api/schema.ts'
import type { KubeClient } from '../../core/kube/client.ts'
import { fileProblem } from '../../core/base/file-problem.ts'
import {
  KubeError,
  isAlreadyExists,
  isInvalid,
  isNotFound,
  isStrange,
} from '../../core/kube/errors.ts'
import type { Resource } from '../../core/kube/resource.ts'
import type { Random } from '../../core/base/clock.ts'
import type { Connection } from '../cluster/connection.ts'
import { noSuchNamespace } from '../cluster/requests.ts'
import { kindMissing, refusalInWords } from '../explain.ts'
import { CliError, exitCodes } from '../failure.ts'
import { documentsIn } from '../yaml.ts'
import { type Terminal, jsonText } from '../terminal.ts'

/** What a person can say on the command line about new work. */
export interface SubmitFlags {
  readonly name?: string | undefined
  readonly template?: string | undefined
  readonly repo?: string | undefined
  readonly git?: string | undefined
  readonly ref?: string | undefined
  readonly priority?: string | undefined
  readonly model?: string | undefined
  readonly planOnly?: boolean | undefined
  readonly suspend?: boolean | undefined
}

/** A DevRequest as a person writes it: the API server fills in and checks the rest. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string | undefined }
  readonly spec: Readonly<Record<string, unknown>>
}

/**
 * Makes the manifest of a request in plain language, with the person's own plan if they have one.
 * Errors: `CliError` (usage) when flags contradict each other.
 */
export function manifestFor(
  text: string,
  flags: SubmitFlags,
  random: Random,
  plan?: GivenPlan,
): Manifest {
  const sources = [flags.template, flags.repo, flags.git].filter((flag) => flag !== undefined)
  if (sources.length > 1) {
    throw new CliError('give only one of --template, --repo, --git', {
      next: 'guild submit --help',
      exitCode: exitCodes.usage,
    })
  }
  if (flags.ref !== undefined && flags.repo === undefined && flags.git === undefined) {
    throw new CliError('--ref needs --repo or --git', {
      next: 'guild submit --help',
      exitCode: exitCodes.usage,
    })
  }
  if (text.trim() === '')
    throw new CliError(
      'the text is empty: say what to build or change, and how you will know it works',
      {
        next: 'guild submit "Write a function that …, with tests"',
        exitCode: exitCodes.usage,
      },
    )
  const { ref, priority, model } = flags
  const at = ref === undefined ? {} : { ref }
  const source =
    flags.template !== undefined
      ? { template: { name: flags.template } }
      : flags.repo !== undefined
        ? { repository: { name: flags.repo, ...at } }
        : flags.git !== undefined
          ? { git: { url: flags.git, ...at } }
          : undefined
  return {
    apiVersion,
    kind: devRequestKind.kind,
    metadata: { name: flags.name ?? nameFor(text, random) },
    spec: {
      request: text,
      ...(priority === undefined ? {} : { priority }),
      ...(source === undefined ? {} : { source }),
      ...(model === undefined ? {} : { model }),
      ...(plan === undefined ? {} : { plan }),
      ...(flags.planOnly ? { planOnly: true } : {}),
      ...(flags.suspend ? { suspend: true } : {}),
    },
  }
}

/** Errors: `CliError` (usage) for a flag that a file says as a field. */
export function refuseFieldsOf(flags: SubmitFlags & { readonly plan?: string | undefined }): void {
  const { name, template, repo, git, ref, priority, model, plan, planOnly, suspend } = flags
  const said = { name, template, repo, git, ref, priority, model, plan, planOnly, suspend }
  const [flag] = Object.entries(said).flatMap(([one, value]) => (value === undefined ? [] : one))
  if (flag === undefined) return
  const typed = flag === 'planOnly' ? 'plan-only' : flag
  throw new CliError(`--${typed} goes with a text; in a file it is a field`, {
    next: 'kubectl explain devrequest.spec',
    exitCode: exitCodes.usage,
  })
}

const fillers = new Set(['a', 'an', 'the', 'and', 'of', 'to', 'with', 'for', 'that', 'please'])

/** A name that a person recognises: the first words that say something. */
export function plainName(text: string): string {
  const words = text
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '' && !fillers.has(word))
  return words.slice(0, 3).join('-').slice(0, 24).replace(/-+$/, '') || 'request'
}

/** The plain name with three characters that keep it apart from the last one. */
export function nameFor(text: string, random: Random): string {
  const suffix = Math.floor(random.next() * 36 ** 3)
    .toString(36)
    .padStart(3, '0')
  return `${plainName(text)}-${suffix}`
}

/** Fields that are not known stay: the API server refuses them and names them. */
const manifestShape = z.looseObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal(devRequestKind.kind),
  metadata: z.looseObject({ name: z.string().min(1), namespace: z.string().optional() }),
  spec: z.record(z.string(), z.unknown()),
})
const explained = 'kubectl explain devrequest.spec'

/**
 * The DevRequests of a YAML file, or of stdin for `-`; at least one. Errors: `CliError` (usage)
 * naming the document that is none.
 */
export async function manifestsOf(file: string, cwd = '.'): Promise<readonly Manifest[]> {
  const where = file === '-' ? 'stdin' : file
  const found = manifestsIn(await textOf(file, cwd), where)
  if (found.length > 0) return found
  throw new CliError(`${where} holds no DevRequest: it is empty, or has only comments`, {
    next: 'guild submit -f examples/hello.yaml',
    exitCode: exitCodes.usage,
  })
}

/** The text of a file, or of stdin for `-`. Errors: `CliError` (usage) when it cannot be read. */
export async function textOf(
  file: string,
  cwd = '.',
  next = 'guild submit -f examples/hello.yaml',
): Promise<string> {
  return readAll(file === '-' ? file : resolve(cwd, file)).catch((cause: unknown) => {
    throw new CliError(`${file} cannot be read: ${fileProblem(cause)}`, {
      next,
      exitCode: exitCodes.usage,
      cause,
    })
  })
}

/** The DevRequests in the text of a file. Errors: `CliError` naming the document that is none. */
export function manifestsIn(text: string, file: string): readonly Manifest[] {
  return documentsIn(text, file, explained).map((value, at) => {
    const { success, data, error } = manifestShape.safeParse(value)
    if (success) return data
    // What `inWords` says of the document itself is a predicate, which needs a subject.
    const what = error.issues
      .map(({ path, message }) =>
        path.length === 0 ? `it ${message}` : `${path.join('.')}: ${message}`,
      )
      .join('; ')
    throw new CliError(`document ${at + 1} of ${file} is not a DevRequest: ${what}`, {
      next: explained,
      exitCode: exitCodes.usage,
    })
  })
}

async function readAll(file: string): Promise<string> {
  if (file !== '-') return readFile(file, 'utf8')
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8')
}

// The spec goes as it was written: the API server, not this program, knows what is allowed.
const { object: _, ...place } = devRequests
const asWritten: Resource<Manifest> = place

/**
 * Sends one manifest. Returns the stored object, or with `dryRun` the object that would be. Errors:
 * `CliError`.
 */
export async function createRequest(options: {
  readonly client: Pick<KubeClient, 'create' | 'list'>
  readonly namespace: string
  readonly manifest: Manifest
  readonly dryRun?: boolean | undefined
  /** The file that the manifest was read from, where a name has to be corrected. */
  readonly file?: string | undefined
  readonly signal: AbortSignal
}): Promise<Manifest> {
  const { client, manifest, file, signal, dryRun = false } = options
  const namespace = manifest.metadata.namespace ?? options.namespace
  const { name } = manifest.metadata
  // The API server would answer with the pattern of a name.
  const problem = nameProblem(name)
  if (problem !== undefined)
    throw new CliError(`a DevRequest cannot be called ${name}: ${problem}`, {
      next:
        file === undefined
          ? 'guild submit … --name another-name'
          : `correct metadata.name, then: guild submit --file ${file}`,
      exitCode: exitCodes.usage,
    })
  try {
    const draft = { ...manifest, metadata: { ...manifest.metadata, namespace } }
    return await client.create(asWritten, draft, {
      signal,
      dryRun,
      fieldManager: 'guild',
      strict: true,
    })
  } catch (error) {
    if (isAlreadyExists(error)) {
      throw new CliError(`there is a DevRequest ${name} in ${namespace} already`, {
        next: `guild watch ${name} -n ${namespace}   (or choose another ${file === undefined ? '--name' : 'metadata.name'})`,
        cause: error,
      })
    }
    if (isInvalid(error) || (error instanceof KubeError && isStrange(error)))
      throw new CliError(`the API server refused ${name}: ${refusalInWords(error)}`, {
        next: explained,
        exitCode: exitCodes.usage,
        cause: error,
      })
    if (isNotFound(error)) {
      if (error.message.includes(`namespaces "${namespace}" not found`))
        throw await noSuchNamespace({ client, namespace, signal }, 'guild submit …', error)
      throw kindMissing(namespace, error)
    }
    throw error
  }
}

/** A DevRequest by its name and namespace. */
export interface RequestRef {
  readonly name: string
  readonly namespace: string
}

/**
 * Sends the requests of a person and prints the answer to each. Returns the requests that were
 * made, in order.
 */
export async function submit(options: {
  readonly connection: Connection
  readonly terminal: Terminal
  readonly signal: AbortSignal
  readonly manifests: readonly Manifest[]
  readonly file?: string | undefined
  readonly dryRun?: boolean | undefined
  readonly output?: string | undefined
}): Promise<readonly RequestRef[]> {
  const { connection, terminal, manifests, dryRun = false, output } = options
  const refs: RequestRef[] = []
  for (const manifest of manifests) {
    const made = await createRequest({ ...options, ...connection, manifest })
    const { name, namespace = connection.namespace } = made.metadata
    refs.push({ name, namespace })
    if (output === 'json') terminal.out(`${jsonText(made)}\n`)
    else if (dryRun)
      terminal.out(`---\n${yamlText(stringify(withoutServerFields(made)), terminal)}`)
    else terminal.out(`devrequest/${name} created in the namespace ${namespace}\n`)
  }
  return refs
}

/** Text of objects for a person, or as it is for a program that reads it. */
function yamlText(text: string, terminal: Terminal): string {
  return terminal.screen ? visibleText(text) : text
}

function withoutServerFields({ apiVersion: version, kind, metadata, spec }: Manifest): Manifest {
  const { name, namespace } = metadata
  return { apiVersion: version, kind, metadata: { name, namespace }, spec }
}

/** What --priority takes. */
export const priorityNames: readonly string[] = priorities
