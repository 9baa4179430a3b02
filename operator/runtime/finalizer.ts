import type { CallOptions, KubeClient } from '../kube/client.ts'
import { guarded, pointer, type PatchOperation } from '../kube/patch.ts'
import type { KubeObject, Resource } from '../kube/resource.ts'

/**
 * Where an object stands with a finalizer.
 * - `add`: it lives and lacks it. Add it and do nothing else; side effects only once it is there.
 * - `work`: it lives and carries it.
 * - `cleanUp`: it is being deleted and waits for us. Clean up, which must work even if nothing was ever done, then remove it.
 * - `gone`: it is being deleted and does not wait for us.
 */
export type FinalizerState = 'add' | 'work' | 'cleanUp' | 'gone'

export function finalizerState(object: KubeObject, finalizer: string): FinalizerState {
  const present = object.metadata.finalizers?.includes(finalizer) ?? false
  if (object.metadata.deletionTimestamp !== undefined) return present ? 'cleanUp' : 'gone'
  return present ? 'work' : 'add'
}

/**
 * Adds the finalizer to this very object (same uid) as it was seen.
 * Errors: 422 when its finalizers changed meanwhile; read again.
 */
export async function addFinalizer<T extends KubeObject>(
  client: Pick<KubeClient, 'patch'>,
  resource: Resource<T>,
  object: T,
  finalizer: string,
  options: CallOptions,
): Promise<T> {
  const { finalizers = [] } = object.metadata
  if (finalizers.includes(finalizer)) return object
  const path = pointer('metadata', 'finalizers')
  return patchFinalizers(client, resource, object, options, [
    finalizers.length === 0
      ? { op: 'add', path, value: [finalizer] }
      : { op: 'add', path: `${path}/-`, value: finalizer },
  ])
}

/** Removes the finalizer; the server then deletes the object if it was the last one. Errors: as for `addFinalizer`. */
export async function removeFinalizer<T extends KubeObject>(
  client: Pick<KubeClient, 'patch'>,
  resource: Resource<T>,
  object: T,
  finalizer: string,
  options: CallOptions,
): Promise<T> {
  const index = object.metadata.finalizers?.indexOf(finalizer) ?? -1
  if (index < 0) return object
  return patchFinalizers(client, resource, object, options, [
    { op: 'remove', path: pointer('metadata', 'finalizers', index) },
  ])
}

async function patchFinalizers<T extends KubeObject>(
  client: Pick<KubeClient, 'patch'>,
  resource: Resource<T>,
  object: T,
  options: CallOptions,
  operations: readonly PatchOperation[],
): Promise<T> {
  const { uid, finalizers } = object.metadata
  // The whole list is tested: an index alone would remove a neighbour's finalizer after the list has moved.
  const tests = {
    [pointer('metadata', 'uid')]: uid,
    [pointer('metadata', 'finalizers')]: finalizers?.length ? finalizers : null,
  }
  const body = guarded(tests, operations)
  return client.patch(resource, object.metadata, { type: 'json', body }, options)
}
