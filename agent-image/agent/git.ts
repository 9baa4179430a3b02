// Runs git with fixed arguments and settings that no repository, no machine and no project file can change.
import { execa } from 'execa'
import { TaskFailure } from './failure.ts'

export interface GitSettings {
  /** The git directory, where project code cannot reach it. */
  readonly gitDir: string
  readonly workTree: string
  /** Sent as a bearer token to `remote` and to nobody else; read for every call. */
  readonly token: () => Promise<string>
  /** Base URL of the forge. */
  readonly remote: string
  /** Transports git may use, e.g. `http`. */
  readonly protocols: readonly string[]
}

export interface GitRun {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** A git bound to one work tree. */
export interface Git {
  /** Runs to the end and gives its exit code. */
  run(args: readonly string[], options: GitCall): Promise<GitRun>
  /** The output of a call that succeeded; throws `TaskFailure` InternalError otherwise. */
  output(args: readonly string[], options: GitCall): Promise<string>
}

export interface GitCall {
  readonly signal: AbortSignal
  readonly input?: string | Uint8Array
  readonly env?: Readonly<Record<string, string>>
}

/** Makes a `Git`. The directories need not exist yet. */
export function bindGit(settings: GitSettings): Git {
  const run = async (args: readonly string[], options: GitCall): Promise<GitRun> => {
    const result = await execa('git', [...args], {
      cwd: settings.workTree,
      extendEnv: false,
      env: { ...environment(settings, await settings.token()), ...options.env },
      input: options.input ?? '',
      cancelSignal: options.signal,
      reject: false,
      stripFinalNewline: false,
      maxBuffer: 64 * 1024 * 1024,
    })
    options.signal.throwIfAborted()
    return {
      exitCode: result.exitCode ?? -1,
      stdout: result.stdout,
      stderr: result.stderr || (result.exitCode === undefined ? (result.message ?? '') : ''),
    }
  }
  return {
    run,
    async output(args, options) {
      const result = await run(args, options)
      if (result.exitCode === 0) return result.stdout
      throw new TaskFailure(
        'InternalError',
        `git ${args[0] ?? ''} failed (${result.exitCode}): ${result.stderr.trim().slice(-500)}`,
      )
    },
  }
}

/** Settings go in by the environment: arguments can be read by every process of the machine. */
function environment(settings: GitSettings, token: string): Record<string, string> {
  const config: [string, string][] = [
    ['core.hooksPath', '/dev/null'],
    ['core.fsmonitor', 'false'],
    ['core.untrackedCache', 'false'],
    ['core.attributesFile', '/dev/null'],
    ['core.excludesFile', '/dev/null'],
    // A link in the repository becomes a small file with its target; nothing can be read or written through it.
    ['core.symlinks', 'false'],
    ['core.autocrlf', 'false'],
    ['core.protectNTFS', 'true'],
    ['core.quotePath', 'false'],
    ['commit.gpgSign', 'false'],
    ['gc.auto', '0'],
    ['maintenance.auto', 'false'],
    ['submodule.recurse', 'false'],
    ['advice.detachedHead', 'false'],
    ['http.followRedirects', 'false'],
    ['protocol.allow', 'never'],
    ...settings.protocols.map((name): [string, string] => [`protocol.${name}.allow`, 'always']),
  ]
  if (token !== '')
    config.push([`http.${settings.remote}.extraHeader`, `Authorization: Bearer ${token}`])
  const env: Record<string, string> = {
    PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    HOME: '/nonexistent',
    LANG: 'C.UTF-8',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_DIR: settings.gitDir,
    GIT_WORK_TREE: settings.workTree,
    GIT_CONFIG_COUNT: String(config.length),
  }
  for (const [index, [key, value]] of config.entries()) {
    env[`GIT_CONFIG_KEY_${index}`] = key
    env[`GIT_CONFIG_VALUE_${index}`] = value
  }
  return env
}
