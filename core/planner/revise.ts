// Planning one failed part anew: other units in its place, and with it all that could not begin because of it.
import type { Plan, PlannedTask, Unit } from '../api/devrequest.ts'
import { expand } from './expand.ts'
import { planHash } from './hash.ts'
import { isAboutRoutes, isAboutSecurity } from './mentions.ts'
import { freeName } from './names.ts'
import { teamOf, waves } from './waves.ts'

/** What a revision is made from. */
export interface RevisionInput {
  readonly plan: Plan
  /** Name of the DevRequest, and what it asks for. */
  readonly request: string
  readonly text: string
  /** The unit that failed. */
  readonly failed: string
  /** What is done instead of it, in order; each waits for the one before. */
  readonly parts: readonly Pick<Unit, 'goal' | 'files' | 'doneWhen'>[]
  /** Names of the tasks that succeeded: they stand. */
  readonly succeeded: ReadonlySet<string>
  readonly limits: { readonly maxTasks: number; readonly maxParallel: number }
}

/** Ends the names of tasks for the whole request in a revision; they are done again. */
const mark = 'again'

/**
 * The plan with other tasks in the place of what failed and of what waited for it.
 * Guarantees: what succeeded stays as it is; every new task has a name that the plan did not have; a plan within the
 * limits, as `planProblems` says. `replaced` names the tasks that the new plan does without.
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

/** The units that are not done, with other names; the failed one in its parts. */
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

/** The units that a plan was made from, as their code tasks tell them. */
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

/** The last task of each unit, by the unit's name: what others wait for. */
function endsOf(tasks: readonly PlannedTask[]): ReadonlyMap<string, readonly string[]> {
  const ends = new Map<string, readonly string[]>()
  for (const action of ['code', 'verify'] as const)
    for (const task of tasks)
      if (task.action === action && task.unit !== undefined) ends.set(task.unit, [task.name])
  return ends
}
