import type { Writer } from './apply/managers.ts'
import { builtInKinds } from './built-in-kinds.ts'
import { definitionKind, establishedStatus } from './definitions.ts'
import { isEqual } from './json.ts'
import { type CompiledKinds, compileKinds, type Definition, type Kind } from './kind.ts'
import type { KindFinder, Target } from './request.ts'
import type { Act, Store } from './store.ts'

const nameOf = ({ group, version, plural }: Kind): string => `${group}/${version}/${plural}`
const builtIn: readonly (readonly [string, Kind])[] = builtInKinds.map((kind) => [
  nameOf(kind),
  kind,
])

const writer: Writer = {
  manager: 'kube-apiserver',
  operation: 'Update',
  apiVersion: 'apiextensions.k8s.io/v1',
  subresource: 'status',
}
const act: Act = { user: 'system:apiserver', verb: 'update', isDry: false, writer }

/** The kinds that a server serves: built in, given to it, and defined by the CRDs that it holds. */
export class ServedKinds implements KindFinder {
  readonly targets = new Map<string, Target>()
  readonly #given: CompiledKinds
  readonly #compiled = new Map<string, { readonly spec: unknown; readonly kinds: CompiledKinds }>()
  #kinds: ReadonlyMap<string, Kind>

  constructor(given: CompiledKinds) {
    this.#given = given
    this.#kinds = new Map([...builtIn, ...given.map((kind) => [nameOf(kind), kind] as const)])
  }

  find(path: string): Kind | undefined {
    return this.#kinds.get(path)
  }

  /** Serves what the CRDs say, as the controllers inside the real server do a moment after each change of one. */
  refresh(store: Store): void {
    const served = new Map(builtIn)
    for (const kind of this.#given) served.set(nameOf(kind), kind)
    for (const object of store.of(definitionKind).values()) {
      const { uid = '' } = object.metadata
      const known = this.#compiled.get(uid)
      const isKnown = known !== undefined && isEqual(known.spec, object['spec'])
      const kinds = isKnown ? known.kinds : compileKinds([object as unknown as Definition])
      this.#compiled.set(uid, { spec: object['spec'], kinds })
      for (const kind of kinds) served.set(nameOf(kind), kind)
      const status = establishedStatus(object, store.time)
      if (status !== undefined) store.put(definitionKind, { ...object, status }, object, act)
    }
    this.#kinds = served
    this.targets.clear()
  }
}
