// What the cluster tests share: kubectl as a person would type it, and waiting with a name for what is waited for.
import { execa } from 'execa'
import { stringify } from 'yaml'
import type { Agent } from '../../core/api/agent.ts'
import type { AgentTask } from '../../core/api/agent-task.ts'
import type { DevRequest } from '../../core/api/devrequest.ts'
import { conditionOf } from '../../core/api/condition-list.ts'

export const namespace = 'guildhall'
/** A model that is set up and that the server does not hold; tests give it one. */
export const lateModel = 'late:135m'
/** How long agents of this lane stay without work. */
export const idleSeconds = 45

/** Runs kubectl; throws with its own words. KUBECONFIG and PATH come from the lane's set-up. */
export async function kubectl(
  args: readonly string[],
  options: { readonly input?: string } = {},
): Promise<string> {
  const { stdout } = await execa('kubectl', ['-n', namespace, ...args], {
    ...(options.input === undefined ? {} : { input: options.input }),
    timeout: 900_000,
  })
  return stdout
}

/** Runs `guild` as from the clone, and gives what it printed. */
export async function guild(...args: readonly string[]): Promise<string> {
  const { stdout } = await execa(process.execPath, ['cli/main.ts', ...args, '-n', namespace], {
    timeout: 120_000,
  })
  return stdout
}

/** What `kubectl get KIND --watch` prints line by line, every change of an object, until `stop` is called. */
export function watching(kind: string): { readonly lines: string[]; stop(): Promise<void> } {
  const lines: string[] = []
  const child = execa('kubectl', ['-n', namespace, 'get', kind, '--watch'], {
    reject: false,
    buffer: false,
  })
  const done = (async () => {
    for await (const line of child) lines.push(line)
  })()
  return {
    lines,
    stop: async () => {
      child.kill()
      await done
    },
  }
}

/** Runs kubectl and gives what it said, also when it failed. */
export async function tryKubectl(
  args: readonly string[],
  options: { readonly input?: string } = {},
): Promise<{ readonly code: number; readonly text: string }> {
  const result = await execa('kubectl', ['-n', namespace, ...args], {
    ...(options.input === undefined ? {} : { input: options.input }),
    reject: false,
    all: true,
    timeout: 120_000,
  })
  return { code: result.exitCode ?? 1, text: result.all }
}

export async function apply(object: object): Promise<void> {
  await kubectl(['apply', '-f', '-'], { input: stringify(object) })
}

/** A DevRequest as a person would write it. */
export function devRequest(name: string, spec: Record<string, unknown>): object {
  return {
    apiVersion: 'guildhall.dev/v1alpha1',
    kind: 'DevRequest',
    metadata: { name, namespace },
    spec,
  }
}

export const getRequest = async (name: string): Promise<DevRequest> =>
  JSON.parse(await kubectl(['get', 'devrequest', name, '-o', 'json'])) as DevRequest

export const tasksOf = async (request: string): Promise<readonly AgentTask[]> =>
  itemsOf<AgentTask>(['get', 'agenttasks', '-l', `guildhall.dev/request=${request}`])

export const allAgents = async (): Promise<readonly Agent[]> =>
  itemsOf<Agent>(['get', 'agents.guildhall.dev'])

async function itemsOf<T>(args: readonly string[]): Promise<readonly T[]> {
  return (JSON.parse(await kubectl([...args, '-o', 'json'])) as { readonly items: readonly T[] })
    .items
}

/** Asks again every half second until `ask` gives something; names what was waited for when it never does. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  seconds: number,
): Promise<T> {
  const end = Date.now() + seconds * 1000
  let last: unknown
  while (Date.now() < end) {
    try {
      const answer = await ask()
      if (answer !== undefined && answer !== false) return answer
    } catch (error) {
      last = error
    }
    await new Promise((resolve) => {
      setTimeout(resolve, 500)
    })
  }
  throw new Error(`waited ${seconds} s for ${what}`, { cause: last })
}

/** Waits for the end of a request, either way, with the command the README shows. */
export async function finished(name: string, seconds: number): Promise<DevRequest> {
  await kubectl(['wait', '--for=condition=Finished', `devrequest/${name}`, `--timeout=${seconds}s`])
  return getRequest(name)
}

/** Status and reason of a condition, as in `True/Succeeded`. */
export function wordOf(object: Parameters<typeof conditionOf>[0], type: string): string {
  const found = conditionOf(object, type)
  return found === undefined ? 'absent' : `${found.status}/${found.reason}`
}

export async function removeRequest(name: string): Promise<void> {
  await kubectl(['delete', 'devrequest', name, '--ignore-not-found', '--wait=true'])
}
