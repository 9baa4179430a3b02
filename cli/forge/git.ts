import { execa, ExecaError } from 'execa'
import { CliError } from '../failure.ts'
import { quoted } from '../terminal.ts'

/** A repository on the forge, as git reaches it. */
export interface Remote {
  /** Base URL of the forge, without a trailing slash. */
  readonly url: string
  readonly token: string
  /** Where the forge runs, for the next command after a failure. */
  readonly namespace: string
}

interface GitOptions {
  readonly cwd?: string | undefined
  /** Lets git talk to the forge only. For repositories of this program; see `git`. */
  readonly remote?: Remote | undefined
  /**
   * The repository is this program's own: variables that lead git elsewhere (a hook's GIT_DIR) do
   * not count.
   */
  readonly own?: boolean | undefined
  readonly signal: AbortSignal
}

/** The clone URL of a repository. */
export const cloneUrl = (remote: Remote, repository: string): string =>
  `${remote.url}/${repository}.git`

/**
 * Runs git and returns its stdout, without the last line break.
 * Guarantees: a token travels in the environment, never in arguments, which other people on the
 * machine can read. A git that has it shows it to the forge's URL alone, follows no redirect and no
 * proxy, goes into no submodule, reads no settings of the person or the machine, and runs no hook,
 * helper or other program that could read its environment. git never asks for a password. Errors:
 * `CliError` with git's last words.
 * Caveat: for work in a repository of a person, fetch into one of ours with the token, and from
 * there without it (`mirrorBranch`): then that repository's hooks run as ever.
 */
export async function git(args: readonly string[], options: GitOptions): Promise<string> {
  return new TextDecoder().decode(await run(args, options, true))
}

/** The same, giving git's stdout byte for byte. */
export async function gitBytes(
  args: readonly string[],
  options: Omit<GitOptions, 'remote'>,
): Promise<Uint8Array> {
  return run(args, options, false)
}

async function run(
  args: readonly string[],
  { cwd, remote, own = false, signal }: GitOptions,
  stripFinalNewline: boolean,
): Promise<Uint8Array> {
  try {
    const { stdout } = await execa('git', args, {
      ...(cwd === undefined ? {} : { cwd }),
      ...(remote === undefined
        ? { env: localEnvironment(process.env, own) }
        : { env: forgeEnvironment(process.env, remote) }),
      extendEnv: false,
      stdin: 'ignore',
      encoding: 'buffer',
      stripFinalNewline,
      cancelSignal: signal,
      maxBuffer: 256 * 1024 * 1024,
    })
    return stdout
  } catch (error) {
    signal.throwIfAborted()
    throw gitError(args, error, { cwd, remote })
  }
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Where git looks for a repository, whatever the current directory: set while a hook or an alias of
 * git runs.
 */
const leadsElsewhere =
  /^GIT_(?:DIR|WORK_TREE|COMMON_DIR|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|NAMESPACE|PREFIX|QUARANTINE_PATH|SHALLOW_FILE)$/

function localEnvironment(env: Environment, own: boolean): Record<string, string | undefined> {
  const kept = Object.entries(env).filter(([name]) => !own || !leadsElsewhere.test(name))
  return { ...Object.fromEntries(kept), GIT_TERMINAL_PROMPT: '0' }
}

/** Variables by which a person tunes git, names programs for it, or makes it log its work. */
const tunesGit = /^(?:GIT_|SSH_ASKPASS|(?:https?|all|no)_proxy$)/i

/**
 * The environment of a git that has the token: the person's without a word to git, and settings
 * that keep the token in.
 */
function forgeEnvironment(env: Environment, remote: Remote): Record<string, string | undefined> {
  const kept = Object.entries(env).filter(
    ([name]) => !tunesGit.test(name) || name === 'GIT_EXEC_PATH',
  )
  const settings: readonly (readonly [string, string])[] = [
    [`http.${remote.url}/.extraHeader`, `Authorization: Bearer ${remote.token}`],
    ['http.proxy', ''],
    ['http.followRedirects', 'false'],
    ['protocol.allow', 'never'],
    ['protocol.http.allow', 'always'],
    ['protocol.https.allow', 'always'],
    ['transfer.bundleURI', 'false'],
    // Programs that git would start, and that would inherit this environment.
    ['credential.helper', ''],
    ['core.hooksPath', '/dev/null'],
    ['core.fsmonitor', 'false'],
    ['core.alternateRefsCommand', 'true'],
    ['fetch.recurseSubmodules', 'false'],
    ['submodule.recurse', 'false'],
    ['gc.auto', '0'],
    ['maintenance.auto', 'false'],
  ]
  return {
    ...Object.fromEntries(kept),
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: '',
    GIT_ALLOW_PROTOCOL: 'http:https',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(
      settings.flatMap(([key, value], at) => [
        [`GIT_CONFIG_KEY_${at}`, key],
        [`GIT_CONFIG_VALUE_${at}`, value],
      ]),
    ),
  }
}

/** What a failed program said. */
function wordsOf({ stderr }: { readonly stderr?: unknown }): string {
  return stderr instanceof Uint8Array ? new TextDecoder().decode(stderr) : ''
}

function gitError(
  args: readonly string[],
  error: unknown,
  { cwd, remote }: Pick<GitOptions, 'cwd' | 'remote'>,
): CliError {
  if (error instanceof ExecaError) {
    if (error.code === 'ENOENT') {
      return new CliError('git is not installed', { next: 'apt-get install git', cause: error })
    }
    const command = args.find((arg, at) => arg !== '-c' && args[at - 1] !== '-c') ?? ''
    const said = wordsOf(error).trim().split('\n').slice(-3).join(' ')
    return new CliError(`git ${command} failed: ${said === '' ? error.shortMessage : said}`, {
      // Without the forge the fault is on this machine.
      next:
        remote === undefined
          ? `git ${cwd === undefined ? '' : `-C ${quoted(cwd)} `}status`
          : `kubectl logs statefulset/guildhall-forge -n ${remote.namespace}`,
      cause: error,
    })
  }
  return new CliError(`git ${args[0] ?? ''} failed`, { cause: error })
}
