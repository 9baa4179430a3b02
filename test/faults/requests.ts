// DevRequests of these tests: planned by hand, so that no model is asked, and checked at their end.
import { expect } from 'vitest'
import type { AgentTask } from '../../core/api/agent-task.ts'
import type { DevRequest } from '../../core/api/devrequest.ts'
import { conditionOf } from '../../core/api/condition-list.ts'
import { hasSucceeded } from '../../core/api/task-state.ts'
import type { Lab } from '../lab/lab.ts'
import { namespace, paths } from '../lab/paths.ts'
import type { LoggedRequest } from './proxy.ts'

/** The write that gives a task to an agent, as a rule names it. */
export const claim = {
  method: 'PUT',
  path: /\/agenttasks\/[^/]+\/status/,
  body: /"type":"Assigned","status":"True"/,
} as const

/** Submits a request of so many units; each is a test, code and verify task, around them branch, review and finish. */
export async function submit(
  lab: Lab,
  name: string,
  options: { readonly units?: number; readonly spec?: object } = {},
): Promise<void> {
  const units = Array.from({ length: options.units ?? 2 }, (_, index) => ({
    name: `u${index}`,
    goal: 'A module.',
    files: [`src/u${index}.js`],
    doneWhen: 'It is there.',
  }))
  await lab.author.create(paths.devRequests, {
    apiVersion: 'guildhall.dev/v1alpha1',
    kind: 'DevRequest',
    metadata: { name, namespace },
    spec: { request: 'Make modules.', plan: { units }, ...options.spec },
  })
}

/** Waits for the end, expects it to be a good one, and returns the tasks. */
export async function succeeded(
  lab: Lab,
  name: string,
  seconds?: number,
): Promise<readonly AgentTask[]> {
  const request = await lab.history.finished(name, seconds)
  expect(wordOf(request)).toBe('True/Succeeded')
  // The watch of tasks may be behind that of requests.
  return lab.history.until(`the good end of every task of ${name}`, () => {
    const tasks = lab.history.tasksOf(name)
    return tasks.every(hasSucceeded) && tasks
  })
}

/** Status and reason of the summary. */
export function wordOf(object: DevRequest | AgentTask): string {
  const { status, reason } = conditionOf(object, 'Succeeded') ?? {}
  return `${status}/${reason}`
}

/** The names of tasks that needed more than one attempt. */
export function repeated(tasks: readonly AgentTask[]): readonly string[] {
  return tasks
    .filter((task) => task.status?.attempts !== 1)
    .map((task) => `${task.metadata.name}: ${task.status?.attempts}`)
}

/** The most changes of one object within one second. */
export function busiest(log: readonly LoggedRequest[]): number {
  const times = new Map<string, number[]>()
  for (const { method, path, at } of log) {
    if (method === 'GET' || method === 'POST') continue
    const key = `${method} ${path}`
    times.set(key, [...(times.get(key) ?? []), at])
  }
  let most = 0
  for (const all of times.values())
    for (const [index, start] of all.entries())
      most = Math.max(most, all.slice(index).filter((at) => at < start + 1_000).length)
  return most
}
