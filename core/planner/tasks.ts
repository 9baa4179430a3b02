// The tasks of a plan, made from its units, and what follows from them: order, team and hash.
import { createHash } from 'node:crypto'
import { type Action, actionType, agentTypes } from '../api/agent-types.ts'
import type { GivenPlan, Plan, PlannedTask, Unit } from '../api/devrequest.ts'
import { faithfulText } from '../api/faithful-text.ts'
import { taskName } from './names.ts'
import { joined, longestText } from './own-words.ts'

/** The wishes and limits by which tasks are made from units. */
export interface ExpandOptions {
  /** Name of the DevRequest. */
  readonly request: string
  /** The documentation task; undefined when the request wants none. */
  readonly documents:
    | { readonly title: string; readonly goal: string; readonly files: readonly string[] }
    | undefined
  /** The review looks for holes before anything else. */
  readonly security: boolean
  readonly maxTasks: number
  /** The part of the plan that stands when it is revised. */
  readonly begun?: {
    /** Tasks that prepared the branch. */
    readonly branch: readonly string[]
    /** The last task of each unit that is done, by the unit's name. */
    readonly ends: ReadonlyMap<string, readonly string[]>
    /**
     * The end of the names of tasks for the whole request, whose plain names the plan had before.
     */
    readonly mark: string
  }
}

/** The tasks, and sentences about what had to be left out. */
interface Expansion {
  readonly tasks: PlannedTask[]
  readonly warnings: string[]
}

/**
 * Optional parts of the template, in the order in which they are left out when `maxTasks` is small.
 */
const dispensable: readonly Action[] = ['document', 'review', 'branch', 'finish', 'verify', 'spec']

/**
 * Makes the tasks of a plan by template: branch, for each unit spec, code and verify, then review,
 * document, finish.
 * Guarantees: acyclic, at least one task, at most `maxTasks`; a unit's code waits for the units
 * that it names and for earlier units that write the same files. `units` must not be empty; `after`
 * counts only for earlier units.
 */
export function expand(units: readonly Unit[], options: ExpandOptions): Expansion {
  const warnings: string[] = []
  const left = new Set<Action>(options.begun === undefined ? [] : ['branch'])
  const wanted = (all: readonly Unit[]) =>
    all.length * (1 + Number(!left.has('spec')) + Number(!left.has('verify'))) +
    Number(!left.has('branch')) +
    Number(!left.has('review')) +
    Number(!left.has('document') && options.documents !== undefined) +
    Number(!left.has('finish'))

  let kept = [...units]
  const tooMany = () => wanted(kept) > options.maxTasks
  for (const action of ['document', 'review'] as const) if (tooMany()) left.add(action)
  while (kept.length > 1 && tooMany()) kept = withLastTwoMerged(kept)
  for (const action of dispensable) if (tooMany()) left.add(action)
  if (kept.length < units.length) {
    warnings.push(
      `spec.limits.maxTasks is ${options.maxTasks}: ${units.length} units were merged into ${kept.length}`,
    )
  }
  const missing = [...left].filter((action) => action !== 'branch' || options.begun === undefined)
  if (missing.length > 0) {
    warnings.push(
      `spec.limits.maxTasks is ${options.maxTasks}: the plan has no task to ${missing.join(', ')}`,
    )
  }
  return { tasks: tasksOf(kept, left, options), warnings }
}

