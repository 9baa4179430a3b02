// One candidate of a coding task: asking for its files, and finding out how good it is.
import type { Evidence } from '../../../operator/api/agent-task.ts'
import type { PromptSection, Purpose } from '../../../operator/api/agent-protocol.ts'
import { chooseBlock } from '../edit/choose-block.ts'
import { refuse } from '../edit/guards.ts'
import { symbolsOf } from '../edit/symbols.ts'
import { isTestPath, languageOf, type Project } from '../project.ts'
import {
  coderRole,
  currentText,
  cut,
  opening,
  optionalSection,
  section,
  writeRule,
} from '../prompt.ts'
import { hashEdit, type TriedCandidate, type Try } from '../tries.ts'
import { compareRuns } from '../verify/compare.ts'
import { digestOf, evidenceOf, signatureOf } from '../verify/digest.ts'
import type { HeldBack } from '../verify/spec-text.ts'
import { unreportedTests } from '../verify/spec-text.ts'
import { type FailedTest, type TestRun, testId, wholeFile } from '../verify/test-run.ts'
import type { Changes } from '../workspace.ts'
import { countsOf, type PipelineContext } from './pipeline.ts'

/** What a coding task works towards; the same for all its tries. */
export interface CodingGoal {
  /** Begins the purposes of its questions: `code` or `fix`. */
  readonly purpose: 'code' | 'fix'
  /** The files to write, in order. */
  readonly files: readonly string[]
  /** The unit's spec tests; undefined when it has none. */
  readonly spec:
    | { readonly path: string; readonly text: string; readonly shown: HeldBack }
    | undefined
  readonly baseline: TestRun
  readonly project: Project
}

/** A candidate and what is known about it. */
export interface Candidate extends TriedCandidate {
  /** The files of the last usable answer; undefined when there was none. */
  readonly changes: Changes | undefined
  readonly accepted: boolean
  /** Higher is better; only for choosing among candidates that were not accepted. */
  readonly score: number
  /** What is wrong, for the next prompt and for people. */
  readonly problem: string
  /** The files that the problem points at; empty for all. */
  readonly suspects: readonly string[]
  readonly evidence: readonly Evidence[]
  readonly notes: readonly string[]
}

/** Asks for a candidate's files and checks them, cheapest check first. */
export async function tryOnce(
  context: PipelineContext,
  goal: CodingGoal,
  how: Try,
  previous: Candidate | undefined,
): Promise<Candidate> {
  const written = await writeFiles(context, goal, how, previous)
  if (written.kind === 'unusable') return rejected(undefined, written.why, [], -3)
  const { changes } = written
  const { runner, signal, activity } = context
  const syntax = await runner.syntax(changes, { signal })
  if (syntax !== undefined) {
    activity(`try ${how.number}: ${syntax.file} has a syntax error`)
    return rejected(
      changes,
      `Syntax error in ${syntax.file}:\n${syntax.message}`,
      [syntax.file],
      -2,
    )
  }
  return checkTests(context, goal, changes, how.number)
}

type Written =
  | { readonly kind: 'changes'; readonly changes: Changes }
  | { readonly kind: 'unusable'; readonly why: string }

async function writeFiles(
  context: PipelineContext,
  goal: CodingGoal,
  how: Try,
  previous: Candidate | undefined,
): Promise<Written> {
  const repairing = how.kind === 'repair' && previous?.changes !== undefined
  const changes = new Map<string, string>(repairing ? previous.changes : [])
  const suspects = repairing ? previous.suspects : []
  const files = goal.files.filter((path) => suspects.length === 0 || suspects.includes(path))
  for (const path of files) {
    const text = await writeFile(
      context,
      goal,
      how,
      path,
      changes,
      repairing ? previous : undefined,
    )
    if (text.kind === 'none') return { kind: 'unusable', why: text.why }
    changes.set(path, text.text)
  }
  return { kind: 'changes', changes }
}

async function writeFile(
  context: PipelineContext,
  goal: CodingGoal,
  how: Try,
  path: string,
  soFar: Changes,
  repairOf: Candidate | undefined,
): Promise<{ kind: 'text'; text: string } | { kind: 'none'; why: string }> {
  const { assignment, model, workspace, signal } = context
  const purpose: Purpose = `${goal.purpose}.${repairOf === undefined ? 'write' : 'repair'}`
  context.activity(`try ${how.number}: ${repairOf === undefined ? 'writing' : 'repairing'} ${path}`)
  const before = await workspace.read(path, { signal })
  const answer = await model.ask(
    {
      verb: 'write',
      purpose,
      system: coderRole(path),
      sections: [
        ...opening(assignment, path, purpose, goal.project),
        ...optionalSection(
          'Tests',
          goal.spec === undefined ? '' : cut(goal.spec.shown.visible, 5000),
        ),
        ...optionalSection('Other files', await otherFiles(context, goal, path, soFar)),
        currentText(soFar.get(path) ?? before),
        ...(repairOf === undefined ? [] : [section('What failed', repairOf.problem)]),
        ...earlierFailures(context, repairOf),
      ],
      instruction: writeRule(path),
      temperature: how.temperature,
      seed: how.seed,
      maxTokens: assignment.outputTokens,
    },
    { signal },
  )
  if (answer.kind === 'unusable') return { kind: 'none', why: answer.message }
  const chosen = chooseBlock(answer.result.blocks, path)
  if (chosen.kind === 'none') return chosen
  const refusal = refuse({
    path,
    text: chosen.text,
    before: soFar.get(path) ?? before,
    allowed: goal.files,
    requested: `${assignment.requestText} ${assignment.goal} ${before ?? ''}`,
    mayShrink: /\b(remove|delete|drop|shorten|simplify|split|replace|rewrite)\b/i.test(
      assignment.goal,
    ),
  })
  return refusal === undefined ? chosen : { kind: 'none', why: refusal.message }
}

