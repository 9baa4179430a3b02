import { execa } from 'execa'
import { git as gitNames } from '../core/api/names.ts'
import { diskFull, ForgeRefusal, saysNoSpace } from './problem.ts'
import { isCommitId, isFullRef } from './ref-names.ts'

/** What a finished git command left behind. */
interface GitResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** How one git command is run. */
export interface GitRun {
  readonly signal: AbortSignal
  /** The bare repository (`--git-dir`). */
  readonly repository?: string
  readonly input?: string | Uint8Array
  /** Exit codes that are an answer and not a failure; `[0]` by default. */
  readonly accept?: readonly number[]
  /** Longest time in milliseconds; two minutes by default. */
  readonly timeoutMs?: number
  /** Transports git may use; none by default. */
  readonly protocols?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** Settings for this command only, stronger than any file. */
  readonly settings?: Readonly<Record<string, string>>
}

/**
 * The git CLI, shut in: no shell, no files of anybody's home, no hooks, no prompts, no transport
 * unless named.
 */
export interface Git {
  /**
   * Errors: `GitError` for an exit code that was not accepted, DiskFull when the volume has no
   * room.
   */
  run(args: readonly string[], options: GitRun): Promise<GitResult>
  /** Environment for a git process that the caller starts itself. */
  environment(settings?: Readonly<Record<string, string>>): Record<string, string>
}

/**
 * A git command that failed. `message` names the subcommand and git's own last words; it is for the
 * log, not for answers.
 */
export class GitError extends Error {
  override readonly name = 'GitError'
  readonly code = 'git'
  readonly exitCode: number | undefined
  readonly stderr: string
  /** It said more than is taken in. */
  readonly tooMuch: boolean

  constructor(
    subcommand: string,
    exitCode: number | undefined,
    stderr: string,
    { tooMuch = false, cause }: { readonly tooMuch?: boolean; readonly cause?: unknown } = {},
  ) {
    const how = exitCode === undefined ? 'was stopped' : `failed with code ${exitCode}`
    super(`git ${subcommand} ${how}: ${stderr.trim().slice(-500)}`, { cause })
    this.exitCode = exitCode
    this.stderr = stderr
    this.tooMuch = tooMuch
  }
}

/**
 * Variables of the surroundings that git may see: where programs are, and how to get out to a
 * mirror source.
 */
const passedVariables = [
  'PATH',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'GIT_SSL_CAINFO',
  'SSL_CERT_FILE',
] as const

const settingsOfAll: Readonly<Record<string, string>> = {
  'core.hooksPath': '/dev/null',
  'core.fsmonitor': 'false',
  // No attributes but the ones of git itself: those of a repository choose merge drivers and
  // filters. Older gits read none in a bare repository; newer ones take this empty tree in the
  // place of HEAD.
  'attr.tree': '4b825dc642cb6eb9a060e54bf8d69288fbee4904',
  'core.attributesFile': '/dev/null',
  // A crash of the machine must not leave a branch that points at nothing.
  'core.fsync': 'committed,reference',
  'credential.helper': '',
  'gc.autoDetach': 'false',
  'maintenance.autoDetach': 'false',
  // Large files are passed through and not held: 150 MB in a push took 147 MiB of memory, and takes
  // 13.
  'core.bigFileThreshold': '16m',
  'core.deltaBaseCacheLimit': '32m',
  'pack.deltaCacheSize': '32m',
  'pack.threads': '2',
  'pack.windowMemory': '32m',
  'protocol.allow': 'never',
  // The volume may belong to another user id than the process (fsGroup); nobody else can write
  // there.
  'safe.directory': '*',
}

/** Makes the git CLI for one data directory. `home` must be an empty directory. */
export function createGit(options: {
  readonly home: string
  readonly environment: Readonly<Record<string, string | undefined>>
}): Git {
  const passed = Object.fromEntries(
    passedVariables.flatMap((name) => {
      const value = options.environment[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
  const base: Record<string, string> = {
    ...passed,
    HOME: options.home,
    XDG_CONFIG_HOME: options.home,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '/bin/false',
    GIT_NO_REPLACE_OBJECTS: '1',
    // Never looked up: the user id of a container has no name.
    GIT_AUTHOR_NAME: gitNames.committerName,
    GIT_AUTHOR_EMAIL: gitNames.committerEmail,
    GIT_COMMITTER_NAME: gitNames.committerName,
    GIT_COMMITTER_EMAIL: gitNames.committerEmail,
    LC_ALL: 'C',
    TZ: 'UTC',
  }
  const environment = (settings: Readonly<Record<string, string>> = {}) => {
    const all = Object.entries({ ...settingsOfAll, ...settings })
    const pairs = all.flatMap(([key, value], index) => [
      [`GIT_CONFIG_KEY_${index}`, key],
      [`GIT_CONFIG_VALUE_${index}`, value],
    ])
    return { ...base, GIT_CONFIG_COUNT: String(all.length), ...Object.fromEntries(pairs) }
  }

  const run = async (args: readonly string[], how: GitRun): Promise<GitResult> => {
    const { signal, repository, input, accept = [0], timeoutMs = 120_000 } = how
    const protocols = Object.fromEntries(
      (how.protocols ?? []).map((name) => [`protocol.${name}.allow`, 'always']),
    )
    const gitDirectory = repository === undefined ? [] : [`--git-dir=${repository}`]
    const result = await execa('git', [...gitDirectory, ...args], {
      env: { ...environment({ ...protocols, ...how.settings }), ...how.environment },
      extendEnv: false,
      cwd: options.home,
      reject: false,
      cancelSignal: signal,
      timeout: timeoutMs,
      stripFinalNewline: false,
      maxBuffer: 64 * 1024 * 1024,
      ...(input === undefined ? { stdin: 'ignore' } : { input }),
    })
    signal.throwIfAborted()
    const { exitCode, stdout, stderr } = result
    if (exitCode !== undefined && accept.includes(exitCode)) return { exitCode, stdout, stderr }
    const failure = new GitError(args[0] ?? '', exitCode, stderr, {
      tooMuch: result.isMaxBuffer,
      cause: result.cause,
    })
    throw saysNoSpace(stderr) ? diskFull(failure) : failure
  }
  return { run, environment }
}

/**
 * The commit a full ref or commit id points at; undefined when there is none.
 * Errors: BadRequest for anything that is neither, before git could take it for something else.
 */
export async function commitAt(
  git: Git,
  repository: string,
  name: string,
  options: { readonly signal: AbortSignal },
): Promise<string | undefined> {
  if (!isFullRef(name) && !isCommitId(name)) {
    throw new ForgeRefusal('BadRequest', `${JSON.stringify(name)} is not a ref or a commit id.`)
  }
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`]
  const { exitCode, stdout } = await git.run(args, { ...options, repository, accept: [0, 1, 128] })
  return exitCode === 0 ? stdout.trim() : undefined
}

/** True when every commit of `ancestor` is in `descendant` already. */
export async function isAncestor(
  git: Git,
  repository: string,
  ancestor: string,
  descendant: string,
  options: { readonly signal: AbortSignal },
): Promise<boolean> {
  const args = ['merge-base', '--is-ancestor', ancestor, descendant]
  const { exitCode } = await git.run(args, { ...options, repository, accept: [0, 1] })
  return exitCode === 0
}
