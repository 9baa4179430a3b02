import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import type { Connection } from '../../cli/cluster/connection.ts'
import { listRequests, type Where } from '../../cli/cluster/requests.ts'
import { createRequest, manifestsOf, type Manifest } from '../../cli/commands/submit.ts'
import { watchRequest } from '../../cli/commands/watch.ts'
import { exitCodes } from '../../cli/failure.ts'
import {
  hasRequestSucceeded,
  isRequestFinished,
  taskLines,
  type Snapshot,
} from '../../core/view/request.ts'
import type { Terminal } from '../../cli/terminal.ts'
import { conditionOf } from '../../core/api/condition-list.ts'
import { requestConditions } from '../../core/api/conditions.ts'
import { hasFailed } from '../../core/api/task-state.ts'
import type { Log } from '../cluster/log.ts'
import { repository } from '../images/repository.ts'
import { DemoError } from './steps.ts'
import { cloneBranch } from '../../cli/commands/fetch.ts'
import { resultOf, withForge } from '../../cli/forge/access.ts'
import { git } from '../../cli/forge/git.ts'
import type { DevRequest } from '../../core/api/devrequest.ts'
import { visibleText } from '../../core/api/plain-text.ts'

interface StoryOptions {
  readonly connection: Connection
  readonly terminal: Terminal
  readonly log: Log
  readonly signal: AbortSignal
  readonly timeoutMs: number
}

/** The example that the demo hands in, relative to the repository. */
export const example = 'examples/hello.yaml'

/**
 * Hands in the example under a fresh name and shows it until it ends. Returns the last view of it.
 * Errors: `DemoError` when it did not succeed, with every failed task, its reason and its remedy.
 */
export async function runStory(options: StoryOptions): Promise<Snapshot> {
  const { connection, log, signal } = options
  const { client, namespace } = connection
  const where = { client, namespace, signal }
  const [first] = await manifestsOf(join(repository, example))
  if (first === undefined) throw new DemoError(`${example} holds no DevRequest`)
  await nameUnfinished(options, first.metadata.name)
  const manifest = await withFreshName(where, first)
  const { name } = manifest.metadata
  if (name !== first.metadata.name)
    log.line(
      `the request is called ${name}: an earlier run left ${first.metadata.name}, which is over or still under way`,
    )
  log.line(`kubectl apply -f ${example}   as ${name}`)
  await createRequest({ client, namespace, manifest, signal })
  const { exitCode, last } = await watchRequest({ ...options, name })
  if (exitCode === exitCodes.succeeded && last !== undefined) return last
  throw new DemoError(
    exitCode === exitCodes.failed ? `${name} did not succeed` : `${name} is not finished in time`,
    { evidence: last === undefined ? [] : evidenceOf(last), next: nextFor(name, namespace) },
  )
}

/** A request of an interrupted run goes on by itself. A person should know that it takes agents. */
async function nameUnfinished(options: StoryOptions, name: string): Promise<void> {
  const { connection, log, signal } = options
  const { client, namespace } = connection
  for (const request of await listRequests({ client, namespace, signal })) {
    if (!isSeries(request.metadata.name, name) || isRequestFinished(request)) continue
    log.line(
      `${request.metadata.name} of an earlier run is not finished; it goes on beside this one`,
    )
  }
}

/** `hello` the first time, then `hello-2`, `hello-3`: what earlier runs made stays readable. */
async function withFreshName(where: Where, manifest: Manifest): Promise<Manifest> {
  const { name } = manifest.metadata
  const taken = (await listRequests(where)).map(({ metadata }) => metadata.name)
  return {
    ...manifest,
    metadata: { ...manifest.metadata, namespace: where.namespace, name: freshName(name, taken) },
  }
}

/** The name itself if no request of the series exists, else the one after the highest number. */
export function freshName(name: string, taken: readonly string[]): string {
  const numbers = taken
    .filter((other) => isSeries(other, name))
    .map((other) => (other === name ? 1 : Number(other.slice(name.length + 1))))
  return numbers.length === 0 ? name : `${name}-${Math.max(...numbers) + 1}`
}

const isSeries = (other: string, name: string): boolean =>
  other === name || (other.startsWith(`${name}-`) && /^\d+$/.test(other.slice(name.length + 1)))

