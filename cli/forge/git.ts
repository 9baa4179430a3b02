import { execa, ExecaError } from 'execa'
import { CliError } from '../failure.ts'

/** A repository on the forge, as git reaches it. */
export interface Remote {
  /** Base URL of the forge, without a trailing slash. */
  readonly url: string
  readonly token: string
}

export interface GitOptions {
  readonly cwd?: string | undefined
  /** Lets git talk to the forge. */
  readonly remote?: Remote | undefined
  readonly signal: AbortSignal
}

/** The clone URL of a repository. */
export const cloneUrl = (remote: Remote, repository: string): string =>
  `${remote.url}/${repository}.git`

/**
 * Runs git and returns its stdout, without the last line break.
 * Guarantees: a token travels in the environment, never in arguments, which other people on the machine can read; git
 * never asks for a password and never goes through a proxy. Errors: `CliError` with git's last words.
 */
export async function git(args: readonly string[], options: GitOptions): Promise<string> {
  try {
    const { stdout } = await execa('git', args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: gitEnvironment(options.remote),
      stdin: 'ignore',
      cancelSignal: options.signal,
      maxBuffer: 256 * 1024 * 1024,
    })
    return stdout
  } catch (error) {
    options.signal.throwIfAborted()
    throw gitError(args, error)
  }
}

/** Settings that git reads from its environment instead of its arguments. */
export function gitEnvironment(remote: Remote | undefined): Record<string, string> {
  const settings: readonly (readonly [string, string])[] =
    remote === undefined
      ? []
      : [
          ['http.extraHeader', `Authorization: Bearer ${remote.token}`],
          ['http.proxy', ''],
          ['credential.helper', ''],
        ]
  return {
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_COUNT: String(settings.length),
    ...Object.fromEntries(
      settings.flatMap(([key, value], at) => [
        [`GIT_CONFIG_KEY_${at}`, key],
        [`GIT_CONFIG_VALUE_${at}`, value],
      ]),
    ),
  }
}

/** What a failed program said; only text counts. */
function wordsOf({ stderr }: { readonly stderr?: unknown }): string {
  return typeof stderr === 'string' ? stderr : ''
}

function gitError(args: readonly string[], error: unknown): CliError {
  if (error instanceof ExecaError) {
    if (error.code === 'ENOENT') {
      return new CliError('git is not installed', { next: 'apt-get install git', cause: error })
    }
    const said = wordsOf(error).trim().split('\n').slice(-3).join(' ')
    return new CliError(`git ${args[0] ?? ''} failed: ${said === '' ? error.shortMessage : said}`, {
      next: 'guild logs   (the forge: kubectl logs statefulset/guildhall-forge -n guildhall)',
      cause: error,
    })
  }
  return new CliError(`git ${args[0] ?? ''} failed`, { cause: error })
}
