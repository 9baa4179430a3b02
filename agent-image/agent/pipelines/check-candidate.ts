// Finds out how good the files of a candidate are, the cheapest check first.
import { counted } from '../../../core/api/plain-text.ts'
import { languageOf } from '../project/project.ts'
import { digestOf, evidenceOf } from '../verify/evidence.ts'
import { fileOf, judgeRuns, withSpecRules } from '../verify/judge-runs.ts'
import { type JudgedTest, type Judgement, verdictOf } from '../verify/judgement.ts'
import type { LoadResult } from '../verify/runner.ts'
import { type FailedTest, type TestRun, testId, unloadedIn, wholeFile } from '../verify/test-run.ts'
import type { LeftFile } from '../workspace/work-tree.ts'
import type { Changes } from '../workspace/workspace.ts'
import { type Candidate, type CodingGoal, rejected } from './coding-goal.ts'
import { type Reruns, flakyNote, withoutDoubts } from './uncertain-results.ts'
import { litterWithCode } from './litter.ts'
import { brokenInOneProcess } from './one-process.ts'
import { type PipelineContext, countsOf } from './pipeline.ts'
import { sayNothing } from './stand-ins.ts'

/** Judges the files of one try: as they are, parsed, and by running the tests. */
export async function checkCandidate(
  context: PipelineContext,
  goal: CodingGoal,
  changes: Changes,
  number: number,
): Promise<Candidate> {
  const { runner, signal, activity } = context
  if (await isUnchanged(context, changes)) {
    activity(`try ${number}: the files are as they were`)
    return rejected(changes, 'The answer gives the files back as they were. Change them.', [], -2)
  }
  const { kindOf } = goal.habits
  const syntax = await runner.syntax(changes, { signal, kindOf })
  if (syntax !== undefined) {
    activity(`try ${number}: ${syntax.file} has a syntax error`)
    const problem = `Syntax error in ${syntax.file}:\n${syntax.message}`
    return rejected(changes, problem, [syntax.file], -2)
  }
  return checkTests(context, goal, changes, number)
}

async function isUnchanged({ workspace, signal }: PipelineContext, changes: Changes) {
  for (const [path, text] of changes)
    if ((await workspace.read(path, { signal })) !== text) return false
  return true
}

async function checkTests(
  context: PipelineContext,
  goal: CodingGoal,
  changes: Changes,
  number: number,
): Promise<Candidate> {
  const { runner, workspace, signal, activity } = context
  const { deciders, project } = goal
  const options = { signal, project }
  const specs = [...deciders.specs.keys()]
  const first =
    specs.length === 0
      ? undefined
      : withSpecRules(await runner.test(specs, changes, options), deciders)
  if (first !== undefined && (first.failed.length > 0 || first.problems.length > 0)) {
    activity(`try ${number}: ${countsOf(first)}`)
    return failed(context, goal, changes, first, first.failed)
  }
  const left = first === undefined ? [] : await workspace.left()
  // The tests run in the tree that the specs left, so that tests are found that pass only once or
  // break others. A person's own tests may count on a fresh folder, and an agent must not change
  // them.
  const inPlace = first !== undefined && (deciders.named?.size ?? 0) === 0
  const whole = await runner.test(project.testFiles, changes, { ...options, inPlace })
  const runs = [whole]
  const again: Reruns = {
    base: (files, tree) => runner.test(files, new Map(), { ...options, ...tree }),
    now: (files, tree) => runner.test(files, changes, { ...options, ...tree }),
  }
  let judgement = judgeOf(goal, first, runs)
  if (judgement.verdict === 'refuted' && whole.problems.length === 0) {
    runs.push(await runner.test(project.testFiles, changes, options))
    judgement = await withoutDoubts(judgeOf(goal, first, runs), deciders, again)
  }
  const problems = runs.flatMap((run) => run.problems)
  if (judgement.verdict === 'refuted' || problems.length > 0) {
    const lost = [...judgement.unmet, ...judgement.broken]
    // A file that can no longer be loaded is one failure, and breaks as many tests as it had.
    const words = lost.length === 1 ? 'that must pass does not' : 'that must pass do not'
    activity(
      `try ${number}: ${lost.length === 0 ? 'the runs of the tests cannot be believed' : `${counted(lost.length, 'test')} ${words}`}`,
    )
    const passedOnce = judgement.unmet.some(({ id }) => first?.passed.includes(id) === true)
    const broken = failuresOf(lost, runs)
    const doubted = await whyDoubted(context, goal, changes, left)
    const note = `${passedOnce ? onceOnly : ''}${doubted}`
    return failed(context, goal, changes, whole, broken, note)
  }
  const loads = await loadAll(context, goal, changes)
  if (loads.problem !== undefined) {
    activity(`try ${number}: ${loads.problem.path} cannot be loaded`)
    const { path, message } = loads.problem
    return rejected(changes, `${path} cannot be loaded:\n${message}`, [path], -1)
  }
  const shared = await brokenInOneProcess({
    before: goal.baseline,
    runs,
    specs: specs.filter((path) => deciders.named?.has(path) !== true),
    changed: [...changes.keys()],
    again,
  })
  if (shared !== undefined) {
    activity(`try ${number}: ${shared.sentence.trim()}`)
    return failed(context, goal, changes, shared.run, shared.failures, shared.sentence)
  }
  activity(`try ${number}: ${countsOf({ ...whole, failed: [] })}`)
  const sound = judgement.verdict === 'proven' && (await isSound(context, goal, judgement))
  const ids = judgement.proof.map(({ id }) => id)
  const silent = sound
    ? await sayNothing(context, goal, ids, first === undefined ? runs : [first, ...runs])
    : []
  const proven = sound && silent.length < ids.length
  const unchecked = sound ? whySilent(silent) : (loads.notes[0] ?? whyNotRun(first))
  const notes = [
    ...loads.notes,
    ...judgement.flaky.map(({ id }) => flakyNote(id)),
    ...judgement.still
      .filter(({ kind }) => kind !== 'other')
      .slice(0, 3)
      .map(({ id }) => `failed before and fails still: ${id}`),
  ]
  return {
    ...rejected(changes, '', [], 0),
    state: proven ? 'proven' : 'unchecked',
    proof: proven ? ids.filter((id) => !silent.includes(id)) : [],
    evidence: [evidenceOf(whole, await notLoaded(context, whole))],
    notes,
    ...(unchecked === undefined ? {} : { unchecked }),
  }
}

