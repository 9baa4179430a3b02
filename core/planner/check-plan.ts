import { actionType } from '../api/agent-types.ts'
import { plan as planSchema, type DevRequestSpec, type Plan } from '../api/devrequest.ts'
import { planHash } from './tasks.ts'
import { safePath } from './paths.ts'

/**
 * The problems of a plan, as sentences; empty for a plan that can be stored and carried out.
 * Looks at the plan alone, not at how it was made: shape, names, order, files, limits, and whether
 * waves, team and hash are those of its tasks.
 */
export function planProblems(
  plan: Plan,
  limits: Pick<DevRequestSpec['limits'], 'maxTasks' | 'maxParallel'>,
): readonly string[] {
  const shape = planSchema.safeParse(plan)
  if (!shape.success) {
    return shape.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  }
  const { tasks } = plan
  const names = new Set(tasks.map((task) => task.name))
  const problems: string[] = []
  if (tasks.length === 0) problems.push('it has no task')
  if (tasks.length > limits.maxTasks) {
    problems.push(`it has ${tasks.length} tasks, and maxTasks is ${limits.maxTasks}`)
  }
  if (names.size < tasks.length) problems.push('two tasks have the same name')
  for (const task of tasks) {
    const { name, after, files, action, type } = task
    for (const other of after) {
      if (!names.has(other))
        problems.push(`${name} waits for ${other}, which is not a task of the plan`)
    }
    for (const file of files) {
      if (safePath(file) !== file) problems.push(`${name} may write ${file}, which it must not`)
    }
    if (actionType[action] !== type) problems.push(`${name} asks a ${type} agent to ${action}`)
  }
  problems.push(...orderProblems(plan, names), ...teamProblems(plan, limits.maxParallel))
  if (planHash(tasks) !== plan.hash) problems.push('its hash is not that of its tasks')
  return problems
}

/**
 * Every task stands in one wave, after all tasks that it waits for; then no task waits for itself
 * either.
 */
function orderProblems(plan: Plan, names: ReadonlySet<string>): readonly string[] {
  const placed = plan.waves.flatMap((wave, index) => wave.map((name) => [name, index] as const))
  const waveOf = new Map(placed)
  const complete = placed.length === names.size && [...names].every((name) => waveOf.has(name))
  return [
    ...(complete ? [] : ['its waves do not hold every task once']),
    ...(plan.waves.some((wave) => wave.length === 0) ? ['one of its waves is empty'] : []),
    ...plan.tasks.flatMap(({ name, after }) =>
      after
        .filter((other) => (waveOf.get(other) ?? -1) >= (waveOf.get(name) ?? Infinity))
        .map((other) => `${name} waits for ${other}, which comes no earlier`),
    ),
  ]
}

function teamProblems({ tasks, team }: Plan, maxParallel: number): readonly string[] {
  const staffed = new Set(team.filter(({ count }) => count > 0).map(({ type }) => type))
  const missing = new Set(tasks.map((task) => task.type).filter((type) => !staffed.has(type)))
  return [
    ...[...missing].map((type) => `nobody in its team is a ${type} agent`),
    ...team
      .filter(({ count }) => count > maxParallel)
      .map(
        ({ type, count }) =>
          `its team has ${count} ${type} agents, and maxParallel is ${maxParallel}`,
      ),
  ]
}
