import { agentTypes } from '../api/agent-types.ts'
import type { Plan, PlannedTask } from '../api/devrequest.ts'

/**
 * Tasks in the order in which they can run: every task stands behind all it waits for, as early as possible.
 * Names that are not in the list count as finished. Throws when tasks wait for each other.
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

/** Who is needed: for each type, most of its tasks in one wave, but never more than may run at once. */
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
