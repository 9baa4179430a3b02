import { conditionOf } from '../../api/condition-list.ts'
import { invalidObject, taskConditions } from '../../api/conditions.ts'
import { isNotFound } from '../../kube/errors.ts'
import type { Informer } from '../../kube/informer.ts'
import { keyOf, refOf, type KubeObject } from '../../kube/resource.ts'
import type { Reconcile } from '../../runtime/controller.ts'
import { done, type Result } from '../../runtime/outcome.ts'
import type { World } from '../world.ts'

type AnyInformer = Pick<Informer<KubeObject>, 'resource' | 'get' | 'broken' | 'onChange'>

/** The same word on every kind. */
const stalled = taskConditions.Stalled
/** Owns the one condition on objects that nothing else can be done with. */
const fieldManager = 'guildhall-broken'

/** Calls `enqueue` with a key for each object that became broken, or was mended and still says otherwise. */
export function watchBroken(world: World, enqueue: (key: string) => void): void {
  for (const informer of informersOf(world))
    informer.onChange((ref, object) => {
      if (object === undefined ? isBroken(informer, keyOf(ref)) : saysBroken(object))
        enqueue(`${informer.resource.plural}/${keyOf(ref)}`)
    })
}

/**
 * Says on each object that cannot be worked on what is wrong with it, and takes that back when it was mended.
 * Writes one condition by server-side apply: whatever else the object holds is not ours to judge. An object that cannot
 * even take that gets an Event.
 */
export function brokenReconciler(world: World): Reconcile {
  const told = new Map<string, string>()
  return async function reconcileBroken(id, { signal }): Promise<Result> {
    const [plural = '', ...rest] = id.split('/')
    const key = rest.join('/')
    const informer = informersOf(world).find(({ resource }) => resource.plural === plural)
    if (informer === undefined) return done
    const { namespace, name } = refOf(key)
    const { resource } = informer
    const broken = informer.broken().find((one) => one.key === key)
    const news = broken === undefined ? '' : `${broken.uid} ${broken.reason}`
    if (broken !== undefined && told.get(id) === news) return done
    if (broken !== undefined) {
      world.events.record(
        { kind: resource.kind, metadata: { namespace, name, uid: broken.uid } },
        {
          type: 'Warning',
          reason: invalidObject,
          action: 'Read',
          message: `it cannot be worked on: ${broken.reason}`,
        },
      )
    } else {
      const object = informer.get(namespace, name)
      if (object === undefined || !saysBroken(object)) {
        told.delete(id)
        return done
      }
    }
    const conditions =
      broken === undefined
        ? []
        : [
            {
              type: stalled,
              status: 'True' as const,
              reason: invalidObject,
              message: `it cannot be worked on: ${broken.reason}. Correct it, or delete it and make it anew`,
              lastTransitionTime: new Date(world.clock.now()).toISOString(),
            },
          ]
    try {
      await world.client.apply(
        { ...resource, object: undefined as WithStatus | undefined },
        { metadata: { namespace, name }, status: { conditions } },
        { fieldManager, subresource: 'status', signal },
      )
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
    if (broken === undefined) told.delete(id)
    else told.set(id, news)
    return done
  }
}

type WithStatus = KubeObject & { readonly status?: object }

function informersOf({ requests, tasks, agents }: World): readonly AnyInformer[] {
  return [requests, tasks, agents]
}

const isBroken = (informer: AnyInformer, key: string): boolean =>
  informer.broken().some((one) => one.key === key)

function saysBroken(object: KubeObject): boolean {
  return conditionOf(object as WithStatus, stalled)?.reason === invalidObject
}
