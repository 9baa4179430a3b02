// A lab behind a fault proxy for a file of tests, with the reason printed when
// there can be none.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest'
import type { AgentTask } from '../../core/api/agent-task.ts'
import { conditionOf } from '../../core/api/condition-list.ts'
import type { DevRequest } from '../../core/api/devrequest.ts'
import { hasSucceeded } from '../../core/api/task-state.ts'
import { orMissing } from '../lab/api.ts'
import { type LabControlPlane, labUnavailable } from '../lab/control-plane.ts'
import { type Lab, type LabOptions, startLab } from '../lab/lab.ts'
import { namespace, paths } from '../lab/paths.ts'
import { type FaultProxy, type LoggedRequest, startFaultProxy } from './proxy.ts'

/** The surroundings of a test, once its lab is up. */
export interface Faulty {
  readonly lab: Lab
  /**
   * Between the operators and the API server, one for each place in the order in which they start.
   */
  readonly proxies: readonly FaultProxy[]
  readonly proxy: FaultProxy
}

/**
 * Declares tests that share one lab. Before each the proxies let everything through; after each the
 * lab was sound.
 */
export function inLab(
  name: string,
  options: () => Omit<LabOptions, 'directory' | 'through'>,
  tests: (world: () => Faulty) => void,
): void {
  const unavailable = labUnavailable()
  if (unavailable !== undefined) console.warn(`skipped: ${name}: ${unavailable}`)
  describe.skipIf(unavailable !== undefined)(name, () => {
    let lab: Lab
    let directory: string | undefined
    const proxies: FaultProxy[] = []
    beforeAll(async () => {
      directory = await mkdtemp(join(tmpdir(), 'lab-'))
      const through = async ({ server, pki }: LabControlPlane): Promise<string> => {
        const proxy = await startFaultProxy({ target: server, pki })
        proxies.push(proxy)
        return proxy.url
      }
      const { replicas = 1, ...rest } = options()
      lab = await startLab({ directory, through, ...rest, replicas: replicas === 1 ? 1 : 0 })
      if (replicas === 1) return
      // Each has a way of its own, and agents follow the leader.
      for (let place = 0; place < replicas; place += 1) {
        if (place > 0) await through(lab.controlPlane)
        await (await lab.addOperator({ server: proxies[place]?.url ?? '' })).ready()
      }
    })
    afterEach(() => {
      for (const proxy of proxies) {
        proxy.clear()
        proxy.heal()
      }
      expect(lab.troubles()).toEqual([])
    })
    afterAll(async () => {
      await lab?.stop()
      await Promise.all(proxies.map((proxy) => proxy.close()))
      if (directory !== undefined)
        await rm(directory, { recursive: true, force: true, maxRetries: 3 })
    })
    tests(() => {
      const [proxy] = proxies
      if (proxy === undefined) throw new Error('no operator has a way to the API server')
      return { lab, proxies, proxy }
    })
  })
}

/** The Pod of the operator that leads, by the Lease. */
export async function leaderOf({ author }: Lab): Promise<string | undefined> {
  const lease = await orMissing(
    author.get<{ readonly spec?: { readonly holderIdentity?: string } }>(
      `${paths.leases}/guildhall-operator`,
    ),
  )
  return lease?.spec?.holderIdentity?.split('_')[0]
}

// DevRequests of these tests: planned by hand, so that no model is asked, and checked at their end.

/** The write that gives a task to an agent, as a rule names it. */
export const claim = {
  method: 'PUT',
  path: /\/agenttasks\/[^/]+\/status/,
  body: /"type":"Assigned","status":"True"/,
} as const

/**
 * Submits a request of so many units; each is a test, code and verify task, around them branch,
 * review and finish.
 */
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
function wordOf(object: DevRequest | AgentTask): string {
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
