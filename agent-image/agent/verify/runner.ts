// Runs a project's tests in the sandbox with our own runners, and believes nothing but their sealed
// reports.
import { randomBytes } from 'node:crypto'
import { dirname, join } from 'node:path'
import type { ModuleKind } from '../code/modules.ts'
import { type CodeReader, readCode } from '../code/read-code.ts'
import { syntaxOf } from '../code/syntax.ts'
import { type NodePackage, type Project, languageOf } from '../project/project.ts'
import { reportPlaceholder } from '../../sandbox/exec-protocol.ts'
import { frameworksOf, testScriptOf } from '../project/test-script.ts'
import type { Sandbox } from '../sandbox-client.ts'
import type { Abortable } from '../../../core/base/wait.ts'
import type { Changes, Workspace } from '../workspace/workspace.ts'
import {
  type FailedTest,
  type LoadLine,
  type ReadRun,
  type TestRun,
  readLoads,
  readReport,
} from './test-run.ts'

interface SyntaxProblem {
  readonly file: string
  /** Where and what, in the parser's words. */
  readonly message: string
}

/** How a project wants its tests to be run; all of it is optional. */
export interface RunOptions extends Abortable {
  /**
   * The packages of the project: each test file of Node is run in the folder of its package, with
   * the flags and variables of the package's test script, when that starts `node --test`. A missing
   * framework is called by its name. Packages of a monorepo find each other as if they were linked.
   */
  readonly project?: (Pick<Project, 'packages'> & Partial<Pick<Project, 'linked'>>) | undefined
  /** Folder, relative to the root, in which a file is run, in the place of its package's. */
  readonly folderOf?: ((path: string) => string) | undefined
  /**
   * Tree, HOME and temporary files are taken as the run before left them, with the same commit and
   * changes: tests that pass in a fresh tree or home only do not pass for a person who runs them
   * twice.
   */
  readonly inPlace?: boolean
  /**
   * All Python files are run in one process, in the order given: first each is loaded, then the
   * tests of each are run, as unittest and pytest do. Files of `loaded` are code and only loaded.
   * Nothing is said of files that cannot share a process with the others, or for which no time was
   * left. What was asked of each file alone is not asked again: errors after the end of a test,
   * runners that are tampered with.
   */
  readonly together?: { readonly loaded: readonly string[] } | undefined
}

export interface LoadResult {
  readonly path: string
  readonly outcome: 'loaded' | 'failed' | 'unloadable'
  /**
   * The error of a module that failed, the reason of one that nothing here can load; else empty.
   */
  readonly message: string
  readonly frame?: { readonly file: string; readonly line: number }
}

export interface Runner extends CodeReader {
  /**
   * Restores the work tree (a commit, `changes` on top), unless it is to run `inPlace`, and runs
   * `files` there, any number of them. The run has a problem when the project changed its own tests
   * or our changes while it ran.
   */
  test(
    files: readonly string[],
    changes: Changes,
    options: RunOptions,
    commit?: string,
  ): Promise<TestRun>
  /** What is wrong with the syntax of `changes`; undefined when nothing is. */
  syntax(
    changes: Changes,
    options: Abortable & { readonly kindOf?: (path: string) => ModuleKind },
  ): Promise<SyntaxProblem | undefined>
  /**
   * Restores the work tree with `changes` on top and loads each of `paths` once, in a process of
   * its own without arguments. A module that throws has failed; one that ends its process or keeps
   * a server open has loaded.
   */
  load(
    paths: readonly string[],
    changes: Changes,
    options: RunOptions,
  ): Promise<readonly LoadResult[]>
}

/** Times, in milliseconds. */
export interface RunnerLimits {
  /** For one test. Node's runner and an alarm in Python hold it. */
  readonly testMs: number
  /**
   * Without a sign of life from a file's process; a test that holds the event loop is ended by
   * this.
   */
  readonly silenceMs: number
  /** For one file. */
  readonly fileMs: number
  /** Of one command; files that have not begun by then are run in another one. */
  readonly commandMs: number
  /** For loading one module. */
  readonly loadMs: number
}

const usualLimits: RunnerLimits = {
  testMs: 30_000,
  silenceMs: 35_000,
  fileMs: 120_000,
  commandMs: 170_000,
  loadMs: 10_000,
}

/** Settings of one command must fit into what the sandbox takes as standard input: 1 MiB. */
const portionChars = 500_000
const portionFiles = 1000

type RunnerLanguage = 'node' | 'python'
type RunMode = 'test' | 'load'

/** How the files of a package are started. */
interface TestSetup {
  readonly nodeArgs: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Test frameworks that the package wants, the likeliest first. */
  readonly frameworks: readonly string[]
}

