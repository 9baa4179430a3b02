// Planning one failed part again: other units in the place of one that failed, and new tasks for
// all that waited for it.
import type { Plan, PlannedTask, Unit } from '../api/devrequest.ts'
import { faithfulText } from '../api/faithful-text.ts'
import { plainLine } from '../api/plain-text.ts'
import { ModelError } from '../models/errors.ts'
import type { ModelProfile } from '../models/profile.ts'
import { type Asker, decide } from '../models/question.ts'
import type { RepositoryFacts } from './facts.ts'
import { isAboutRoutes, isAboutSecurity } from './mentions.ts'
import { freeName } from './names.ts'
import { longestText, withOwnWords } from './own-words.ts'
import {
  type MadePlan,
  type PlanInput,
  type PlanOptions,
  type TranscriptEntry,
  askerOf,
} from './plan.ts'
import { splitQuestion, unitsAnswer, unitsSchema } from './questions.ts'
import { expand, planHash, teamOf, waves } from './tasks.ts'
import { checkUnits, withSentences } from './units.ts'

/** The plan to revise, and what came of it so far. */
interface ReplanInput extends PlanInput {
  readonly plan: Plan
  readonly failed: FailedUnit
  /** Names of the tasks that succeeded. */
  readonly succeeded: ReadonlySet<string>
}

/**
 * Plans the failed part of a request again. A warning of the new revision says what was done, or
 * that the unit cannot be split; then its tasks are those of the old one, and the request fails as
 * it would have.
 * Throws as `makePlan` does.
 */
export async function replan(input: ReplanInput, options: PlanOptions): Promise<MadePlan> {
  const { plan, failed, spec, profile, facts, succeeded } = input
  const transcript: TranscriptEntry[] = []
  const { tier } = profile
  const asker = askerOf(input, options)
  const parts = await splitUnit(failed, { asker, tier, facts, request: spec.request, transcript })
  const next =
    parts === undefined
      ? { ...plan, revision: plan.revision + 1 }
      : revisePlan({
          plan,
          request: input.request,
          text: spec.request,
          failed: failed.name,
          parts,
          succeeded,
          limits: spec.limits,
        })
  const said =
    parts === undefined
      ? `Unit ${failed.name} failed and cannot be split.`
      : `Unit ${failed.name} failed and was planned again in ${parts.length} parts.`
  return {
    plan: {
      ...next,
      warnings: [...next.warnings, plainLine(said, 500)].slice(-20),
      attempts: Math.min(10, plan.attempts + transcript.length),
    },
    transcript,
  }
}

/** A unit that failed, and the evidence of the harness: sentences and digests of what was run. */
interface FailedUnit extends Pick<Unit, 'name' | 'goal' | 'files' | 'doneWhen'> {
  readonly evidence: readonly string[]
}

type Part = Pick<Unit, 'goal' | 'files' | 'doneWhen'>

/** The means by which a unit is split. */
interface Splitting {
  readonly asker: Asker
  readonly tier: ModelProfile['tier']
  readonly facts: RepositoryFacts
  /** The person's request: it alone may name a file that a model must not choose. */
  readonly request: string
  /** Gets the answer of the model. */
  readonly transcript: TranscriptEntry[]
}

/**
 * Parts to do in the place of a unit: the proposal of a model, which is asked once, else one part
 * for each file; undefined when both give only the unit itself. Every file of the unit is in a
 * part.
 * Throws ModelError for a model that is not available (retryable), and for an aborted signal.
 */
async function splitUnit(
  unit: FailedUnit,
  splitting: Splitting,
): Promise<readonly Part[] | undefined> {
  const asked = splitting.tier === 'weak' ? undefined : await ask(unit, splitting)
  return asked ?? byFiles(unit)
}

async function ask(
  unit: FailedUnit,
  { asker, facts, request, transcript }: Splitting,
): Promise<readonly Part[] | undefined> {
  const question = splitQuestion(unit, facts)
  const { purpose } = question
  try {
    const answer = await decide(asker, { ...question, schema: unitsSchema })
    const read = unitsAnswer.safeParse(answer.value)
    if (!read.success) throw new ModelError('OutputUnusable', 'the answer holds no units')
    const text = textOf(unit)
    const { units, problems } = checkUnits(read.data, text, facts, request)
    const splits = units.length > 1 && units.every((part) => !isSame(part, unit))
    transcript.push({
      purpose,
      text: answer.text,
      outcome: splits ? problems.join('; ') || 'used' : 'it splits nothing',
    })
    return splits
      ? withFiles(withSentences(withOwnWords(units, text, facts), text, facts), unit.files)
      : undefined
  } catch (error) {
    if (!(error instanceof ModelError) || error.retryable) throw error
    if (error.code === 'Cancelled') throw error
    transcript.push({ purpose, text: error.text, outcome: error.message })
    return undefined
  }
}

/**
 * The parts with every file of the unit; a file without a part goes to the part with the fewest
 * files.
 */
