import { agentTasks } from '../../operator/api/kinds.ts'
import { isNotFound } from '../../operator/kube/errors.ts'
import { originOf, type Connection } from '../cluster/connection.ts'
import { readRequest, resolveName } from '../cluster/requests.ts'
import { CliError } from '../failure.ts'
import { resultOf, withForge, type ResultRef } from '../forge/access.ts'
import { git, gitBytes } from '../forge/git.ts'
import { mirrorBranch } from '../forge/mirror.ts'
import { renderDiff } from '../show/diff.ts'
import type { Terminal } from '../terminal.ts'

export interface DiffOptions {
  readonly connection: Connection
  readonly terminal: Terminal
  readonly signal: AbortSignal
  readonly name: string
  /** Only what this task brought. */
  readonly task?: string | undefined
  readonly stat?: boolean | undefined
}

/** git's own empty tree: what a repository without a base is compared with. */
const emptyTree = '4b825dc642cb6eb9a060e54bf8d69288fbee4904'

/** Prints what a request, or one task of it, changed. */
export async function showDiff(options: DiffOptions): Promise<void> {
  const { connection, terminal, signal } = options
  const { client, namespace } = connection
  const where = { client, namespace, signal }
  const request = await readRequest(where, await resolveName(where, options.name))
  const result = resultOf(request)
  const { repository, branch } = result
  const origin = await originOf(connection)
  const directory = await withForge({ connection, signal }, (remote) =>
    mirrorBranch({ remote, origin, repository, branch, signal }),
  )
  const range =
    options.task === undefined
      ? await requestRange(directory, result, signal)
      : await taskRange(directory, await mergedCommit(options, options.task), signal)
  await printDiff(directory, [...(options.stat ? ['--stat'] : []), ...range], terminal, signal)
}

/**
 * Prints what `git diff` says of a repository of ours. On a screen, and wherever colours are wanted, everything in the files
 * is made visible and the colours are ours; into a pipe it goes byte for byte.
 */
export async function printDiff(
  cwd: string,
  args: readonly string[],
  terminal: Pick<Terminal, 'out' | 'bytes' | 'screen' | 'style'>,
  signal: AbortSignal,
): Promise<void> {
  // Colours come from here: among git's own, those of a file could not be told apart.
  const plain = ['--color=never', '--no-ext-diff', '--no-textconv']
  const bytes = await gitBytes(['diff', ...plain, ...args], { cwd, own: true, signal })
  const { color } = terminal.style()
  if (!terminal.screen && !color) {
    terminal.bytes(bytes)
    return
  }
  terminal.out(renderDiff(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes), color))
}

/** From where the work began (not from where that branch is now) to the result. */
async function requestRange(
  cwd: string,
  { base, branch }: ResultRef,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const tip = await git(['rev-parse', '--verify', `refs/heads/${branch}`], {
    cwd,
    own: true,
    signal,
  })
  return [base === '' ? emptyTree : base, tip]
}

/** What one merge, or one plain commit, brought to the branch it went into. */
async function taskRange(
  cwd: string,
  commit: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const parents = await git(['rev-list', '--parents', '--max-count=1', commit], {
    cwd,
    own: true,
    signal,
  })
  return [parents.split(' ')[1] ?? emptyTree, commit]
}

async function mergedCommit(options: DiffOptions, name: string): Promise<string> {
  const { client, namespace } = options.connection
  try {
    const task = await client.get(agentTasks, { namespace, name, signal: options.signal })
    const commit = task.status?.result?.merged ?? task.status?.result?.commit
    if (commit) return commit
    throw new CliError(`the task ${name} has brought no commit`, {
      next: `guild tree ${task.spec.requestRef.name}`,
    })
  } catch (error) {
    if (!isNotFound(error)) throw error
    throw new CliError(`there is no AgentTask ${name} in ${namespace}`, {
      next: `guild tree ${options.name}`,
      cause: error,
    })
  }
}
