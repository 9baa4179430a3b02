// What is wrong with a spec, seen from its runs where the code does not exist. Errors that come of the missing code are none:
// what a hook could not set up, the tests and the hooks that clear up miss as well.
import type { CodeFacts } from '../code/facts.ts'
import { digestOf } from '../verify/digest.ts'
import { specRules, suiteIds, unreportedTests } from '../verify/spec-text.ts'
import { type FailedTest, type TestRun, testId, wholeFile } from '../verify/test-run.ts'
import type { PipelineContext } from './pipeline.ts'

/** What a file says that calls a stub which throws. */
export const stubThrew = /\bnot implemented yet\b/
/** What comes of using a value that is none, or nonsense. A name that is declared nowhere is not among it. */
export const oddValue = /^(?:TypeError|AttributeError|ValueError|KeyError|IndexError|RangeError)\b/

/** Whether a file could not be loaded, for a reason of this kind alone. */
export function isUnloaded(run: TestRun, reason: RegExp): boolean {
  const unloaded = brokenOffIn(run)
  if (run.problems.length > 0 || unloaded.length === 0) return false
  return unloaded.every((test) => reason.test(test.message))
}

/** The entries of files that could not be loaded or run to their end. A hook that failed around one leaves its tests told. */
function brokenOffIn(run: TestRun): readonly FailedTest[] {
  return run.failed.filter((test) => test.name === wholeFile && test.late !== true)
}

/** Whether a spec fails as it should where the code does not exist: by a test of it, not by a hook around the file alone. */
export function failsByTests(run: TestRun): boolean {
  if (run.failed.some((test) => test.name !== wholeFile)) return true
  return run.failed.length > 0 && run.passed.length === 0
}

/** Why a spec that was run where the code does not exist is no good; undefined when nothing speaks against it. */
export async function runProblem(
  context: Pick<PipelineContext, 'workspace' | 'signal'>,
  path: string,
  text: string,
  run: TestRun,
  facts: CodeFacts,
): Promise<string | undefined> {
  const source = (file: string): Promise<string | undefined> =>
    file === path ? Promise.resolve(text) : context.workspace.read(file, { signal: context.signal })
  const describe = async (failures: TestRun['failed']): Promise<string> =>
    (await digestOf(run, failures, context.workspace.root, source)).text
  const unloaded = brokenOffIn(run)
  if (run.problems.length > 0 || unloaded.length > 0)
    return `The test file cannot be run:\n${await describe(unloaded)}`
  const own = run.failed.filter((test) => test.frame?.file === path && isOwnFault(test, text))
  if (own.length > 0) return `The tests themselves are wrong:\n${await describe(own)}`
  const cutOff = cutOffTests(path, run, facts)
  const missing = unreportedTests(path, text, run, facts).filter((name) => !cutOff.has(name))
  if (missing.length > 0) return `These tests were not run: ${missing.join(', ')}`
  const { skippable } = specRules(path, facts)
  const skipped = run.skipped.filter((id) => !skippable.has(id))
  if (skipped.length > 0)
    return `Do not skip tests or mark them as todo; these are: ${namesOf(skipped)}.`
  if (run.skipped.length > 0 && run.passed.length === 0 && run.failed.length === 0)
    return `Every test is skipped on this machine, so none says anything: ${namesOf(run.skipped)}. Write tests that run here, too.`
  return undefined
}

/** Names of tests that were never declared, because the body of their suite broke off before or was skipped. */
function cutOffTests(file: string, run: TestRun, { tests }: CodeFacts): ReadonlySet<string> {
  const ended = new Set([...run.failed.map((test) => testId(test)), ...run.skipped])
  return new Set(
    tests.flatMap((test) =>
      test.name !== undefined && suiteIds(file, test).some((id) => ended.has(id))
        ? [test.name]
        : [],
    ),
  )
}

/** Whether an error is one that no code can mend: a name that is nowhere, an assertion that does not exist. */
export function isOwnFault(
  { message, late }: Pick<FailedTest, 'message' | 'late'>,
  text: string,
): boolean {
  if (/^(SyntaxError|ImportError)\b/.test(message)) return true
  if (/^TypeError: (assert\b.*|test\b.*) is not a function/.test(message)) return true
  if (/^AttributeError: '\w+' object has no attribute 'assert/.test(message)) return true
  const [, kind, name] =
    /^(ReferenceError|NameError): (?:name ')?([\w$]+)'? is not defined/.exec(message) ?? []
  if (kind === undefined || name === undefined)
    // What a body that broke off never came to declare is missed by the hooks that clear up.
    return /^(ReferenceError|NameError)\b/.test(message) && late !== true
  return !isSetElsewhere(kind === 'NameError', name, text)
}

/** Whether a name is one that a hook would have made for the whole file, had it come to its end. */
function isSetElsewhere(python: boolean, name: string, text: string): boolean {
  const escaped = name.replaceAll('$', String.raw`\$`)
  const pattern = python
    ? String.raw`^[ \t]*global[ \t][\w, \t]*\b${escaped}\b|\bglobals\(\)`
    : String.raw`\b(?:globalThis|global)\s*(?:\.\s*|\[\s*['"])${escaped}(?![\w$])`
  return new RegExp(pattern, 'm').test(text)
}

/** Names of tests, without their file. */
export function namesOf(ids: readonly string[]): string {
  return ids.map((id) => id.slice(id.indexOf(' > ') + 3)).join(', ')
}
