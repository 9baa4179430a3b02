// Runs git with fixed arguments and settings that no repository, machine or project file can change.
//
// git never sees the work tree that project code can write, except in one call that fills it while
// it is empty: the files that git reads there (attributes, submodules, an index) could make it run
// programs in the container that holds the token.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'
import { TaskFailure } from '../outcome.ts'

interface GitSettings {
  /** The git directory, where project code cannot reach it. */
  readonly gitDir: string
  /** Sent as a bearer token to `remote` alone; read again for every call to it. */
  readonly token: () => Promise<string>
  /** Base URL of the forge. */
  readonly remote: string
  /** The transports by which git may reach `remote`, e.g. `http`. */
  readonly protocols: readonly string[]
}

interface GitRun {
  readonly exitCode: number
  readonly stdout: Buffer
  readonly stderr: string
}

/** A git bound to one git directory. */
export interface WorkspaceGit {
  /** Makes the git directory and switches off what a repository's files can ask of git. */
  init(options: GitCall): Promise<void>
  /** Runs to the end and gives its exit code. Knows no token and may use no transport. */
  run(args: readonly string[], options: GitCall): Promise<GitRun>
  /** The same for a call that talks to the forge: the only ones that are given the token. */
  remote(args: readonly string[], options: GitCall): Promise<GitRun>
  /**
   * Fills an empty folder with the files of a commit, byte for byte: the one call that is given a
   * work tree. Links become small files with their target, submodules empty folders.
   */
  fill(folder: string, commit: string, options: GitCall): Promise<void>
  /** The output of a local call that succeeded; throws `TaskFailure` InternalError otherwise. */
  output(args: readonly string[], options: GitCall): Promise<string>
  /** The same, as bytes. */
  bytes(args: readonly string[], options: GitCall): Promise<Buffer>
}

interface GitCall {
  readonly signal: AbortSignal
  readonly input?: string | Uint8Array
  readonly env?: Readonly<Record<string, string>>
}

/**
 * The strongest attributes there are: no conversion of line ends, no filters, no encodings,
 * whatever files say.
 */
const attributes = '* -text -crlf -eol -ident -filter -working-tree-encoding\n'

/** Makes a `WorkspaceGit`. The directory is made by `init`. */
export function bindGit(settings: GitSettings): WorkspaceGit {
  const call = async (
    args: readonly string[],
    options: GitCall,
    settingsOfCall: readonly (readonly [string, string])[],
  ): Promise<GitRun> => {
    const result = await execa('git', [...args], {
      cwd: settings.gitDir,
      extendEnv: false,
      env: { ...environment(settings.gitDir, settingsOfCall), ...options.env },
      input: options.input ?? '',
      cancelSignal: options.signal,
      reject: false,
      stripFinalNewline: false,
      encoding: 'buffer',
      maxBuffer: 256 * 1024 * 1024,
    })
    options.signal.throwIfAborted()
    const problem = Buffer.from(result.stderr ?? []).toString('utf8')
    return {
      exitCode: result.exitCode ?? -1,
      stdout: Buffer.from(result.stdout ?? []),
      stderr: problem || (result.exitCode === undefined ? (result.message ?? '') : ''),
    }
  }
  const run = (args: readonly string[], options: GitCall): Promise<GitRun> =>
    call(args, options, [])
  const bytes = async (args: readonly string[], options: GitCall): Promise<Buffer> => {
    const result = await run(args, options)
    if (result.exitCode === 0) return result.stdout
    throw new TaskFailure(
      'InternalError',
      `git ${args[0] ?? ''} failed (${result.exitCode}): ${result.stderr.trim().slice(-500)}`,
    )
  }
  return {
    async init(options) {
      await bytes(['init', '--quiet', '--bare', '--initial-branch=unused', '--template='], options)
      await mkdir(join(settings.gitDir, 'info'), { recursive: true })
      await writeFile(join(settings.gitDir, 'info', 'attributes'), attributes)
    },
    run,
    bytes,
    async fill(folder, commit, options) {
      // No file of the repository can change this: the folder is empty, and the attributes of
      // `init` are stronger.
      const env = {
        GIT_WORK_TREE: folder,
        GIT_INDEX_FILE: join(settings.gitDir, 'guildhall-tree'),
      }
      await bytes(['read-tree', commit], { ...options, env })
      const checkout = ['-c', 'core.bare=false', 'checkout-index', '--all', '--quiet']
      await bytes(checkout, { ...options, env })
    },
    output: async (args, options) => (await bytes(args, options)).toString('utf8'),
    async remote(args, options) {
      const token = await settings.token()
      const header: readonly (readonly [string, string])[] =
        token === ''
          ? []
          : [[`http.${settings.remote}.extraHeader`, `Authorization: Bearer ${token}`]]
      const transports = settings.protocols.map(
        (name) => [`protocol.${name}.allow`, 'always'] as const,
      )
      return call(args, options, [...transports, ...header])
    },
  }
}

/** Settings go in by the environment: arguments can be read by every process of the machine. */
function environment(
  gitDir: string,
  more: readonly (readonly [string, string])[],
): Record<string, string> {
  const config: readonly (readonly [string, string])[] = [
    ['core.hooksPath', '/dev/null'],
    ['core.fsmonitor', 'false'],
    ['core.untrackedCache', 'false'],
    ['core.attributesFile', '/dev/null'],
    ['core.excludesFile', '/dev/null'],
    // A link in the repository becomes a small file with its target; which of them become links is
    // decided later.
    ['core.symlinks', 'false'],
    ['core.autocrlf', 'false'],
    ['core.protectNTFS', 'true'],
    ['core.quotePath', 'false'],
    ['commit.gpgSign', 'false'],
    ['gc.auto', '0'],
    ['maintenance.auto', 'false'],
    ['submodule.recurse', 'false'],
    ['fetch.recurseSubmodules', 'false'],
    ['push.recurseSubmodules', 'no'],
    ['diff.ignoreSubmodules', 'all'],
    ['advice.detachedHead', 'false'],
    ['http.followRedirects', 'false'],
    ['protocol.allow', 'never'],
    ...more,
  ]
  const env: Record<string, string> = {
    PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    HOME: '/nonexistent',
    LANG: 'C.UTF-8',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_DIR: gitDir,
    GIT_CONFIG_COUNT: String(config.length),
  }
  for (const [index, [key, value]] of config.entries()) {
    env[`GIT_CONFIG_KEY_${index}`] = key
    env[`GIT_CONFIG_VALUE_${index}`] = value
  }
  return env
}
