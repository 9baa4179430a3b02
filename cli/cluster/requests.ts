import type { AgentTask } from '../../core/api/agent-task.ts'
import type { DevRequest, DevRequestSpec } from '../../core/api/devrequest.ts'
import { agentTasks, agents, devRequests } from '../../core/api/kinds.ts'
import type { KubeClient } from '../../core/kube/client.ts'
import { isKindMissing, isNotFound } from '../../core/kube/errors.ts'
import { CliError } from '../failure.ts'
import { type Snapshot, taskLabel, taskLines } from '../../core/view/request.ts'
import { leaderLease } from '../../core/api/names.ts'
import { leases, namespaces } from '../../core/kube/built-in-kinds.ts'

/** The part of the client that reading needs. */
export type ClusterReader = Pick<KubeClient, 'get' | 'list'>

export interface Where {
  readonly client: ClusterReader
  readonly namespace: string
  readonly signal: AbortSignal
}

/** A connection that can change a request, too. */
export interface Workplace extends Omit<Where, 'signal'> {
  readonly client: ClusterReader & Pick<KubeClient, 'patch'>
}

/** Changes fields of a request's spec. Errors: those of the API server, which has the last word. */
export async function changeSpec(
  { client, namespace, signal }: Workplace & Pick<Where, 'signal'>,
  name: string,
  spec: Partial<DevRequestSpec>,
): Promise<void> {
  const change = { type: 'merge', body: { spec } } as const
  await client.patch(devRequests, { name, namespace }, change, { signal, fieldManager: 'guild' })
}

/** All requests of the namespace, newest last. */
export async function listRequests(where: Where): Promise<readonly DevRequest[]> {
  const { client, namespace, signal } = where
  const { items } = await client.list(devRequests, { namespace, signal })
  return items.toSorted(
    (a, b) =>
      a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp) ||
      a.metadata.name.localeCompare(b.metadata.name),
  )
}

/**
 * The name a person typed: `@latest` is the newest request. Errors: `CliError` when there is none.
 */
export async function resolveName(where: Where, name: string): Promise<string> {
  if (name !== '@latest') return name
  const newest = (await listRequests(where)).at(-1)
  if (newest === undefined) {
    const problem = await namespaceProblem(where, 'guild list')
    if (problem !== undefined) throw problem
    throw new CliError(`there is no DevRequest in the namespace ${where.namespace}`, {
      next: 'guild submit "what you want"',
    })
  }
  return newest.metadata.name
}

/** Reads one request. Errors: `CliError` when there is none of that name. */
export async function readRequest(where: Where, name: string): Promise<DevRequest> {
  const { client, namespace, signal } = where
  try {
    return await client.get(devRequests, { namespace, name, signal })
  } catch (error) {
    // Where the kind is missing, too, the answer is 404.
    if (!isNotFound(error) || isKindMissing(error)) throw error
    throw await noSuchRequest(where, name, error)
  }
}

/**
 * The error for a request that is not in this namespace; it says in which other one there is one of
 * that name.
 */
export async function noSuchRequest(
  where: Where,
  name: string,
  cause?: unknown,
): Promise<CliError> {
  const { namespace } = where
  const missing = `there is no DevRequest ${name} in the namespace ${namespace}`
  const [other] = await requestsElsewhere(where, `metadata.name=${name}`)
  const problem = other === undefined ? await namespaceProblem(where, 'guild list') : undefined
  if (problem !== undefined) return problem
  return other === undefined
    ? new CliError(missing, { next: `guild list -n ${namespace}`, cause })
    : new CliError(`${missing}; there is one in the namespace ${other.metadata.namespace}`, {
        next: `guild tree ${name} -n ${other.metadata.namespace}`,
        cause,
      })
}

