import type { Informer } from '../kube/informer.ts'
import { isNewer, keyOf, type KubeObject } from '../kube/resource.ts'

type View<T extends KubeObject> = Pick<Informer<T>, 'resource' | 'get' | 'isBehind'>

interface Written {
  readonly view: Pick<View<KubeObject>, 'isBehind'>
  readonly key: string
  readonly object: KubeObject
}

/** How many writes are kept before those that came back are looked for. */
const tidyAt = 64

/**
 * Our own writes until the caches show them: who answers an agent must not be older than what the operator did itself.
 * Guarantees: bounded by the writes that are under way; never older than the cache.
 */
export class Latest {
  readonly #written = new Map<string, Written>()

  note<T extends KubeObject>(view: View<T>, object: T): void {
    if (this.#written.size >= tidyAt)
      for (const [id, known] of this.#written)
        if (!known.view.isBehind(known.key)) this.#written.delete(id)
    const key = keyOf(object.metadata)
    const id = `${view.resource.kind} ${key}`
    const known = this.#written.get(id)?.object.metadata.resourceVersion ?? ''
    // Two answers may come in the wrong order.
    if (isNewer(object.metadata.resourceVersion ?? '', known))
      this.#written.set(id, { view, key, object })
  }

  /** The newest version known of an object; undefined when neither the cache nor we know of it. */
  of<T extends KubeObject>(
    view: View<T>,
    ref: { readonly namespace: string; readonly name: string },
  ): T | undefined {
    const cached = view.get(ref.namespace, ref.name)
    const id = `${view.resource.kind} ${keyOf(ref)}`
    const written = this.#written.get(id)
    if (written === undefined) return cached
    if (!view.isBehind(written.key)) {
      this.#written.delete(id)
      return cached
    }
    const object = written.object as T
    const seen = cached?.metadata.resourceVersion ?? ''
    return isNewer(object.metadata.resourceVersion ?? '', seen) ? object : cached
  }

  /** The objects of one kind that were written and have not come back. */
  underWay<T extends KubeObject>(view: View<T>): readonly T[] {
    const found: T[] = []
    for (const { view: of, key, object } of this.#written.values())
      if (of === view && view.isBehind(key)) found.push(object as T)
    return found
  }
}
