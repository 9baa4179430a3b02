// Whether spec tests are good: by their text, and by their runs where the code does not exist.
import type { Assignment } from '../../../core/api/agent-protocol.ts'
import type { CodeFacts } from '../code/facts.ts'
import { type ModuleKind, moduleKinds, specifierFor } from '../code/modules.ts'
import { factsIn } from '../code/read-code.ts'
import { askedWords } from '../edit/asked-words.ts'
import { refuse } from '../edit/guards.ts'
import type { TaskOutcome } from '../outcome.ts'
import { packageName } from '../project/packages.ts'
import { type TriedCandidate, hashEdit } from '../tries.ts'
import { digestOf, evidenceOf, signatureOf } from '../verify/evidence.ts'
import { withSpecRules } from '../verify/judge-runs.ts'
import { specProblems } from '../verify/spec-gate.ts'
import {
  type ImportedNames,
  importsOf,
  namesFile,
  repairImports,
  scopeOf,
  takenBy,
  unitOf,
} from '../verify/spec-imports.ts'
import { type StubBehaviour, nonsense } from '../verify/spec-stubs.ts'
import { specRules, suiteIds, unreportedTests } from '../verify/spec-text.ts'
import { type FailedTest, type TestRun, testId, wholeFile } from '../verify/test-run.ts'
import { litterOfSpec } from './litter.ts'
import type { PipelineContext } from './pipeline.ts'
import { type SpecGoal, type SpecPlace, placeFor } from './spec-place.ts'
import { standIns } from './stand-ins.ts'

/** An answer of a spec task, and the results of its checks. */
export interface SpecCandidate extends TriedCandidate {
  readonly text: string | undefined
  /** Where the text belongs, by its module system. */
  readonly place: SpecPlace
  readonly problem: string
  /** The run on the tree without the code; there when the text was good enough to run. */
  readonly run: TestRun | undefined
  /** Its tests are sound and all pass on the tree as it is: the code may be there already. */
  readonly holds?: true
}

/**
 * Judges an answer: its text first, then its runs with code that only stands in for what is asked.
 */
export async function judgeSpec(
  context: PipelineContext,
  goal: SpecGoal,
  answer: string,
): Promise<SpecCandidate> {
  const { assignment, runner, signal } = context
  const { files } = goal
  const scope = scopeOf(files, goal.project)
  const { known, mains } = scope
  const place = await placeFor(context, goal, answer)
  const { path, kind } = place
  const given = await factsIn(runner, path, answer, { signal })
  const imports = importsOf(path, answer, known, given, mains)
  const kindOf = await kindsOf(context, goal, kind, imports.names)
  const text = repairImports(path, answer, files, { known, kindOf, facts: given, kind, mains })
  const facts = text === answer ? given : await factsIn(runner, path, text, { signal })
  const refusal = refuse({
    path,
    text,
    before: undefined,
    allowed: [path],
    requested: askedWords(assignment),
    mayShrink: true,
    isTest: true,
    facts,
  })
  if (refusal !== undefined) return rejected(place, undefined, refusal.message)
  const { imported, names, unknown } = await takenBy({ path, text, facts }, scope, context)
  const isUnit = unitOf(path, scope, imported)
  const problems = [...specProblems(path, text, facts, kind, isUnit)]
  if (!files.some((file) => names.has(file) || namesFile(text, file)))
    problems.push(
      `The tests must import from ${files.map((file) => specifierFor(path, file, known)).join(' or ')}.`,
    )
  const isLinked = (from: string): boolean => goal.project.linked.has(packageName(from) ?? '')
  for (const from of unknown.filter((one) => !isLinked(one)))
    problems.push(`There is no file or package ${from}.`)
  if (problems.length > 0) return rejected(place, text, problems.join('\n'))
  const syntax = await runner.syntax(new Map([[path, text]]), { signal, kindOf: () => kind })
  if (syntax !== undefined) return rejected(place, text, `Syntax error:\n${syntax.message}`)
  return judgeWithStubs(context, goal, { place, text, facts, names })
}

