// A namespace that does not exist: nothing is to be installed there, it was mistyped.
import { leaderLease } from '../../core/api/names.ts'
import { leases, namespaces } from '../../core/kube/core.ts'
import { isNotFound } from '../../core/kube/errors.ts'
import { CliError } from '../failure.ts'
import type { ClusterReader, Where } from './requests.ts'

/** The error for a namespace that does not exist; `command` is typed again with one that has Guildhall. */
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

/** The same where it is not known whether the namespace exists; undefined when it does, or may not be looked at. */
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
