// Runs many little projects at once with the real sandbox process and the real runners: each case
// has a folder of its own, and one run has the test files of all of them.
import { afterAll, beforeAll } from 'vitest'
import { connectSandbox, type Sandbox } from '../../../agent-image/agent/sandbox-client.ts'
import { languageOf } from '../../../agent-image/agent/project/project.ts'
import {
  type RunnerLimits,
  type RunOptions,
  runnerFor,
} from '../../../agent-image/agent/verify/runner.ts'
import { type TestRun, wholeFile } from '../../../agent-image/agent/verify/test-run.ts'
import { openWorkspace, type Workspace } from '../../../agent-image/agent/workspace/workspace.ts'
import { assignmentFor } from './assignment.ts'
import { programs, startPod, type TestPod } from './processes.ts'
import { startForge, type TestForge } from './repository.ts'

export const signal = AbortSignal.timeout(900_000)
const token = 'sesame'

let pod: TestPod
let forge: TestForge
let sandbox: Sandbox
let workspace: Workspace

/** Starts a sandbox and opens a workspace before all tests of a file. */
export function useRunner(): void {
  beforeAll(async () => {
    pod = await startPod(token)
    forge = await startForge({ 'package.json': '{"type":"module"}' }, token)
    sandbox = connectSandbox(pod.socketPath)
    const settings = {
      workspace: pod.workspace,
      gitRoot: pod.gitRoot,
      token: () => Promise.resolve(token),
      protocols: ['http'],
    }
    workspace = await openWorkspace(assignmentFor(forge, 'code'), settings, sandbox, { signal })
  }, 60_000)
  afterAll(async () => {
    await workspace.close()
    await pod.close()
    forge.close()
  })
}

export const runner = (limits?: RunnerLimits) => runnerFor(workspace, sandbox, programs, limits)

/** The results of the tests of one case, without the folder of the case. */
export interface CaseResult {
  readonly passed: readonly string[]
  readonly skipped: readonly string[]
  /** `name: message`. */
  readonly failed: readonly string[]
  /** `name: why`, or only the reason when it is the whole file. */
  readonly unrun: readonly string[]
  readonly asserted: Readonly<Record<string, number>>
  readonly swallowed: Readonly<Record<string, string>>
}

/**
 * Files of a case by path; a text alone is `test/a.test.js`, or `tests/test_a.py` when it is
 * Python.
 */
type CaseFiles = Readonly<Record<string, string>> | string

/**
 * Runs all cases in one go, each in a folder of its own, which is also where its tests are started.
 * Test files are those whose names say so.
 */
export async function runCases<Name extends string>(
  cases: Readonly<Record<Name, CaseFiles>>,
  options: Partial<RunOptions> & { readonly limits?: RunnerLimits } = {},
): Promise<{ readonly run: TestRun; readonly of: (name: Name) => CaseResult }> {
  const changes = new Map<string, string>()
  const tests: string[] = []
  const folders = new Map<string, string>()
  for (const [index, [name, given]] of Object.entries<CaseFiles>(cases).entries()) {
    const folder = `case_${index}`
    folders.set(name, folder)
    const python = typeof given === 'string' && !/'node:|require\(/.test(given)
    const files =
      typeof given === 'string' ? { [python ? 'tests/test_a.py' : 'test/a.test.js']: given } : given
    for (const [path, text] of Object.entries(files)) {
      changes.set(`${folder}/${path}`, text)
      if (isTest(path)) tests.push(`${folder}/${path}`)
    }
  }
  const { limits, ...others } = options
  const run = await runner(limits).test(tests, changes, {
    signal,
    folderOf: (path) => path.slice(0, path.indexOf('/')),
    ...others,
  })
  return {
    run,
    of: (name) => {
      const folder = `${folders.get(name) ?? ''}/`
      const own = (ids: readonly string[]): string[] =>
        ids.filter((id) => id.startsWith(folder)).map((id) => withoutFile(id))
      const entries = <T>(map: ReadonlyMap<string, T>): Record<string, T> =>
        Object.fromEntries(
          [...map]
            .filter(([id]) => id.startsWith(folder))
            .map(([id, value]) => [withoutFile(id), value]),
        )
      return {
        passed: own(run.passed),
        skipped: own(run.skipped),
        failed: run.failed
          .filter((test) => test.file.startsWith(folder))
          .map((test) => `${test.name}: ${test.message}`),
        unrun: run.unrun
          .filter((entry) => entry.file.startsWith(folder))
          .map(({ name: test, why }) => (test === undefined ? why : `${test}: ${why}`)),
        asserted: entries(run.asserted),
        swallowed: entries(run.swallowed),
      }
    },
  }
}

const withoutFile = (id: string): string => id.slice(id.indexOf(' > ') + 3)

function isTest(path: string): boolean {
  if (languageOf(path) === 'python') return /(^|\/)(test_[^/]*|tests|[^/]*_test)\.py$/.test(path)
  return /\.(test|spec)\.\w+$/.test(path)
}

/** A failure of the whole file. */
export const whole = (message: string): string => `${wholeFile}: ${message}`