function withFiles(parts: readonly Part[], files: readonly string[]): readonly Part[] {
  const result = parts.map((part) => ({ ...part, files: [...part.files] }))
  for (const file of files) {
    if (result.some((part) => part.files.includes(file))) continue
    result.toSorted((a, b) => a.files.length - b.files.length)[0]?.files.push(file)
  }
  return result
}

/** One part for each file: each has less to write at once. */
function byFiles({ goal, files, doneWhen }: FailedUnit): readonly Part[] | undefined {
  if (files.length < 2) return undefined
  return files.map((file) => ({
    goal: faithfulText(`Only ${file} of this: ${goal}`, longestText),
    files: [file],
    doneWhen,
  }))
}

function isSame(part: Part, unit: FailedUnit): boolean {
  return part.goal === unit.goal && part.files.join() === unit.files.join()
}

function textOf({ goal, doneWhen }: FailedUnit): string {
  return goal === doneWhen ? goal : `${goal}\n${doneWhen}`
}

/** The old plan, and the parts that a revision has in the place of the failed unit. */
interface RevisionInput {
  readonly plan: Plan
  /** Name of the DevRequest, and the text of its request. */
  readonly request: string
  readonly text: string
  /** The unit that failed. */
  readonly failed: string
  /** Units in the place of the failed one, in order; each waits for the one before. */
  readonly parts: readonly Pick<Unit, 'goal' | 'files' | 'doneWhen'>[]
  /** Names of the tasks that succeeded; these stay. */
  readonly succeeded: ReadonlySet<string>
  readonly limits: { readonly maxTasks: number; readonly maxParallel: number }
}

/** The end of the names of tasks for the whole request, which are done again in a revision. */
const mark = 'again'

/**
 * The plan with other tasks in the place of the failed ones and of those that waited for them.
 * Guarantees: tasks that succeeded stay as they are; every new task has a name that the plan did
 * not have; the plan is within the limits, as `planProblems` says. `replaced` names the tasks that
 * the new plan does without.
 */
export function revisePlan(input: RevisionInput): Plan {
  const { plan, succeeded, limits } = input
  const stands = plan.tasks.filter(({ name }) => succeeded.has(name))
  const replaced = plan.tasks.filter(({ name }) => !succeeded.has(name))
  const document = replaced.find(({ action }) => action === 'document')
  const branch = stands.filter(({ action }) => action === 'branch').map(({ name }) => name)
  const expansion = expand(revisedUnits(input), {
    request: input.request,
    documents:
      document === undefined
        ? undefined
        : {
            title: isAboutRoutes(input.text) ? 'Document the API' : 'Document the change',
            goal: document.goal,
            files: document.files,
          },
    security: isAboutSecurity(input.text),
    maxTasks: Math.max(1, limits.maxTasks - stands.length),
    begun: { branch, ends: endsOf(stands), mark },
  })
  const tasks = [...stands, ...expansion.tasks]
  return {
    ...plan,
    hash: planHash(tasks),
    revision: plan.revision + 1,
    waves: waves(tasks),
    team: teamOf(tasks, limits.maxParallel),
    tasks,
    replaced: replaced.map(({ name }) => name),
    warnings: [...plan.warnings, ...expansion.warnings].slice(-20),
  }
}

/** The unfinished units under other names, with the parts in the place of the failed one. */
function revisedUnits({ plan, failed, parts, succeeded }: RevisionInput): Unit[] {
  const units = unitsOf(plan)
  const taken = new Set(units.map(({ name }) => name))
  const renamed = new Map<string, string>()
  const revised: Unit[] = []
  for (const unit of units) {
    const own = plan.tasks.filter((task) => task.unit === unit.name)
    if (own.every(({ name }) => succeeded.has(name))) continue
    const after = unit.after?.map((name) => renamed.get(name) ?? name) ?? []
    let last: string[] = []
    for (const part of unit.name === failed ? parts : [unit]) {
      const name = freeName(unit.name, taken)
      taken.add(name)
      const { goal, files, doneWhen } = part
      revised.push({ name, goal, files, doneWhen, after: [...after, ...last] })
      last = [name]
      renamed.set(unit.name, name)
    }
  }
  return revised
}

/** The units that a plan was made from, as its code tasks show them. */
export function unitsOf(plan: Plan): Unit[] {
  const ends = new Map([...endsOf(plan.tasks)].map(([unit, names]) => [names[0] ?? '', unit]))
  return plan.tasks
    .filter(({ action }) => action === 'code')
    .map(({ unit: name = '', goal, doneWhen, files, after }) => ({
      name,
      goal,
      files,
      doneWhen: doneWhen || goal,
      after: after.flatMap((other) => ends.get(other) ?? []).filter((other) => other !== name),
    }))
}

/** The last task of each unit, by the unit's name. Other tasks wait for it. */
function endsOf(tasks: readonly PlannedTask[]): ReadonlyMap<string, readonly string[]> {
  const ends = new Map<string, readonly string[]>()
  for (const action of ['code', 'verify'] as const)
    for (const task of tasks)
      if (task.action === action && task.unit !== undefined) ends.set(task.unit, [task.name])
  return ends
}
