// Runs a project's tests in the sandbox with our own reporters, and believes nothing but their reports.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { languageOf } from '../project.ts'
import type { Sandbox } from '../sandbox-client.ts'
import type { Changes, Workspace } from '../workspace.ts'
import { reportPlaceholder } from '../../sandbox/exec-protocol.ts'
import { readReport, type TestRun } from './test-run.ts'

type Waiting = { readonly signal: AbortSignal }

/** Longest time for all tests of a language together. */
const runSeconds = 300

export interface Runner {
  /**
   * Restores the work tree (a commit, `changes` on top) and runs `files` there. The run has a problem when the project
   * changed its own tests or our changes while it ran.
   */
  test(
    files: readonly string[],
    changes: Changes,
    options: Waiting,
    commit?: string,
  ): Promise<TestRun>
  /** What is wrong with the syntax of `changes`; undefined when nothing is. */
  syntax(changes: Changes, options: Waiting): Promise<SyntaxProblem | undefined>
}

export interface SyntaxProblem {
  readonly file: string
  /** The parser's words, without our paths. */
  readonly message: string
}

/** A runner for one workspace; `assets` is the folder of the reporters as the sandbox sees it. */
export function runnerFor(workspace: Workspace, sandbox: Sandbox, assets: string): Runner {
  const runLanguage = async (
    language: 'node' | 'python',
    files: readonly string[],
    signal: AbortSignal,
  ): Promise<TestRun> => {
    const key = randomBytes(16).toString('hex')
    const result = await sandbox.exec(
      {
        argv: language === 'node' ? nodeCommand(assets, files) : pythonCommand(assets, files),
        cwd: workspace.root,
        timeoutSeconds: runSeconds,
        outputBytes: 16_384,
        stdin: key,
      },
      { signal },
    )
    const shown = language === 'node' ? 'node --test' : 'python3 -m unittest'
    return readReport(result.report, key, files, {
      command: `${shown} ${files.join(' ')}`.slice(0, 300),
      exitCode: result.timedOut ? -1 : (result.exitCode ?? -1),
      timedOut: result.timedOut,
    })
  }

  return {
    async test(files, changes, options, commit) {
      await workspace.restore(changes, options, commit)
      const runs: TestRun[] = []
      for (const language of ['node', 'python'] as const) {
        const own = files.filter((path) => languageOf(path) === language)
        if (own.length > 0) runs.push(await runLanguage(language, own, options.signal))
      }
      return merge(runs, await workspace.altered([...files, ...changes.keys()]))
    },
    async syntax(changes, options) {
      await workspace.restore(changes, options)
      for (const [path, text] of changes) {
        const argv = syntaxCommand(assets, path)
        if (path.endsWith('.json')) {
          const message = jsonProblem(text)
          if (message !== undefined) return { file: path, message }
        }
        if (argv === undefined) continue
        const result = await sandbox.exec(
          { argv, cwd: workspace.root, timeoutSeconds: 30, outputBytes: 8192 },
          options,
        )
        if (result.exitCode !== 0)
          return { file: path, message: syntaxMessage(result.stderr, workspace.root) }
      }
      return undefined
    },
  }
}

function nodeCommand(assets: string, files: readonly string[]): string[] {
  return [
    'node',
    '--test',
    '--test-concurrency=1',
    '--test-timeout=30000',
    // A server that a test forgot to close must not turn its pass into a time-out.
    '--test-force-exit',
    `--test-reporter=${join(assets, 'node-reporter.mjs')}`,
    `--test-reporter-destination`,
    reportPlaceholder,
    ...files,
  ]
}

function pythonCommand(assets: string, files: readonly string[]): string[] {
  return ['python3', join(assets, 'python_runner.py'), reportPlaceholder, ...files]
}

function syntaxCommand(assets: string, path: string): string[] | undefined {
  if (/\.(m|c)?js$/.test(path)) return ['node', '--check', path]
  if (/\.(m|c)?ts$/.test(path))
    return ['node', '--no-warnings', join(assets, 'node-syntax.mjs'), path]
  if (path.endsWith('.py')) return ['python3', join(assets, 'python_syntax.py'), path]
  return undefined
}

function jsonProblem(text: string): string | undefined {
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : 'not JSON'
  }
}

function syntaxMessage(stderr: string, root: string): string {
  const lines = stderr.replaceAll(`${root}/`, '').split('\n')
  return lines
    .filter((text) => !/^\s+at |^Node\.js v|^\s*$/.test(text))
    .slice(0, 8)
    .join('\n')
}

function merge(runs: readonly TestRun[], altered: readonly string[]): TestRun {
  const problems = runs.flatMap((run) => run.problems)
  if (altered.length > 0)
    problems.push(`files were changed while the tests ran: ${altered.slice(0, 5).join(', ')}`)
  return {
    command:
      runs
        .map((run) => run.command)
        .join('; ')
        .slice(0, 300) || '(no tests)',
    exitCode: runs.find((run) => run.exitCode !== 0)?.exitCode ?? 0,
    problems,
    collected: runs.flatMap((run) => run.collected),
    passed: runs.flatMap((run) => run.passed),
    failed: runs.flatMap((run) => run.failed),
    skipped: runs.flatMap((run) => run.skipped),
    unrun: runs.flatMap((run) => run.unrun),
    asserted: new Map(runs.flatMap((run) => [...run.asserted])),
    swallowed: new Map(runs.flatMap((run) => [...run.swallowed])),
  }
}