/** The test files that could not be loaded, though the work is good: before it they could not, either. */
async function notLoaded({ workspace, signal }: PipelineContext, run: TestRun): Promise<string> {
  const files = new Set(unloadedIn(run))
  const read = (path: string) => workspace.read(path, { signal })
  const failures = run.failed.filter(({ file }) => files.has(file))
  return (await digestOf({ ...run, problems: [] }, failures, workspace.root, read)).text
}

/** Why tests that pass now, and did not before, say nothing. */
function whySilent(ids: readonly string[]): string | undefined {
  const [first] = ids
  if (first === undefined) return undefined
  const others = ids.length === 1 ? '' : ` and ${counted(ids.length - 1, 'other')}`
  return `${first}${others} asserts nothing, or hides what it asserts: it passes with code that does nothing, too`
}

/** Why the tests that decide could not be run. */
function whyNotRun(specs: TestRun | undefined): string | undefined {
  const entry = specs?.unrun.find(({ needs }) => needs !== undefined)
  if (entry === undefined) return undefined
  const { file, name, why } = entry
  return `${name === undefined ? file : `${file} > ${name}`} could not be run: ${why}`
}

/**
 * Loads every module of the candidate once, also when it has no tests. A module that could not be
 * loaded before either is not the fault of this change, and a program that needs settings or
 * arguments may refuse to start without them.
 */
async function loadAll(
  { runner, workspace, signal }: PipelineContext,
  { project }: CodingGoal,
  changes: Changes,
): Promise<{ readonly problem?: LoadResult; readonly notes: readonly string[] }> {
  const modules = [...changes.keys()].filter((path) => languageOf(path) !== 'unknown')
  if (modules.length === 0) return { notes: [] }
  const loads = await runner.load(modules, changes, { signal, project })
  const notes = loads
    .filter(({ outcome }) => outcome === 'unloadable')
    .map(({ path, message }) => `${path} could not be loaded here: ${message}`)
  for (const load of loads.filter(({ outcome }) => outcome === 'failed')) {
    const { path, message } = load
    const was = (await workspace.read(path, { signal })) !== undefined
    const before = was ? await runner.load([path], new Map(), { signal, project }) : []
    const failedBefore = before.some(({ outcome }) => outcome === 'failed')
    if (!failedBefore && !surroundings.test(changes.get(path) ?? ''))
      return { problem: load, notes }
    const why = failedBefore ? 'as before' : 'it may need settings or arguments'
    notes.push(`${path} could not be loaded (${why}): ${message.split('\n', 1)[0] ?? ''}`)
  }
  return { notes }
}

/** Ways in which a program reads settings or arguments. */
const surroundings =
  /\bprocess\.(?:env|argv|stdin)\b|\bparseArgs\b|\bos\.(?:environ|getenv)\b|\bsys\.(?:argv|stdin)\b|\bargparse\b/

