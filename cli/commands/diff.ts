import { type Connection, originOf } from '../cluster/connection.ts'
import { readSnapshot, resolveName, taskMeant } from '../cluster/requests.ts'
import { CliError } from '../failure.ts'
import { type ResultRef, endOf, resultOf, withForge } from '../forge/access.ts'
import { git, gitBytes } from '../forge/git.ts'
import { mirrorBranch } from '../forge/mirror.ts'
import { renderDiff } from '../show/style.ts'
import type { Snapshot } from '../../core/view/request.ts'
import type { Terminal } from '../terminal.ts'

interface DiffOptions {
  readonly connection: Connection
  readonly terminal: Terminal
  readonly signal: AbortSignal
  readonly name: string
  /** Shows only the changes of this task. */
  readonly task?: string | undefined
  readonly stat?: boolean | undefined
}

/** git's own empty tree: a repository without a base is compared with it. */
const emptyTree = '4b825dc642cb6eb9a060e54bf8d69288fbee4904'

/** Prints what a request, or one task of it, changed. */
export async function showDiff(options: DiffOptions): Promise<void> {
  const { connection, terminal, signal } = options
  const { client, namespace } = connection
  const where = { client, namespace, signal }
  const snapshot = await readSnapshot(where, await resolveName(where, options.name))
  const { request } = snapshot
  const result = resultOf(request)
  const task = options.task === undefined ? undefined : taskMeant(snapshot, options.task)
  const merged = task === undefined ? undefined : mergedCommit(snapshot, task)
  const { repository, branch } = result
  const origin = await originOf(connection)
  const directory = await withForge({ connection, signal }, (remote) =>
    mirrorBranch({ remote, origin, repository, branch, signal }),
  )
  const range =
    merged === undefined
      ? await requestRange(directory, result, signal)
      : await taskRange(directory, merged, signal)
  const args = [...(options.stat ? ['--stat'] : []), ...range]
  if (await printDiff(directory, args, terminal, signal)) return
  const { name } = request.metadata
  terminal.err(
    task === undefined ? `${endOf(request)}\n` : `the task ${task} of ${name} changed no file\n`,
  )
  terminal.next(`guild tree ${name}`)
}

/**
 * Prints what `git diff` says of a repository of ours. On a screen, and wherever colours are
 * wanted, everything in the files is made visible and the colours are ours; into a pipe it goes
 * byte for byte. Returns false when there was nothing.
 */
export async function printDiff(
  cwd: string,
  args: readonly string[],
  terminal: Pick<Terminal, 'out' | 'bytes' | 'screen' | 'style'>,
  signal: AbortSignal,
): Promise<boolean> {
  // Guildhall colours the lines: between git's own colours, escape codes of a file would not be
  // recognized.
  const plain = ['--color=never', '--no-ext-diff', '--no-textconv']
  const bytes = await gitBytes(['diff', ...plain, ...args], { cwd, own: true, signal })
  const { color } = terminal.style()
  if (!terminal.screen && !color) {
    terminal.bytes(bytes)
    return bytes.length > 0
  }
  terminal.out(renderDiff(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes), color))
  return bytes.length > 0
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

function mergedCommit({ request, tasks }: Snapshot, name: string): string {
  const { result } = tasks.find(({ metadata }) => metadata.name === name)?.status ?? {}
  const commit = result?.merged ?? result?.commit
  if (commit) return commit
  throw new CliError(`the task ${name} has brought no commit`, {
    next: `guild tree ${request.metadata.name}`,
  })
}
