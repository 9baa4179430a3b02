import type { Informer } from '../informer.ts'
import { keyOf, type KubeObject } from '../resource.ts'

/** The part of an informer that a memory uses. */
export type Remembered<K extends KubeObject> = Pick<Informer<K>, 'get' | 'onChange'>

/**
 * Values that this process remembers about objects of one kind. They are lost with the process, so
 * only speed and texts for people may depend on them.
 * Guarantees: a value is forgotten when its object is gone, when another object has its name, or
 * when `until` is true. A value that is set after that is not kept, so there are never more values
 * than objects.
 */
export class Memory<K extends KubeObject, T> {
  readonly #view: Remembered<K>
  readonly #until: (object: K, value: T) => boolean
  readonly #onForgotten: ((value: T) => void) | undefined
  readonly #held = new Map<string, { readonly uid: string | undefined; readonly value: T }>()

  constructor(
    view: Remembered<K>,
    options: {
      /** A value is forgotten as soon as this is true of its object. */
      readonly until?: (object: K, value: T) => boolean
      /**
       * Called with each value that is forgotten, also by `delete`, but not with a value that `set`
       * replaces.
       */
      readonly onForgotten?: (value: T) => void
    } = {},
  ) {
    this.#view = view
    this.#until = options.until ?? (() => false)
    this.#onForgotten = options.onForgotten
    view.onChange((ref, object) => {
      const key = keyOf(ref)
      const held = this.#held.get(key)
      if (held !== undefined && !this.#isAbout(object, held)) this.#drop(key, held.value)
    })
  }

  get({ metadata }: K): T | undefined {
    const held = this.#held.get(keyOf(metadata))
    return held?.uid === metadata.uid ? held?.value : undefined
  }

  /**
   * Returns false when the object is gone or `until` is true of it already: then the value is
   * forgotten at once.
   */
  set({ metadata }: K, value: T): boolean {
    const { namespace = '', name, uid } = metadata
    const isKept = this.#isAbout(this.#view.get(namespace, name), { uid, value })
    if (isKept) this.#held.set(keyOf(metadata), { uid, value })
    else this.#onForgotten?.(value)
    return isKept
  }

  delete({ metadata }: K): void {
    const key = keyOf(metadata)
    const held = this.#held.get(key)
    if (held !== undefined && held.uid === metadata.uid) this.#drop(key, held.value)
  }

  get size(): number {
    return this.#held.size
  }

  #isAbout(
    object: K | undefined,
    { uid, value }: { readonly uid: string | undefined; readonly value: T },
  ): boolean {
    return object !== undefined && object.metadata.uid === uid && !this.#until(object, value)
  }

  #drop(key: string, value: T): void {
    this.#held.delete(key)
    this.#onForgotten?.(value)
  }
}
