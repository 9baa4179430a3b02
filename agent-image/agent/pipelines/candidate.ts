// One candidate of a coding task: asking for its files, and finding out how good it is.
import { basename } from 'node:path'
import { beginningOf, hasHiddenCharacters, withBeginning } from '../../../core/api/plain-text.ts'
import type { ModelResult, PromptSection, Purpose } from '../../../core/api/agent-protocol.ts'
import { optionalSection, section } from '../../../core/api/prompt-parts.ts'
import { mayBeTest } from '../../../core/api/test-paths.ts'
import type { CodeFacts } from '../code/facts.ts'
import { factsIn, isCode } from '../code/read-code.ts'
import { askedWords } from '../edit/asked-words.ts'
import { bareText, chooseBlock, isAskedFor } from '../edit/choose-block.ts'
import { refuse } from '../edit/guards.ts'
import { type LostName, hollowedNames, lostNames, usersOf } from '../edit/lost-names.ts'
import { refusedQuestion } from '../model.ts'
import { isTestPath, languageOf } from '../project/project.ts'
import {
  coderRole,
  currentText,
  cut,
  opening,
  otherUnits,
  symbolsOf,
  writeRule,
} from '../prompt-layout.ts'
import type { Try } from '../tries.ts'
import { signatureOf } from '../verify/evidence.ts'
import type { Changes } from '../workspace/workspace.ts'
import { checkCandidate } from './check-candidate.ts'
import { type Candidate, type CodingGoal, rejected } from './coding-goal.ts'
import type { PipelineContext } from './pipeline.ts'

/** Asks for a candidate's files and checks them, cheapest check first. */
export async function tryOnce(
  context: PipelineContext,
  goal: CodingGoal,
  how: Try,
  previous: Candidate | undefined,
): Promise<Candidate> {
  const written = await writeFiles(context, goal, how, previous)
  if (written.kind === 'unusable') {
    const { why, began } = written
    // The beginning of an answer explains why it cannot be used, but is not a sign of progress, so
    // the signature leaves it out.
    const signature = signatureOf([why])
    return { ...rejected(undefined, withBeginning(why, began), [], -3), signature }
  }
  return checkCandidate(context, goal, written.changes, how.number)
}

type Written =
  | { readonly kind: 'changes'; readonly changes: Changes }
  | { readonly kind: 'unusable'; readonly why: string; readonly began?: string | undefined }

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
      repairing ? undefined : previous,
    )
    if (text.kind === 'none') return { ...text, kind: 'unusable' }
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
  previous: Candidate | undefined,
): Promise<
  { kind: 'text'; text: string } | { kind: 'none'; why: string; began?: string | undefined }
> {
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
        ...opening(assignment, path, purpose, {
          commonjs: goal.habits.kindOf(path) === 'commonjs',
        }),
        ...optionalSection(
          'Tests',
          goal.spec === undefined ? '' : cut(goal.spec.shown.visible, 5000),
        ),
        ...optionalSection('Other files', await otherFiles(context, goal, path, soFar)),
        currentText(soFar.get(path) ?? before),
        ...(repairOf === undefined ? [] : [section('What failed', repairOf.problem)]),
        ...earlierFailures(context, repairOf, previous),
      ],
      instruction: writeRule(path),
      temperature: how.temperature,
      seed: how.seed,
      maxTokens: assignment.outputTokens,
    },
    { signal },
  )
  if (answer.kind === 'refused') throw refusedQuestion(answer.message)
  if (answer.kind === 'unusable') return { ...answer, kind: 'none', why: answer.message }
  const chosen =
    (await withoutFence(context, goal, path, answer.result)) ??
    chooseBlock(answer.result.blocks, path)
  const began = beginningOf(answer.result.text)
  if (chosen.kind === 'none') return { ...chosen, began }
  const wrong = await whyUnfit(context, goal, path, {
    text: chosen.text,
    before,
    earlier: soFar.get(path) ?? before,
    soFar,
  })
  if (wrong === undefined) return chosen
  return { kind: 'none', why: wrong.why, ...(wrong.isProse ? { began } : {}) }
}

/**
 * The whole answer as the file, when it is the code of one file without a fence and defines a name
 * that is asked for.
 */
async function withoutFence(
  { assignment, runner, signal }: PipelineContext,
  goal: CodingGoal,
  path: string,
  { text, blocks }: Pick<ModelResult, 'text' | 'blocks'>,
): Promise<{ readonly kind: 'text'; readonly text: string } | undefined> {
  // With several files nothing says which of them the answer is.
  if (blocks.length > 0 || goal.files.length !== 1) return undefined
  const bare = bareText(text, path)
  if (bare === undefined) return undefined
  const facts = await factsIn(runner, path, bare, { signal })
  const asked = askedWords(assignment, { withCriterion: true })
  return isAskedFor(facts, asked) ? { kind: 'text', text: bare } : undefined
}

/**
 * Why a text must not become the file: a sentence for the model. `before` is the file of the
 * branch, `earlier` what the model last made of it.
 */
