import type { Writer } from './apply/owners.ts'
import { builtInKinds, definitionKind, establishedStatus } from './built-in-kinds.ts'
import { conforming, typeOf, type KindFinder, type Target } from './request.ts'
import { frozen, isEqual } from './json.ts'
import { type CompiledKinds, compileKinds, type Definition, type ServedKind } from './kind.ts'
import type { StoredObject } from './metadata.ts'
import type { StoreAct, ObjectStore } from './store.ts'

const nameOf = ({ group, version, plural }: ServedKind): string => `${group}/${version}/${plural}`
const builtIn: readonly (readonly [string, ServedKind])[] = builtInKinds.map((kind) => [
  nameOf(kind),
  kind,
])

const writer: Writer = {
  manager: 'kube-apiserver',
  operation: 'Update',
  apiVersion: 'apiextensions.k8s.io/v1',
  subresource: 'status',
}
const act: StoreAct = { user: 'system:apiserver', verb: 'update', isDry: false, writer }

/** The kinds that a server serves: built in, given to it, and defined by the CRDs that it holds. */
export class ServedKinds implements KindFinder {
  readonly targets = new Map<string, Target>()
  readonly #given: CompiledKinds
  readonly #compiled = new Map<string, { readonly spec: unknown; readonly kinds: CompiledKinds }>()
  #kinds: ReadonlyMap<string, ServedKind>

  constructor(given: CompiledKinds) {
    this.#given = given
    this.#kinds = new Map([...builtIn, ...given.map((kind) => [nameOf(kind), kind] as const)])
  }

  find(path: string): ServedKind | undefined {
    return this.#kinds.get(path)
  }

  /**
   * Serves the kinds of the CRDs, as the controllers inside the real server do a moment after each
   * change of one: objects of a kind whose schema changed are read by the new one, objects of a
   * kind that is gone go with it.
   */
  refresh(store: ObjectStore): void {
    const served = new Map(builtIn)
    for (const kind of this.#given) served.set(nameOf(kind), kind)
    const definitions = store.of(definitionKind).values()
    this.#forget(store, new Set(definitions.map(({ metadata }) => metadata.uid ?? '')))
    for (const object of definitions) {
      for (const kind of this.#compiledFrom(store, object)) served.set(nameOf(kind), kind)
      const status = establishedStatus(object, store.time)
      if (status !== undefined) store.put(definitionKind, { ...object, status }, object, act)
    }
    this.#kinds = served
    this.targets.clear()
  }

  #compiledFrom(store: ObjectStore, { metadata: { uid = '' }, spec }: StoredObject): CompiledKinds {
    const known = this.#compiled.get(uid)
    if (known !== undefined && isEqual(known.spec, spec)) return known.kinds
    const kinds = compileKinds([{ spec } as unknown as Definition])
    this.#compiled.set(uid, { spec, kinds })
    for (const kind of known === undefined ? [] : kinds) {
      store.of(kind).reread((object) =>
        frozen({
          ...conforming(kind, object, undefined),
          ...typeOf(kind),
          metadata: object.metadata,
        }),
      )
    }
    return kinds
  }

  #forget(store: ObjectStore, present: ReadonlySet<string>): void {
    for (const [uid, { kinds }] of this.#compiled) {
      if (present.has(uid)) continue
      this.#compiled.delete(uid)
      for (const kind of kinds) {
        for (const object of store.of(kind).values()) store.remove(kind, object, act)
      }
    }
  }
}
