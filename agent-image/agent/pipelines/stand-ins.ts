// Code that stands in for the code under test: how a test does with it shows whether the test looks
// at the code at all.
import type { CodeFacts } from '../code/facts.ts'
import type { ModuleKind } from '../code/modules.ts'
import { factsIn } from '../code/read-code.ts'
import { asserts, fileOf } from '../verify/judge-runs.ts'
import { type ImportedNames, scopeOf, takenBy } from '../verify/spec-imports.ts'
import { programStub, type StubBehaviour, stubsFor } from '../verify/spec-stubs.ts'
import { reportedName } from '../verify/spec-text.ts'
import { testId, type TestRun } from '../verify/test-run.ts'
import type { Changes } from '../workspace/workspace.ts'
import type { CodingGoal } from './coding-goal.ts'
import type { PipelineContext } from './pipeline.ts'

/**
 * Gives the files that stand in for missing code, by their behaviour. `names` are what tests take
 * from each file; those of `files` that are neither there nor imported are programs that the tests
 * start.
 */
export async function standIns(
  { runner, workspace, signal }: Pick<PipelineContext, 'runner' | 'workspace' | 'signal'>,
  names: ImportedNames,
  {
    files,
    there,
    kindOf,
  }: {
    readonly files: readonly string[]
    readonly there: readonly string[]
    readonly kindOf: (file: string) => ModuleKind
  },
): Promise<(behaviour: StubBehaviour) => Changes> {
  const before = await workspace.readAll([...names.keys()], { signal })
  const programs = files.filter((file) => !names.has(file) && !there.includes(file))
  const facts = await runner.read(before, { signal })
  return (behaviour) =>
    new Map([
      ...stubsFor(names, before, behaviour, { kindOf, facts }),
      ...programs.map((file): [string, string] => [file, programStub(file, behaviour)]),
    ])
}

/**
 * Those of `ids` that say nothing about the code of a task: they made no assertion in `runs`, or
 * went on after one that failed, and they also pass with code that does nothing. A test that fails
 * by an error of its own shows that there.
 */
export async function sayNothing(
  context: PipelineContext,
  goal: CodingGoal,
  ids: readonly string[],
  runs: readonly TestRun[],
): Promise<readonly string[]> {
  const silent = ids.filter((id) =>
    runs.every((run) => !run.passed.includes(id) || !asserts(run, id) || run.swallowed.has(id)),
  )
  const found: string[] = []
  for (const [file, own] of Map.groupBy(silent, fileOf))
    found.push(...(await passingOnNothing(context, goal, file, own)))
  return found
}

async function passingOnNothing(
  context: PipelineContext,
  { files, project, habits }: CodingGoal,
  path: string,
  ids: readonly string[],
): Promise<readonly string[]> {
  const { runner, workspace, signal } = context
  const text = await workspace.read(path, { signal })
  if (text === undefined) return []
  const facts = await factsIn(runner, path, text, { signal })
  const { names } = await takenBy({ path, text, facts }, scopeOf(files, project), context)
  const standIn = await standIns(context, names, {
    files,
    there: project.files,
    kindOf: habits.kindOf,
  })
  const passing = async (behaviour: StubBehaviour): Promise<readonly string[]> =>
    (await runner.test([path], standIn(behaviour), { signal, project })).passed
  const anything = await passing('anything')
  const idle = ids.filter((id) => anything.includes(id))
  const mayFail = idle.filter((id) => failsByItself(path, text, facts, id))
  if (mayFail.length === 0) return idle
  const nothing = await passing('returns')
  return idle.filter((id) => !mayFail.includes(id) || nothing.includes(id))
}

/**
 * Whether a test has something in its text by which it could fail: an assertion, or an error of its
 * own.
 */
function failsByItself(path: string, text: string, { tests }: CodeFacts, id: string): boolean {
  const own = tests.find((test) => {
    const name = reportedName(test)
    return name !== undefined && testId({ file: path, name }) === id
  })
  if (own === undefined) return true
  return own.assertions > 0 || /\b(?:throw|raise|reject)\b/.test(text.slice(own.start, own.end))
}
