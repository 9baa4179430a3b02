import { anything, builtIn, text } from './built-in.ts'
import { keyFor } from './collection.ts'
import { type Draft } from './draft.ts'
import { isFields } from './json.ts'
import type { Kind } from './kind.ts'
import type { StoredObject } from './metadata.ts'
import { notFound } from './refusal.ts'
import type { Act, Store } from './store.ts'

/** Namespaces: they go only once their content has gone, which `spec.finalizers` stands for. */
export const namespaceKind: Kind = builtIn(
  {
    group: '',
    version: 'v1',
    kind: 'Namespace',
    plural: 'namespaces',
    namespaced: false,
    hasStatus: true,
    selectable: new Map([['status.phase', ['status', 'phase']]]),
  },
  {
    spec: { type: 'object', properties: { finalizers: { type: 'array', items: text } } },
    status: anything,
  },
  {
    prepare: (object) => ({
      ...object,
      metadata: {
        ...object.metadata,
        labels: { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name },
      },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    }),
    change: (next, old) => ({ ...next, spec: old['spec'], status: old['status'] }),
    changeStatus: (next, old) => ({ ...next, spec: old['spec'] }),
    isHeld: holdsContent,
    mark: (object, time) => ({
      ...object,
      metadata: { ...object.metadata, deletionTimestamp: time },
      status: { phase: 'Terminating' },
    }),
  },
)

function holdsContent(object: StoredObject): boolean {
  const spec = isFields(object['spec']) ? object['spec'] : {}
  return Array.isArray(spec['finalizers']) && spec['finalizers'].length > 0
}

/** What whoever emptied a namespace says: its own finalizers. With the last of them the namespace goes. */
export function finalizeNamespace(
  store: Store,
  name: string,
  draft: Draft,
  act: Act,
): StoredObject {
  const old = store.of(namespaceKind).get(keyFor(undefined, name))
  if (old === undefined) throw notFound(namespaceKind, name)
  const sent = isFields(draft.fields['spec']) ? draft.fields['spec'] : {}
  const finalizers = Array.isArray(sent['finalizers']) ? (sent['finalizers'] as unknown[]) : []
  const next = { ...old, spec: finalizers.length > 0 ? { finalizers } : {} }
  const { deletionTimestamp, finalizers: others = [] } = old.metadata
  if (finalizers.length > 0 || deletionTimestamp === undefined || others.length > 0) {
    return store.put(namespaceKind, next, old, act)
  }
  store.remove(namespaceKind, old, act)
  return next
}