/** How Node takes the unit's files, and the files from which a spec of this kind takes `names`. */
function kindsOf(
  { workspace, signal }: PipelineContext,
  { files, project }: SpecGoal,
  kind: ModuleKind,
  names: ImportedNames,
): ReturnType<typeof moduleKinds> {
  return moduleKinds(
    [...new Set([...files, ...names.keys()])],
    project.files,
    (file) => workspace.read(file, { signal }),
    kind,
  )
}

/**
 * Runs a spec whose text is sound where the code does not exist: it has to load, to fail, and to
 * leave nothing.
 */
async function judgeWithStubs(
  context: PipelineContext,
  goal: SpecGoal,
  {
    place,
    text,
    facts,
    names,
  }: {
    readonly place: SpecPlace
    readonly text: string
    readonly facts: CodeFacts
    readonly names: ImportedNames
  },
): Promise<SpecCandidate> {
  const { runner, signal } = context
  const { files, project } = goal
  const { path, kind } = place
  // A stub that throws hides faults behind the call, one that returns hides tests of errors, and a
  // test that nonsense fulfils would let wrong code pass.
  const rules = specRules(path, facts)
  const judged = { specs: new Map([[path, rules.declared]]), awaiting: rules.awaiting }
  const runs: TestRun[] = []
  let isUsedEarly = false
  let odd: SpecCandidate | undefined
  const standIn = await standIns(context, names, {
    files,
    there: project.files,
    kindOf: await kindsOf(context, goal, kind, names),
  })
  for (const behaviour of ['returns', 'throws', 'nonsense'] as const) {
    const code = standIn(behaviour)
    const changes = new Map([...code, [path, text]])
    const run = await runner.test([path], changes, { signal, project })
    // A file that uses what is missing while it is loaded fails before the code exists, as it
    // should.
    if (behaviour === 'throws') isUsedEarly = isUnloaded(run, stubThrew)
    if (behaviour === 'throws' && isUsedEarly) continue
    const wrong = await runProblem(context, path, text, run, facts)
    // Only the stub that throws tells whether an odd value of a stub kept the file from being
    // loaded.
    const mayBeOdd = behaviour === 'returns' || isUsedEarly
    if (wrong !== undefined && mayBeOdd && isUnloaded(run, oddValue)) {
      odd ??= { ...rejected(place, text, wrong), run }
      continue
    }
    if (odd !== undefined && !isUsedEarly) return odd
    if (wrong !== undefined) return { ...rejected(place, text, wrong), run }
    const ran = {
      spec: path,
      text,
      changes,
      loaded: [...names.keys()].filter((file) => project.files.includes(file)),
      project,
    }
    const litter = await litterOfSpec(context, ran)
    if (litter !== undefined) return { ...rejected(place, text, litter), run }
    runs.push(run)
    if (failsByTests(run)) continue
    // No stub may fulfil a spec: code that always throws, for example, must not count as work.
    if (code.size > 0) return { ...rejected(place, text, allIdle(behaviour)), run }
    const [idle] = withSpecRules(run, judged).failed
    return idle === undefined
      ? { ...rejected(place, text, allHold), run, holds: true }
      : { ...rejected(place, text, `The test ${idle.name} is of no use. ${idle.message}`), run }
  }
  const last = runs[0] ?? odd?.run
  const isNew = files.every((file) => !project.files.includes(file))
  const idle = worthlessTests(
    runs.slice(0, 2).map((run) => withSpecRules(run, judged)),
    runs,
    isNew,
  )
  return { ...rejected(place, text, idle ?? ''), run: last }
}

/** A candidate that is not good enough, and why. */
export function rejected(
  place: SpecPlace,
  text: string | undefined,
  problem: string,
): SpecCandidate {
  return {
    place,
    text,
    problem,
    run: undefined,
    edit: text === undefined ? undefined : hashEdit(new Map([['spec', text]])),
    signature: signatureOf([problem]),
  }
}

/** The error of a file that calls a stub which throws. */
const stubThrew = /\bnot implemented yet\b/
/** Errors of code that uses an empty value or nonsense. An undeclared name is not among them. */
const oddValue = /^(?:TypeError|AttributeError|ValueError|KeyError|IndexError|RangeError)\b/

/** Whether a file could not be loaded, for a reason of this kind alone. */
function isUnloaded(run: TestRun, reason: RegExp): boolean {
  const unloaded = brokenOffIn(run)
  if (run.problems.length > 0 || unloaded.length === 0) return false
  return unloaded.every((test) => reason.test(test.message))
}

