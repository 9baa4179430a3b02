import { conditionOf } from '../../../core/api/condition-list.ts'
import { invalidObject, taskConditions } from '../../../core/api/conditions.ts'
import type { Condition } from '../../../core/api/schema.ts'
import { KubeError, isInvalid, isNotFound } from '../../../core/kube/errors.ts'
import { type KubeObject, keyOf, refOf } from '../../../core/kube/resource.ts'
import { type Reconcile, type Result, done } from '../../../core/kube/runtime/controller.ts'
import { type World, cachesOf } from '../world.ts'
import type { Kind } from '../../../core/api/kinds.ts'

/** The same word on every kind. */
const stalled = taskConditions.Stalled
/** Owns the one condition on objects that nothing else can be done with. */
// The name of version 0.1: conditions that it wrote can only be removed by the same field manager.
const fieldManager = 'guildhall-broken'

/** Calls `enqueue` with a key for each object that became invalid, or was mended and still says otherwise. */
export function watchInvalid(world: World, enqueue: (key: string) => void): void {
  for (const informer of cachesOf(world))
    informer.onChange((ref, object) => {
      const key = keyOf(ref)
      if (object === undefined ? informer.invalidAt(key) !== undefined : saysInvalid(object))
        enqueue(`${informer.resource.plural}/${key}`)
    })
}

/**
 * Says on each object that cannot be worked on what is wrong with it, and takes that back when it was mended.
 * Writes one condition by server-side apply: whatever else the object holds is not ours to judge. An object that cannot
 * even take that gets an Event.
 */
export function invalidReconciler(world: World): Reconcile {
  const told = new Map<string, string>()
  return async function reconcileInvalid(id, { signal, log }): Promise<Result> {
    const [plural = '', ...rest] = id.split('/')
    const key = rest.join('/')
    const informer = cachesOf(world).find(({ resource }) => resource.plural === plural)
    if (informer === undefined) return done
    const ref = refOf(key)
    const { resource } = informer
    const kind = { ...resource, object: undefined as WithStatus | undefined }
    const say = async (conditions: readonly Condition[]): Promise<void> => {
      const { namespace, name } = ref
      await world.client.apply(
        kind,
        { metadata: { namespace, name }, status: { conditions } },
        { fieldManager, subresource: 'status', signal },
      )
    }
    const invalid = informer.invalidAt(key)
    const news = invalid === undefined ? undefined : `${invalid.uid} ${invalid.reason}`
    try {
      if (invalid === undefined) {
        const object = informer.get(ref.namespace, ref.name)
        if (object !== undefined && saysInvalid(object)) await say([])
        told.delete(id)
        return done
      }
      if (told.get(id) === news) return done
      const message = `the object cannot be worked on: ${invalid.reason}`
      const advice = `${message}. Correct it, or delete it and make it anew`
      // The cache keeps nothing of it, and another leader may have said it already.
      const stored = await world.client.get(kind, { ...ref, signal })
      if (!says(stored, advice)) {
        world.events.record(
          { kind: resource.kind, metadata: { ...ref, uid: invalid.uid } },
          { type: 'Warning', reason: invalidObject, action: 'Read', message },
        )
        const lastTransitionTime = new Date(world.clock.now()).toISOString()
        await say([
          {
            type: stalled,
            status: 'True',
            reason: invalidObject,
            message: advice,
            lastTransitionTime,
          },
        ])
      }
    } catch (error) {
      if (isNotFound(error)) return done
      if (invalid === undefined || !takesNothing(error)) throw error
      log.warn({ err: error }, 'only an Event can say that it is invalid')
    }
    if (news !== undefined) told.set(id, news)
    return done
  }
}

type WithStatus = KubeObject & {
  readonly status?: { readonly conditions?: readonly Condition[] } | undefined
}

/**
 * Where a field has another type than its definition says, server-side apply ends so, with status 500; asking again is no
 * use. Any other 500 passes.
 */
function takesNothing(error: unknown): boolean {
  return (
    isInvalid(error) || (error instanceof KubeError && /failed to create typed/.test(error.message))
  )
}

/** Of an object that may be anything. */
function says({ status }: WithStatus, message: string): boolean {
  const conditions: unknown = status?.conditions
  return (
    Array.isArray(conditions) &&
    conditions.some((one: Partial<Condition> | null) => one?.message === message)
  )
}

function saysInvalid(object: KubeObject): boolean {
  return conditionOf(object as WithStatus, stalled)?.reason === invalidObject
}

/** Says in a sentence what the controllers rely on and an object of this kind lacks; undefined when it can be worked on. */
export function checkOf<T>({ reliesOn }: Kind<T>): (object: T) => string | undefined {
  return (object) => {
    const { success, error } = reliesOn.safeParse(object)
    if (success) return undefined
    const said = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    return said.join('; ').slice(0, 500)
  }
}