/** The settings that a runner in the sandbox reads from its standard input. */
interface NodeSettings {
  /** Seals the report. */
  readonly key: string
  readonly mode: RunMode
  readonly root: string
  /** `cwd` is relative to the root; `setup` is an index. */
  readonly files: readonly { readonly path: string; readonly cwd: string; readonly setup: number }[]
  readonly setups: readonly TestSetup[]
  readonly limits: RunnerLimits
  readonly own: readonly string[]
  /** Folders of linked packages, relative to the root, by name. */
  readonly linked: Readonly<Record<string, string>>
  /** Python only: the files share a process; of these, none is a test file. */
  readonly together?: readonly string[]
}

/**
 * A runner for one workspace; `programs` is the folder agent-image/sandbox/programs as the sandbox sees
 * it.
 */
export function runnerFor(
  workspace: Workspace,
  sandbox: Sandbox,
  programs: string,
  limits: RunnerLimits = usualLimits,
): Runner {
  const execute = async (
    mode: RunMode,
    language: RunnerLanguage,
    files: readonly string[],
    changes: Changes,
    options: RunOptions,
  ) => {
    const key = randomBytes(24).toString('hex')
    const ways = files.map((path) => wayOf(language, path, options))
    const setups = [...new Map(ways.map(({ setup }) => [JSON.stringify(setup), setup])).values()]
    const indexOf = new Map(setups.map((setup, index) => [JSON.stringify(setup), index]))
    const settings: NodeSettings = {
      key,
      mode,
      root: workspace.root,
      files: ways.map(({ path, cwd, setup }) => {
        return { path, cwd, setup: indexOf.get(JSON.stringify(setup)) ?? 0 }
      }),
      setups,
      limits,
      // A module of the project that is not there yet is not a missing package.
      own: [...changes.keys()].filter((path) => languageOf(path) === language),
      linked: Object.fromEntries(options.project?.linked ?? []),
      ...(options.together === undefined || language === 'node'
        ? {}
        : { together: options.together.loaded }),
    }
    const program =
      language === 'node'
        ? ['node', '--disable-sigusr1', join(programs, 'node-runner.mjs')]
        : ['python3', '-I', join(programs, 'python_runner.py')]
    const result = await sandbox.exec(
      {
        argv: [...program, reportPlaceholder],
        cwd: workspace.root,
        timeoutSeconds: Math.ceil((limits.commandMs + limits.fileMs) / 1000) + 10,
        outputBytes: 16_384,
        asLeft: options.inPlace === true,
        stdin: JSON.stringify(settings),
      },
      { signal: options.signal },
    )
    return { key, result }
  }

  const testPortion = async (
    language: RunnerLanguage,
    files: readonly string[],
    changes: Changes,
    options: RunOptions,
  ): Promise<ReadRun> => {
    const { key, result } = await execute('test', language, files, changes, options)
    const shown = language === 'node' ? 'node --test' : 'python3 -m unittest'
    const read = readReport(result.report, key, files, {
      command: '',
      exitCode: result.timedOut ? -1 : (result.exitCode ?? -1),
      timedOut: result.timedOut,
    })
    const ran = ranOf(files, read)
    const command = ran.length === 0 ? '' : `${shown} ${ran.join(' ')}`.slice(0, 300)
    const run = { ...read, command }
    const { exceeded } = result
    return exceeded === undefined ? run : { ...run, failed: run.failed.map(becauseOf(exceeded)) }
  }

  const loadPortion = async (
    language: RunnerLanguage,
    paths: readonly string[],
    changes: Changes,
    options: RunOptions,
  ): Promise<readonly LoadResult[]> => {
    const { key, result } = await execute('load', language, paths, changes, options)
    const lines = readLoads(result.report, key)
    return paths.map((path) =>
      loadResult(
        path,
        lines?.find((one) => one.file === path),
      ),
    )
  }

  // The attempt's own folder may not be there yet, and parsing does not need it.
  const where = { sandbox, programs, folder: dirname(dirname(workspace.root)) }
  return {
    read: (files, options) => readCode(files, where, options),
    async test(files, changes, options, commit) {
      if (options.inPlace !== true) await workspace.restore(changes, options, commit)
      const runs: TestRun[] = []
      for (const language of ['node', 'python'] as const) {
        let waiting = [...new Set(files)].filter((path) => languageOf(path) === language)
        while (waiting.length > 0) {
          const portion = firstPortion(waiting)
          const run = await testPortion(language, portion, changes, options)
          const shared = options.together !== undefined && language === 'python'
          const stuck = !shared && run.rest.length === portion.length
          const problems = [...run.problems, ...(stuck ? ['the tests could not be begun'] : [])]
          runs.push({ ...run, problems })
          waiting = [...(stuck || shared ? [] : run.rest), ...waiting.slice(portion.length)]
        }
      }
      const altered = await workspace.altered([...files, ...changes.keys()])
      const others = files.filter((path) => languageOf(path) === 'unknown')
      return merge(runs, altered, others)
    },
    async syntax(changes, options) {
      for (const [file, syntax] of await syntaxOf(changes, where, options))
        if (syntax.kind === 'wrong') {
          const line = syntax.line === undefined ? '' : `line ${syntax.line}: `
          return { file, message: `${line}${syntax.message}` }
        }
      return undefined
    },
    async load(paths, changes, options) {
      await workspace.restore(changes, options)
      const results = new Map<string, LoadResult>()
      for (const language of ['node', 'python'] as const) {
        let waiting = paths.filter((path) => languageOf(path) === language)
        while (waiting.length > 0) {
          // Each may take all its time.
          const portion = firstPortion(waiting).slice(0, 20)
          for (const result of await loadPortion(language, portion, changes, options))
            results.set(result.path, result)
          waiting = waiting.slice(portion.length)
        }
      }
      return paths.map((path) => {
        const kind = /\.[^./]+$/.exec(path)?.[0] ?? 'such'
        const message = `nothing here can load ${kind} files`
        return results.get(path) ?? { path, outcome: 'unloadable', message }
      })
    },
  }
}