/**
 * The entries of files that could not be loaded or run to their end. When only a hook around the
 * file failed, its tests were reported.
 */
function brokenOffIn(run: TestRun): readonly FailedTest[] {
  return run.failed.filter((test) => test.name === wholeFile && test.late !== true)
}

/**
 * Whether a spec fails as it should where the code does not exist: by a test of it, not by a hook
 * around the file alone.
 */
function failsByTests(run: TestRun): boolean {
  if (run.failed.some((test) => test.name !== wholeFile)) return true
  return run.failed.length > 0 && run.passed.length === 0
}

/**
 * Why a spec cannot be used, seen from a run where the code does not exist; undefined when it can.
 */
async function runProblem(
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

/**
 * Names of tests that were never declared, because the body of their suite broke off before or was
 * skipped.
 */
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

/** Whether an error is one that no code can repair: a name or an assertion that does not exist. */
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
    // A body that broke off may not have declared a name that the hooks after it use.
    return /^(ReferenceError|NameError)\b/.test(message) && late !== true
  return !isSetElsewhere(kind === 'NameError', name, text)
}

/** Whether a name is one that a hook would have set for the whole file, if the hook had ended. */
function isSetElsewhere(python: boolean, name: string, text: string): boolean {
  const escaped = name.replaceAll('$', String.raw`\$`)
  const pattern = python
    ? String.raw`^[ \t]*global[ \t][\w, \t]*\b${escaped}\b|\bglobals\(\)`
    : String.raw`\b(?:globalThis|global)\s*(?:\.\s*|\[\s*['"])${escaped}(?![\w$])`
  return new RegExp(pattern, 'm').test(text)
}

/** Names of tests, without their file. */
function namesOf(ids: readonly string[]): string {
  return ids.map((id) => id.slice(id.indexOf(' > ') + 3)).join(', ')
}

/** The problem of tests that all pass with stubs. */
const allIdle = (behaviour: StubBehaviour): string =>
  behaviour === 'nonsense'
    ? `All tests pass with code that gives back '${nonsense}' for everything, so they test nothing. Assert on the exact values that are asked for: that a result equals true, not that it is true-like.`
    : 'All tests pass before the code exists, so they test nothing. Assert on results that need the code.'

/** The problem of tests that all pass on the tree as it is. */
const allHold =
  'All tests pass with the code as it is, without a change. Write tests of what the request asks for and the code does not do yet.'

/**
 * Whether to stop for tests that pass without a change (`holds`). The model gets one more try to
 * test what is missing; further tries, or a later attempt, would be guesses like the one before.
 */
export function mayBeDone(
  { attempt }: Pick<Assignment, 'attempt'>,
  tried: readonly { readonly holds?: true }[],
): boolean {
  if (tried.at(-1)?.holds !== true) return false
  return attempt > 1 || tried.filter(({ holds }) => holds === true).length > 1
}

/** This is not a success: tests of a model that pass say little about the request. */
export function passesAlready(files: readonly string[], run: TestRun | undefined): TaskOutcome {
  const message = `Every test that the model wrote passes without a change: ${files.join(', ')} may do this already. If not, say in the request what is missing, with an example that comes out wrong today.`
  return {
    verdict: 'ChecksFailed',
    summary: message,
    evidence: run === undefined ? [] : [evidenceOf(run, '')],
    failure: { reason: 'ChecksFailed', message },
  }
}

/**
 * The first test that says nothing: it passes without an assertion, or in both runs although the
 * code does not exist yet.
 */
function worthlessTests(
  judged: readonly TestRun[],
  runs: readonly TestRun[],
  isNew: boolean,
): string | undefined {
  const [first, second] = runs
  const passed = (first?.passed ?? []).filter((id) => second?.passed.includes(id))
  for (const id of passed) {
    const told = judged.flatMap((run) => run.failed).find((test) => testId(test) === id)
    if (told !== undefined) return `The test ${told.name} is of no use. ${told.message}`
  }
  // Tests for an extension of existing code may also hold behaviour that has to stay.
  return isNew && passed.length > 0
    ? `These tests pass although the code does not exist yet, so they test nothing: ${namesOf(passed)}. Assert on results that need the code.`
    : undefined
}
