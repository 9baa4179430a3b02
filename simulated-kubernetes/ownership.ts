import { afterApply, afterUpdate, type Owners, type Writer } from './apply/managers.ts'
import { type FieldSet, hasPath } from './apply/field-set.ts'
import type { Kind } from './kind.ts'
import type { StoredObject } from './metadata.ts'

/** A write that was not an apply, kept until somebody asks who owns what. */
interface Step {
  readonly before: StoredObject | undefined
  readonly after: StoredObject
  readonly writer: Writer
  readonly time: string
}

/** What is known of one object: owners, and the writes since. */
interface Provenance {
  owners: Owners
  readonly steps: Step[]
}

const nobody: Owners = new Map()
/** Asked for at least so often, so that old states are not kept for ever. */
const maxSteps = 16

/**
 * Who owns which field of which object. Most objects are never applied, and so nobody asks: owners are computed from the
 * states that an object went through when they are needed.
 */
export class Ownership {
  readonly #known = new Map<string, Map<string, Provenance>>()

  /** Notes a write that was not an apply. */
  wrote(kind: Kind, key: string, step: Step): void {
    const provenance = this.#at(kind, key)
    if (step.before === undefined) provenance.owners = nobody
    provenance.steps.push(step)
    if (provenance.steps.length > maxSteps) this.of(kind, key)
  }

  /** Notes owners that are known. */
  set(kind: Kind, key: string, owners: Owners): void {
    const provenance = this.#at(kind, key)
    provenance.owners = owners
    provenance.steps.length = 0
  }

  /** The owners of an object that is stored. */
  of(kind: Kind, key: string): Owners {
    const provenance = this.#known.get(kind.storage)?.get(key)
    if (provenance === undefined) return nobody
    for (const step of provenance.steps) {
      provenance.owners = ownersAfter(provenance.owners, kind, step)
    }
    provenance.steps.length = 0
    return provenance.owners
  }

  /** The owners there would be after a write that is not made. */
  after(kind: Kind, key: string, step: Step): Owners {
    return ownersAfter(step.before === undefined ? nobody : this.of(kind, key), kind, step)
  }

  /** Forgets an object that is gone. */
  forget(kind: Kind, key: string): void {
    this.#known.get(kind.storage)?.delete(key)
  }

  #at(kind: Kind, key: string): Provenance {
    let objects = this.#known.get(kind.storage)
    if (objects === undefined) {
      objects = new Map()
      this.#known.set(kind.storage, objects)
    }
    let provenance = objects.get(key)
    if (provenance === undefined) {
      provenance = { owners: nobody, steps: [] }
      objects.set(key, provenance)
    }
    return provenance
  }
}

function ownersAfter(owners: Owners, kind: Kind, step: Step): Owners {
  const { before, after, writer, time } = step
  // An object that nobody owned a field of stays so until it is applied.
  if (before !== undefined && owners.size === 0) return owners
  if (writer.subresource === 'scale' && !isScaleOwned(owners, kind)) return owners
  const options = { schema: kind.schema, writer, reset: resetFields(kind, writer), time }
  return afterUpdate(owners, before ?? kind.empty, after, options)
}

/** The Scale shows the owners of its number only, and what has no owners gets none. */
function isScaleOwned(owners: Owners, { scale }: Kind): boolean {
  const parts = (scale?.specReplicasPath ?? '').replace(/^\./, '').split('.')
  const path = parts.map((part) => `f:${part}`)
  return [...owners.values()].some(({ fields }) => hasPath(fields, path))
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
