import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import type { Connection } from '../../cli/cluster/connection.ts'
import { cloneBranch } from '../../cli/commands/fetch.ts'
import { resultOf, withForge } from '../../cli/forge/access.ts'
import { git } from '../../cli/forge/git.ts'
import type { DevRequest } from '../../core/api/devrequest.ts'
import { visibleText } from '../../core/api/plain-text.ts'
import type { Log } from '../cluster/log.ts'
import { DemoError } from './steps.ts'

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

/** Shows the branch and runs its tests with nothing of Guildhall around. Errors: `DemoError` when they fail. */
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
