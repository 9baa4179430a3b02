import {
  afterApply,
  afterUpdate,
  encodeOwners,
  type Owners,
  type Writer,
} from './apply/managers.ts'
import type { FieldSet } from './apply/field-set.ts'
import type { Kind } from './kind.ts'
import type { StoredObject } from './metadata.ts'

/** How an object came to be what it is, until somebody asks who owns what. */
interface Step {
  readonly kind: Kind
  readonly before: StoredObject | undefined
  readonly writer: Writer
  readonly time: string
  /** Steps since the owners were last computed. */
  readonly depth: number
}

const nobody: Owners = new Map()
/** Asked for at least so often, so that old states are not kept for ever. */
const maxDepth = 16

/**
 * Who owns which field of which object. Most objects are never applied, and so nobody asks: owners are computed from the
 * states that an object went through when they are needed.
 */
export class Ownership {
  readonly #owners = new WeakMap<StoredObject, Owners>()
  readonly #steps = new WeakMap<StoredObject, Step>()

  /** Notes a write that was not an apply. */
  wrote(
    kind: Kind,
    object: StoredObject,
    before: StoredObject | undefined,
    writer: Writer,
    time: string,
  ): void {
    const depth = before === undefined ? 0 : (this.#steps.get(before)?.depth ?? -1) + 1
    this.#steps.set(object, { kind, before, writer, time, depth })
    if (depth >= maxDepth) this.of(object)
  }

  /** Notes owners that are known. */
  set(object: StoredObject, owners: Owners): void {
    this.#owners.set(object, owners)
    this.#steps.delete(object)
  }

  /** The owners of an object that is stored. */
  of(object: StoredObject): Owners {
    const line: [StoredObject, Step][] = []
    let owners: Owners | undefined
    for (let current: StoredObject | undefined = object; current !== undefined; ) {
      owners = this.#owners.get(current)
      const step: Step | undefined = this.#steps.get(current)
      if (owners !== undefined || step === undefined) break
      line.push([current, step])
      current = step.before
    }
    let known = owners ?? nobody
    for (const [next, { kind, before, writer, time }] of line.toReversed()) {
      known = updated(known, kind, before, next, writer, time)
      this.set(next, known)
    }
    return known
  }

  /** Hands the owners on to a state that nobody's write made: a deletion mark. */
  inherit(object: StoredObject, before: StoredObject): void {
    const step = this.#steps.get(before)
    if (step === undefined) this.#owners.set(object, this.of(before))
    else this.#steps.set(object, step)
  }

  /** `metadata.managedFields` of an object. */
  shown(object: StoredObject): readonly Readonly<Record<string, unknown>>[] {
    return encodeOwners(this.of(object))
  }
}

function updated(
  owners: Owners,
  kind: Kind,
  before: StoredObject | undefined,
  after: StoredObject,
  writer: Writer,
  time: string,
): Owners {
  // An object that nobody owned a field of stays so until it is applied.
  if (before !== undefined && owners.size === 0) return owners
  const options = { schema: kind.schema, writer, reset: resetFields(kind, writer), time }
  return afterUpdate(owners, before ?? kind.empty, after, options)
}

/** The result of applying a part of an object. Errors: `ApplyConflict`. */
export function applied(
  owners: Owners,
  kind: Kind,
  live: StoredObject | undefined,
  part: unknown,
  options: { readonly writer: Writer; readonly time: string; readonly force: boolean },
): { readonly object: unknown; readonly owners: Owners } {
  const { schema } = kind
  const { writer, time } = options
  const reset = resetFields(kind, writer)
  let known = owners
  if (live !== undefined && owners.size === 0) {
    const first: Writer = { ...writer, manager: 'before-first-apply', operation: 'Update' }
    known = afterUpdate(owners, kind.empty, live, { schema, writer: first, reset, time })
  }
  return afterApply(known, live ?? kind.empty, part, { schema, reset, ...options })
}

const nothing: FieldSet = { members: new Set(), children: new Map() }
const statusField: FieldSet = { members: new Set(['f:status']), children: new Map() }
const allButStatus: FieldSet = { members: new Set(['f:metadata', 'f:spec']), children: new Map() }

/** Fields that a write cannot change, and so never owns. */
function resetFields(kind: Kind, { subresource }: Writer): FieldSet {
  if (subresource === 'status') return kind.isCustom ? allButStatus : nothing
  return kind.hasStatus ? statusField : nothing
}