async function whyUnfit(
  context: PipelineContext,
  goal: CodingGoal,
  path: string,
  {
    text,
    before,
    earlier,
    soFar,
  }: {
    readonly text: string
    readonly before: string | undefined
    readonly earlier: string | undefined
    readonly soFar: Changes
  },
): Promise<{ readonly why: string; readonly isProse?: boolean } | undefined> {
  const { assignment, runner, signal } = context
  // Facts of Python are read by a command in the sandbox: each text is read once.
  const read = async (one: string): Promise<CodeFacts> => factsIn(runner, path, one, { signal })
  const facts = await read(text)
  const factsOfBranch = before === undefined ? undefined : await read(before)
  const asked = askedWords(assignment)
  const mayShrink = /\b(remove|delete|drop|shorten|simplify|split|replace|rewrite)\b/i.test(
    assignment.goal,
  )
  const refusal = refuse({
    path,
    text,
    before: earlier,
    facts,
    factsBefore: earlier === undefined || earlier === before ? factsOfBranch : await read(earlier),
    projectImports: goal.habits.imports,
    codeLikeTests: goal.project.files.filter(
      (file) => mayBeTest(file) && !goal.project.testFiles.includes(file),
    ),
    allowed: goal.files,
    requested: `${asked} ${before ?? ''}`,
    mayShrink,
  })
  if (refusal !== undefined) return { why: refusal.message, isProse: refusal.code === 'Prose' }
  const lost =
    factsOfBranch === undefined
      ? undefined
      : await whatIsLost(context, goal, path, { before: factsOfBranch, after: facts, soFar })
  if (lost !== undefined) return { why: lost }
  const hollow =
    factsOfBranch === undefined || mayShrink ? [] : hollowedNames(factsOfBranch, facts, asked)
  if (hollow.length > 0)
    return {
      why: `${path} no longer does what it did: ${hollow.slice(0, 8).join(', ')} only ${hollow.length === 1 ? 'throws or gives' : 'throw or give'} nothing back. Keep everything that need not change, and write the complete file.`,
    }
  if (!isCode(path)) return undefined
  const tests = [...goal.deciders.specs.keys()].map((spec) => basename(spec))
  const named = tests.find((name) => text.includes(name) && !before?.includes(name))
  return named === undefined
    ? undefined
    : { why: `${path} names its tests (${named}). Code must not know them.` }
}

/**
 * Why the answer before was not taken, so that the next one differs. Without an answer before: how
 * the last attempt failed.
 */
function earlierFailures(
  context: PipelineContext,
  repairOf: Candidate | undefined,
  previous: Candidate | undefined,
): readonly PromptSection[] {
  if (repairOf === undefined && previous !== undefined && previous.changes === undefined)
    return optionalSection(
      'What failed',
      `The last answer was not taken:\n${cut(previous.problem, 900)}`,
    )
  const earlier = context.assignment.earlier.filter((entry) => entry.reason === 'ChecksFailed')
  const last = earlier.at(-1)
  if (repairOf !== undefined || last === undefined) return []
  return optionalSection('What failed', `An earlier attempt failed:\n${cut(last.message, 600)}`)
}

/**
 * Signatures of the unit's other files as they are now, of the project's other files, and the goals
 * of other units.
 */
async function otherFiles(
  context: PipelineContext,
  goal: CodingGoal,
  path: string,
  soFar: Changes,
): Promise<string> {
  const parts: string[] = []
  const others = goal.project.files.filter(
    (file) =>
      languageOf(file) === languageOf(path) && !isTestPath(file) && !hasHiddenCharacters(file),
  )
  for (const file of new Set([...goal.files, ...others])) {
    if (file === path || parts.length >= 12) continue
    const text = soFar.get(file) ?? (await context.workspace.read(file, context))
    if (text === undefined) continue
    const facts = await factsIn(context.runner, file, text, context)
    const symbols = symbolsOf(file, text, facts).slice(0, 8)
    if (symbols.length > 0)
      parts.push(`${file}:\n${symbols.map((symbol) => `  ${symbol.signature}`).join('\n')}`)
  }
  return cut([...parts, ...otherUnits(context.assignment)].join('\n'), 2500)
}

const mostTold = 8
/** Files of a page or a component may use code as well. */
const alsoUses = /\.(?:[jt]sx|vue|svelte|html?)$/

/**
 * A sentence for the model about what the new text of `path` no longer offers and has to, with the
 * files that use it; undefined when nothing is lost. `soFar` are files that the same candidate has
 * written; the rest of the task's files are still to be.
 */
async function whatIsLost(
  { workspace, assignment, signal }: PipelineContext,
  goal: CodingGoal,
  path: string,
  facts: { readonly before: CodeFacts; readonly after: CodeFacts; readonly soFar: Changes },
): Promise<string | undefined> {
  const asked = askedWords(assignment, { withCriterion: true })
  const lost = lostNames(facts.before, facts.after, asked)
  if (lost.length === 0) return undefined
  const isNode = languageOf(path) === 'node' || alsoUses.test(path)
  const others = goal.project.files.filter(
    (file) =>
      file !== path &&
      !goal.files.includes(file) &&
      (languageOf(file) === languageOf(path) || (isNode && alsoUses.test(file))),
  )
  const texts = new Map(await workspace.readAll(others, { signal }))
  for (const [file, text] of facts.soFar) if (file !== path) texts.set(file, text)
  const users = usersOf(path, lost, texts)
  const told = lost.filter((one) => one.certain || (users.get(one) ?? []).length > 0)
  if (told.length === 0) return undefined
  const words = told.slice(0, mostTold).map((one) => named(one, users.get(one) ?? []))
  const more = told.length > mostTold ? ` and ${told.length - mostTold} more` : ''
  return `${path} lost what it offers to others: ${words.join(', ')}${more}. Keep everything that need not change, and write the complete file.`
}

function named({ name }: LostName, users: readonly string[]): string {
  if (users.length === 0) return name
  const shown = users.slice(0, 2).join(', ')
  return `${name} (used by ${users.length > 2 ? `${shown} and ${users.length - 2} more` : shown})`
}