/** Spec tests are judged by both runs; others by the runs of everything. */
function judgeOf(
  goal: CodingGoal,
  first: TestRun | undefined,
  runs: readonly TestRun[],
): Judgement {
  const all = first === undefined ? runs : [first, ...runs]
  const judged = judgeRuns([goal.baseline], all, goal.deciders)
  if (first === undefined) return judged
  const rest = judgeRuns([goal.baseline], runs, goal.deciders)
  const isSpec = ({ kind }: JudgedTest): boolean => kind === 'spec'
  const proof = [...judged.proof.filter(isSpec), ...rest.proof.filter((test) => !isSpec(test))]
  const found = { ...rest, unmet: judged.unmet, proof }
  return { ...found, verdict: verdictOf(found) }
}

/**
 * Proof by the project's own tests alone counts when they fail without the change each time, not by
 * chance.
 */
async function isSound(
  { runner, signal }: PipelineContext,
  { project }: CodingGoal,
  { proof }: Judgement,
): Promise<boolean> {
  if (proof.some(({ kind }) => kind === 'spec')) return true
  const files = [...new Set(proof.map(({ id }) => fileOf(id)))]
  const again = await runner.test(files, new Map(), { signal, project })
  return proof.some(({ id }) => !again.passed.includes(id))
}

/**
 * The failures of tests that are unmet or broken; for each test the last run that has a message
 * counts.
 */
export function failuresOf(
  tests: readonly JudgedTest[],
  runs: readonly TestRun[],
): readonly FailedTest[] {
  const all = runs.flatMap((run) => run.failed)
  const told = tests.map(({ id, now }): FailedTest => {
    const file = fileOf(id)
    const own = all.findLast((test) => testId(test) === id)
    const whole = all.findLast((test) => test.file === file && test.name === wholeFile)
    if (own !== undefined) return own
    if (whole !== undefined) return whole
    const state = now.findLast((one) => one !== 'passed') ?? 'absent'
    const unrun = runs.flatMap((run) => run.unrun).findLast((entry) => entry.file === file)
    const why = state === 'unjudged' && unrun !== undefined ? `: ${unrun.why}` : ''
    const message = `${sentences[state]}${why}`
    return { file, name: id.slice(file.length + 3), message, derived: false }
  })
  // One entry for a file that could not be run stands for all its tests.
  return [...new Map(told.map((test) => [testId(test), test])).values()]
}

const sentences = {
  passed: 'it passed',
  failed: 'it failed',
  skipped: 'it is skipped now',
  absent: 'it is no longer reported',
  unjudged: 'it can no longer be run',
} as const

/** Stands before the failures in the prompt. */
const onceOnly =
  'The tests pass once, and fail when they are run again in the same folder. What a run leaves there must not matter.\n'

/**
 * A sentence that the specs are at fault and not the code: without the files that they leave all
 * tests pass. Empty otherwise.
 */
async function whyDoubted(
  context: PipelineContext,
  { baseline, deciders, project }: CodingGoal,
  changes: Changes,
  found: readonly LeftFile[],
): Promise<string> {
  const specs = [...deciders.specs.keys()]
  const left = await litterWithCode(context, { specs, found, changes, project })
  if (left === undefined) return ''
  const others = project.testFiles.filter((path) => !specs.includes(path))
  const alone = await context.runner.test(others, changes, { signal: context.signal, project })
  const isOther = (id: string): boolean => !specs.includes(fileOf(id))
  return baseline.passed.some((id) => isOther(id) && !alone.passed.includes(id))
    ? ''
    : `The tests in ${specs.join(', ')} ${left}, and only so do tests fail: where nothing is left there, all pass. The tests have to remove what they leave, or work in a folder of their own. Code can help only if it is to cope with what is there already.\n`
}

async function failed(
  context: PipelineContext,
  goal: CodingGoal,
  changes: Changes,
  run: TestRun,
  failures: readonly FailedTest[],
  note = '',
): Promise<Candidate> {
  const { workspace, signal } = context
  const source = async (path: string): Promise<string | undefined> =>
    changes.get(path) ?? (await workspace.read(path, { signal }))
  const hidden = goal.spec?.shown.hidden ?? new Set<string>()
  const digest = await digestOf(run, failures, workspace.root, source, hidden)
  // The model must not learn of a hidden test by the source of a suspect either, so only files are
  // named.
  const pointed = failures.flatMap((test) => (test.frame === undefined ? [] : [test.frame.file]))
  const suspects = goal.files.filter((path) => pointed.includes(path))
  const own = goal.spec === undefined ? 0 : run.passed.length
  return {
    ...rejected(changes, `${note}${digest.text}`, suspects, own - failures.length / 1000),
    signature: digest.signature,
    evidence: [evidenceOf(run, digest.text)],
  }
}
