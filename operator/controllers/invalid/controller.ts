import { conditionOf } from '../../../core/api/condition-list.ts'
import { invalidObject, taskConditions } from '../../../core/api/conditions.ts'
import type { Condition } from '../../../core/api/schema.ts'
import { KubeError, isInvalid, isNotFound } from '../../../core/kube/errors.ts'
import { type KubeObject, keyOf, refOf } from '../../../core/kube/resource.ts'
import { type Reconcile, type Result, done } from '../../../core/kube/runtime/controller.ts'
import { type World, cachesOf } from '../world.ts'
import type { Kind } from '../../../core/api/kinds.ts'

/** All our kinds call this condition by the same name. */
const stalled = taskConditions.Stalled
/**
 * Field manager of the one condition that is written on invalid objects. Version 0.1 chose the
 * name: only the same field manager can remove the conditions that it wrote.
 */
const fieldManager = 'guildhall-broken'

/**
 * Calls `enqueue` with a key for each object that became invalid, or was mended and still has the
 * condition.
 */
export function watchInvalid(world: World, enqueue: (key: string) => void): void {
  for (const informer of cachesOf(world))
    informer.onChange((ref, object) => {
      const key = keyOf(ref)
      if (object === undefined ? informer.invalidAt(key) !== undefined : saysInvalid(object))
        enqueue(`${informer.resource.plural}/${key}`)
    })
}

/**
 * Writes a condition on each invalid object that says what is wrong with it, and removes the
 * condition once the object is mended. Server-side apply writes this one condition and touches no
 * other field of an object that may hold anything. An object that cannot take the condition gets an
 * Event.
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
      const advice = `${message}. Correct it, or delete it and make it again`
      // The cache holds no invalid object, and an earlier leader may have written the condition
      // already.
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
      log.warn({ err: error }, 'an invalid object takes no condition, so only an event tells of it')
    }
    if (news !== undefined) told.set(id, news)
    return done
  }
}

type WithStatus = KubeObject & {
  readonly status?: { readonly conditions?: readonly Condition[] } | undefined
}

/**
 * Whether the object can take no condition at all. Server-side apply answers with status 500 and
 * these words when a field of the object has another type than its definition says; trying again
 * does not help. Any other 500 passes by itself.
 */
function takesNothing(error: unknown): boolean {
  return (
    isInvalid(error) || (error instanceof KubeError && /failed to create typed/.test(error.message))
  )
}

/** Whether a condition has this message, in an object whose status may hold anything. */
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

/**
 * Checks the fields that the controllers rely on: a sentence names those that are wrong; undefined
 * when none is.
 */
export function checkOf<T extends KubeObject>({
  reliesOn,
}: Kind<T>): (object: T) => string | undefined {
  return (object) => {
    const { success, error } = reliesOn.safeParse(object)
    if (success) return undefined
    const said = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    return said.join('; ').slice(0, 500)
  }
}