/**
 * The files of which something was run: not those left for later, nor those that could not be run
 * at all.
 */
function ranOf(
  files: readonly string[],
  { rest, unrun }: Pick<ReadRun, 'rest' | 'unrun'>,
): readonly string[] {
  const not = new Set([
    ...rest,
    ...unrun.flatMap(({ file, name }) => (name === undefined ? file : [])),
  ])
  return files.filter((file) => !not.has(file))
}

/** The folder of a file's run, and how it is started. */
function wayOf(language: RunnerLanguage, path: string, { project, folderOf }: RunOptions) {
  const above = (project?.packages ?? []).filter(
    ({ folder }) => folder === '' || path.startsWith(`${folder}/`),
  )
  // People start their tests in the package that says how, or else in the nearest.
  const starts =
    language === 'node' ? (above.find(({ scripts }) => scripts['test']) ?? above[0]) : undefined
  const script = testScriptOf(starts?.scripts['test'] ?? '')
  const frameworks = [...new Set(above.flatMap((one: NodePackage) => frameworksOf(one)))]
  const setup: TestSetup = { nodeArgs: script?.nodeArgs ?? [], env: script?.env ?? {}, frameworks }
  return { path, cwd: folderOf?.(path) ?? (starts?.folder || '.'), setup }
}

function loadResult(path: string, line: LoadLine | undefined): LoadResult {
  if (line === undefined)
    return { path, outcome: 'failed', message: 'its process ended everything around it' }
  const { outcome, message, frame } = line
  return { path, outcome, message, ...(frame === undefined ? {} : { frame }) }
}

/** As many of `files` as fit into one command, and at least one. */
function firstPortion(files: readonly string[]): readonly string[] {
  let chars = 0
  let count = 0
  for (const path of files) {
    // Twice: the path and its folder.
    chars += 2 * JSON.stringify(path).length + 24
    if (count > 0 && (chars > portionChars || count === portionFiles)) break
    count++
  }
  return files.slice(0, count)
}

/** Adds the reason why the sandbox killed a process: the runner sees only the signal. */
const becauseOf =
  (exceeded: string) =>
  (test: FailedTest): FailedTest =>
    test.message.startsWith('its process ended with the signal SIGKILL')
      ? { ...test, message: `${exceeded}\n${test.message}` }
      : test

function merge(
  runs: readonly TestRun[],
  altered: readonly string[],
  others: readonly string[],
): TestRun {
  const problems = [...new Set(runs.flatMap((run) => run.problems))]
  if (altered.length > 0)
    problems.push(`files were changed while the tests ran: ${altered.slice(0, 5).join(', ')}`)
  const unrun = others.map((file) => {
    const kind = /\.[^./]+$/.exec(file)?.[0] ?? 'these'
    return { file, why: `nothing here can run ${kind} files` }
  })
  return {
    command:
      runs
        .map((run) => run.command)
        .filter((command) => command !== '')
        .join('; ')
        .slice(0, 300) || '(no tests)',
    exitCode: runs.find((run) => run.exitCode !== 0)?.exitCode ?? 0,
    problems,
    collected: runs.flatMap((run) => run.collected),
    passed: runs.flatMap((run) => run.passed),
    failed: runs.flatMap((run) => run.failed),
    skipped: runs.flatMap((run) => run.skipped),
    unrun: [...runs.flatMap((run) => run.unrun), ...unrun],
    asserted: new Map(runs.flatMap((run) => [...run.asserted])),
    swallowed: new Map(runs.flatMap((run) => [...run.swallowed])),
  }
}