/** Told only when nothing newer is known: what the attempts before this one came to. */
function earlierFailures(
  context: PipelineContext,
  repairOf: Candidate | undefined,
): readonly PromptSection[] {
  const earlier = context.assignment.earlier.filter((entry) => entry.reason === 'ChecksFailed')
  const last = earlier.at(-1)
  if (repairOf !== undefined || last === undefined) return []
  return optionalSection('What failed', `An earlier attempt failed:\n${cut(last.message, 600)}`)
}

/** Signatures of the unit's other files as they are now, of the project's other files, and the goals of other units. */
async function otherFiles(
  context: PipelineContext,
  goal: CodingGoal,
  path: string,
  soFar: Changes,
): Promise<string> {
  const parts: string[] = []
  const others = goal.project.files.filter(
    (file) => languageOf(file) === languageOf(path) && !isTestPath(file),
  )
  for (const file of new Set([...goal.files, ...others])) {
    if (file === path || parts.length >= 12) continue
    const text = soFar.get(file) ?? (await context.workspace.read(file, context))
    if (text === undefined) continue
    const symbols = symbolsOf(file, text).slice(0, 8)
    if (symbols.length > 0)
      parts.push(`${file}:\n${symbols.map((symbol) => `  ${symbol.signature}`).join('\n')}`)
  }
  for (const sibling of context.assignment.siblings.slice(0, 4))
    if (sibling.unit !== context.assignment.unit)
      parts.push(`(unit ${sibling.unit}, ${sibling.files.join(', ')}: ${cut(sibling.goal, 160)})`)
  return cut(parts.join('\n'), 2500)
}

async function checkTests(
  context: PipelineContext,
  goal: CodingGoal,
  changes: Changes,
  number: number,
): Promise<Candidate> {
  const { runner, signal, activity, workspace } = context
  const source = async (path: string): Promise<string | undefined> =>
    changes.get(path) ?? (await workspace.read(path, { signal }))
  const hidden = goal.spec?.shown.hidden ?? new Set<string>()
  const fail = async (run: TestRun, failures: readonly FailedTest[]): Promise<Candidate> => {
    const digest = await digestOf(run, failures, workspace.root, source, hidden)
    // A test that is not shown must not be told about by way of a suspect's source either; only files are named.
    const pointed = failures.flatMap((test) => (test.frame === undefined ? [] : [test.frame.file]))
    const suspects = goal.files.filter((path) => pointed.includes(path))
    const own = goal.spec === undefined ? 0 : run.passed.length
    return {
      ...rejected(changes, digest.text, suspects, own - failures.length / 1000),
      signature: digest.signature,
      evidence: [evidenceOf(run, digest.text)],
    }
  }

  if (goal.spec !== undefined) {
    const run = withMissing(await runner.test([goal.spec.path], changes, { signal }), goal.spec)
    if (run.failed.length > 0 || run.problems.length > 0) {
      activity(`try ${number}: ${countsOf(run)}`)
      return fail(run, run.failed)
    }
  }
  const whole = await runner.test(goal.project.testFiles, changes, { signal })
  const comparison = compareRuns(goal.baseline, whole)
  const notes: string[] = []
  let broken = comparison.newlyFailing
  if (broken.length > 0 && whole.problems.length === 0) {
    // A test that fails only sometimes says nothing about the change.
    const again = compareRuns(
      goal.baseline,
      await runner.test(goal.project.testFiles, changes, { signal }),
    )
    const stillBroken = new Set(again.newlyFailing.map(testId))
    const flaky = broken.filter((test) => !stillBroken.has(testId(test)))
    notes.push(...flaky.map((test) => `flaky: ${testId(test)} failed once and passed once`))
    broken = broken.filter((test) => stillBroken.has(testId(test)))
  }
  if (broken.length > 0 || whole.problems.length > 0) {
    activity(`try ${number}: breaks ${broken.length} tests that passed before`)
    return fail(whole, broken)
  }
  activity(`try ${number}: ${countsOf({ passed: whole.passed, failed: [] })}`)
  return {
    ...rejected(changes, '', [], 0),
    accepted: true,
    evidence: [evidenceOf(whole, '')],
    notes: [
      ...notes,
      ...comparison.still
        .filter((test) => test.file !== goal.spec?.path)
        .slice(0, 3)
        .map((test) => `failed before and fails still: ${testId(test)}`),
    ],
  }
}

/** Tests that the spec declares and the run did not report count as failed. */
export function withMissing(
  run: TestRun,
  spec: { readonly path: string; readonly text: string },
): TestRun {
  if (run.failed.some((test) => test.name === wholeFile)) return run
  const missing = unreportedTests(spec.path, spec.text, run).map((name) => ({
    file: spec.path,
    name,
    message: 'it was not run',
    derived: false,
  }))
  return { ...run, failed: [...run.failed, ...missing] }
}

function rejected(
  changes: Changes | undefined,
  problem: string,
  suspects: readonly string[],
  score: number,
): Candidate {
  return {
    changes,
    edit: changes === undefined ? undefined : hashEdit(changes),
    signature: signatureOf([problem]),
    accepted: false,
    score,
    problem,
    suspects,
    evidence: [],
    notes: [],
  }
}