/** Why the request did not succeed, as far as the objects show. */
export function evidenceOf(snapshot: Snapshot): readonly string[] {
  const { request } = snapshot
  const summary = conditionOf(request, requestConditions.Succeeded)
  const stalled = conditionOf(request, requestConditions.Stalled)
  const waiting = request.status?.waitingFor
  return [
    ...(hasRequestSucceeded(request) || summary === undefined
      ? []
      : [`${summary.reason}: ${summary.message}`]),
    ...(stalled === undefined ? [] : [`stalled: ${stalled.message}`]),
    ...(waiting ? [`waiting: ${waiting}`] : []),
    ...taskLines(snapshot).flatMap(({ task }) => {
      if (task === undefined || !hasFailed(task)) return []
      const { failure, result } = task.status ?? {}
      const run = result?.evidence.findLast(({ exitCode }) => exitCode !== 0)
      return [
        `${task.metadata.name}: ${failure?.reason ?? 'failed'}: ${failure?.message ?? ''}`,
        ...(run === undefined
          ? []
          : [`  ${run.command} (exit code ${run.exitCode}): ${run.digest}`]),
        ...(failure?.remedy ? [`  remedy: ${failure.remedy}`] : []),
      ]
    }),
  ]
}

function nextFor(name: string, namespace: string): readonly string[] {
  return [
    `npm run -s guild -- tree ${name}`,
    `npm run -s guild -- logs ${name}`,
    `kubectl -n ${namespace} describe devrequest ${name}`,
    `kubectl -n ${namespace} logs deploy/guildhall-operator`,
  ]
}

/** A clone of the result outside the cluster. */
export interface Delivered {
  readonly directory: string
  /** Removes the clone. Never throws. */
  readonly remove: () => Promise<void>
  readonly branch: string
  readonly base: string
}

/** Clones the result branch, as anybody would, into a new directory. */
export async function cloneResult(options: {
  readonly connection: Connection
  readonly request: DevRequest
  readonly signal: AbortSignal
}): Promise<Delivered> {
  const { connection, request, signal } = options
  const result = resultOf(request)
  const parent = await mkdtemp(join(tmpdir(), 'guildhall-demo-'))
  const directory = join(parent, request.metadata.name)
  const remove = async (): Promise<void> =>
    rm(parent, { recursive: true, force: true }).catch(() => undefined)
  try {
    await withForge({ connection, signal }, (remote) =>
      cloneBranch(remote, result, directory, signal),
    )
  } catch (error) {
    await remove()
    throw error
  }
  return { directory, branch: result.branch, base: result.base, remove }
}

/**
 * Shows the branch and runs its tests with nothing of Guildhall around. Errors: `DemoError` when
 * they fail.
 */
export async function showResult(
  { directory, branch, base }: Pick<Delivered, 'directory' | 'branch' | 'base'>,
  options: { readonly log: Log; readonly signal: AbortSignal },
): Promise<void> {
  const { log, signal } = options
  const show = async (command: readonly string[]) => {
    log.line(`$ git ${command.join(' ').replaceAll(base, base.slice(0, 8))}`)
    const text = await git(command, { cwd: directory, signal })
    for (const line of text.split('\n')) log.line(`  ${visibleText(line)}`)
  }
  log.line(`branch ${branch}, in a clone that goes when the demo ends: ${directory}`)
  await show(['log', '--oneline', '--graph', ...(base === '' ? [] : [`${base}..HEAD`])])
  await show(['diff', '--stat', base, 'HEAD'])
  await runTests(directory, options)
}

const shownLines = 40

async function runTests(
  directory: string,
  { log, signal }: { readonly log: Log; readonly signal: AbortSignal },
): Promise<void> {
  log.line('$ node --test   in that clone, outside the system')
  const run = await execa(process.execPath, ['--test', '--test-reporter=spec'], {
    cwd: directory,
    env: cleanEnvironment(process.env),
    extendEnv: false,
    all: true,
    reject: false,
    timeout: 120_000,
    cancelSignal: signal,
  })
  signal.throwIfAborted()
  const lines = run.all.split('\n')
  if (lines.length > shownLines) log.line(`  (${lines.length - shownLines} lines before)`)
  for (const line of lines.slice(-shownLines)) log.line(`  ${visibleText(line)}`)
  const passed = Number(/^\S+ pass (\d+)/m.exec(run.all)?.[1] ?? 0)
  if (run.exitCode === 0 && passed > 0) return
  throw new DemoError(
    passed === 0 && run.exitCode === 0
      ? 'the delivered tree has no tests'
      : `the tests of the delivered tree fail outside the system (exit code ${run.exitCode ?? 'none'})`,
    { next: [`cd ${directory} && node --test`] },
  )
}

/** The environment of a person's shell: nothing of npm, of this run or of the cluster. */
export function cleanEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const kept = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TMPDIR', 'USER']
  return Object.fromEntries(
    kept.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])),
  )
}