function tasksOf(
  units: readonly Unit[],
  left: ReadonlySet<Action>,
  options: ExpandOptions,
): PlannedTask[] {
  const tasks: PlannedTask[] = []
  const add = (
    action: Action,
    task: Omit<PlannedTask, 'name' | 'type' | 'action' | 'onFailure'>,
  ): readonly string[] => {
    if (left.has(action)) return task.after
    const onFailure = action === 'review' || action === 'document' ? 'Continue' : 'FailRequest'
    const name = taskName(options.request, action, task.unit ?? options.begun?.mark)
    tasks.push({ name, type: actionType[action], action, onFailure, ...task })
    return [name]
  }
  const whole = { doneWhen: '', files: [] }
  const branch = add('branch', {
    ...whole,
    title: 'Prepare the branch',
    goal: 'The branch of the request is there and the project in it can be worked on.',
    after: [...(options.begun?.branch ?? [])],
  })
  /** The last task of each unit, for which others wait. */
  const ends = new Map<string, readonly string[]>(options.begun?.ends)
  for (const [index, unit] of units.entries()) {
    const { name, goal, doneWhen } = unit
    const files = [...unit.files]
    const earlier = units
      .slice(0, index)
      .filter(
        (other) =>
          unit.after?.includes(other.name) === true ||
          other.files.some((file) => unit.files.includes(file)),
      )
      .flatMap((other) => ends.get(other.name) ?? [])
    const done = (unit.after ?? []).flatMap((name) => options.begun?.ends.get(name) ?? [])
    const common = { goal, doneWhen, files, unit: name }
    const what = files[0] ?? name
    const spec = add('spec', {
      ...common,
      title: titled(`Write tests for ${what}`),
      after: [...branch],
    })
    const code = add('code', {
      ...common,
      title: titled(`Write ${what}${about(goal)}`),
      after: [...new Set([...spec, ...earlier, ...done])],
    })
    const verify = add('verify', { ...common, title: `Run the tests of ${name}`, after: [...code] })
    ends.set(name, verify)
  }
  const written = [...new Set([...ends.values()].flat())]
  const goals = units.map((unit) => `- ${unit.goal}`).join('\n')
  const review = add('review', {
    ...whole,
    title: options.security ? 'Review the security of the change' : 'Review the change',
    goal: faithfulText(
      `Read the whole change and say what is wrong with it${
        options.security ? holes : ''
      }. It was written for:\n${goals}`,
      4000,
    ),
    after: written,
  })
  const document =
    options.documents === undefined
      ? review
      : add('document', {
          title: options.documents.title,
          goal: options.documents.goal,
          doneWhen: 'Every name, path and command in the text exists.',
          files: [...options.documents.files],
          after: [...review],
        })
  add('finish', {
    ...whole,
    title: 'Close the branch',
    goal: 'The branch carries the whole change and its last commit says what was done.',
    after: [...document],
  })
  return tasks
}

const holes =
  ': first where a secret could leak, where a check could be passed by, and where input is trusted'

/**
 * The plain words with which a goal names its unit before the details; empty when it does not begin
 * so.
 */
function about(goal: string): string {
  const name = /^[\p{L}\p{N}][\p{L}\p{N} '-]{2,58}(?=[:;,.](?:\s|$)|$)/u.exec(goal)?.[0]
  return name === undefined ? '' : `: ${name}`
}

function titled(text: string): string {
  return text.length > 120 ? `${text.slice(0, 117).replace(/[\uD800-\uDBFF]$/, '')}...` : text
}

function withLastTwoMerged(units: readonly Unit[]): Unit[] {
  const [one, other] = units.slice(-2)
  if (one === undefined || other === undefined) return [...units]
  const after = [...new Set([...(one.after ?? []), ...(other.after ?? [])])]
  const merged: Unit = {
    name: one.name,
    goal: faithfulText(joined(one.goal, other.goal), longestText),
    files: [...new Set([...one.files, ...other.files])].slice(0, 12),
    doneWhen: faithfulText(joined(one.doneWhen, other.doneWhen), longestText),
    after: after.filter((name) => name !== one.name && name !== other.name),
  }
  return [...units.slice(0, -2), merged]
}

/**
 * Tasks in the order in which they can run: every task stands after all tasks that it waits for, as
 * early as possible. Names that are not in the list count as finished. Throws when tasks wait for
 * each other.
 */
export function waves(tasks: readonly Pick<PlannedTask, 'name' | 'after'>[]): string[][] {
  const left = new Map(tasks.map((task) => [task.name, task.after]))
  const result: string[][] = []
  while (left.size > 0) {
    const wave = [...left]
      .filter(([, after]) => after.every((name) => !left.has(name)))
      .map(([name]) => name)
    if (wave.length === 0) {
      throw new Error(`these tasks wait for each other: ${[...left.keys()].join(', ')}`)
    }
    for (const name of wave) left.delete(name)
    result.push(wave)
  }
  return result
}

/**
 * The agents that a plan needs: for each type, the most of its tasks in one wave, but never more
 * than may run at once.
 */
export function teamOf(tasks: readonly PlannedTask[], maxParallel: number): Plan['team'] {
  const typeOf = new Map(tasks.map((task) => [task.name, task.type]))
  const order = waves(tasks)
  return agentTypes
    .map((type) => ({
      type,
      count: Math.min(
        maxParallel,
        Math.max(
          0,
          ...order.map((wave) => wave.filter((name) => typeOf.get(name) === type).length),
        ),
      ),
    }))
    .filter(({ count }) => count > 0)
}

/**
 * SHA-256 of the tasks as canonical JSON (keys sorted): the same work has the same hash, any edit
 * changes it.
 */
export function planHash(tasks: readonly PlannedTask[]): string {
  return hashOf(tasks)
}

/**
 * SHA-256 of the plan that a person gives, as canonical JSON; undefined when the planner makes the
 * plan.
 */
export function givenHash(plan: GivenPlan | undefined): string | undefined {
  return plan === undefined ? undefined : hashOf(plan)
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex')
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`)
  return `{${fields.join(',')}}`
}