/** Requests of other namespaces; none where they may not be read. */
export async function requestsElsewhere(
  { client, namespace, signal }: Where,
  fieldSelector?: string,
): Promise<readonly DevRequest[]> {
  try {
    const { items } = await client.list(devRequests, { signal, fieldSelector })
    return items.filter((one) => one.metadata.namespace !== namespace)
  } catch {
    signal.throwIfAborted()
    return []
  }
}

/** One request with its tasks and the agents of the namespace, read once. */
export async function readSnapshot(where: Where, name: string): Promise<Snapshot> {
  const { client, namespace, signal } = where
  const request = await readRequest(where, name)
  const [tasks, team] = await Promise.all([
    client.list<AgentTask>(agentTasks, {
      namespace,
      signal,
      fieldSelector: `spec.requestRef.name=${name}`,
    }),
    client.list(agents, { namespace, signal }),
  ])
  return { request, tasks: tasks.items, agents: team.items }
}

/**
 * The AgentTask that a person means: by its full name, without the name of the request before it
 * (`code-slug`), or as the tree and the lines of a watch show it (`slug/code`, `code slug`,
 * `review`).
 * Errors: `CliError` that names the tasks of the request.
 */
export function taskMeant(snapshot: Snapshot, typed: string): string {
  const { name: request } = snapshot.request.metadata
  const lines = taskLines(snapshot)
  const wanted = plain(typed)
  const found = lines.find(({ planned: { name, action, unit } }) => {
    const short = unit === undefined ? [action] : [`${unit} ${action}`, `${action} ${unit}`]
    return name === typed || name === `${request}-${typed}` || short.includes(wanted)
  })
  if (found !== undefined) return found.planned.name
  const known = lines.map(({ planned }) => taskLabel(planned)).join(', ')
  throw new CliError(
    known === ''
      ? `${request} has no tasks yet, and so no ${typed}`
      : `${request} has no task ${typed}; it has: ${known}`,
    { next: `guild tree ${request}` },
  )
}

/** `slug / code` and `slug/code` are the same. */
const plain = (name: string): string => name.trim().replace(/\s*\/\s*|\s+/g, ' ')

/**
 * The error for a namespace that does not exist. Such a name was mistyped, so nothing is to be
 * installed there: the next command is `command` with a namespace that has Guildhall.
 */
export async function noSuchNamespace(
  where: Omit<Where, 'client'> & { readonly client: Pick<ClusterReader, 'list'> },
  command: string,
  cause?: unknown,
): Promise<CliError> {
  const homes = await homesOf(where)
  const missing = `there is no namespace ${where.namespace}`
  const [home] = homes
  return home === undefined
    ? new CliError(`${missing}, and none in this cluster has Guildhall that you may see`, {
        next: `helm upgrade --install guildhall helm/guildhall -n ${where.namespace} --create-namespace   (the ones there are: kubectl get namespaces)`,
        cause,
      })
    : new CliError(`${missing}; Guildhall is installed in ${homes.join(', ')}`, {
        next: `${command} -n ${home}`,
        cause,
      })
}

/**
 * The same error when the namespace does not exist; undefined when it does, or when this person may
 * not read it.
 */
export async function namespaceProblem(
  where: Where,
  command: string,
): Promise<CliError | undefined> {
  const { client, namespace: name, signal } = where
  try {
    await client.get(namespaces, { name, signal })
    return undefined
  } catch (error) {
    signal.throwIfAborted()
    return isNotFound(error) ? noSuchNamespace(where, command, error) : undefined
  }
}

/** Namespaces with the Lease of an operator; none where Leases may not be read. */
async function homesOf({
  client,
  signal,
}: Pick<Where, 'signal'> & { readonly client: Pick<ClusterReader, 'list'> }): Promise<
  readonly string[]
> {
  try {
    const fieldSelector = `metadata.name=${leaderLease}`
    const { items } = await client.list(leases, { signal, fieldSelector })
    return [...new Set(items.flatMap(({ metadata }) => metadata.namespace ?? []))].toSorted()
  } catch {
    signal.throwIfAborted()
    return []
  }
}
