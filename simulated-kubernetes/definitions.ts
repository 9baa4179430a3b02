import { anything, builtIn } from './built-in.ts'
import { type Fields, isFields } from './json.ts'
import type { StoredObject } from './metadata.ts'

/** CustomResourceDefinitions. */
export const definitionKind = builtIn(
  {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    namespaced: false,
    hasStatus: true,
    hasGeneration: true,
    updatesBlindly: false,
  },
  { spec: anything, status: anything },
  { prepare: definitionWithDefaults, change: definitionWithDefaults },
)

/** A definition with what the server adds to what it reads. */
function definitionWithDefaults(object: StoredObject, old?: StoredObject): StoredObject {
  const spec = isFields(object['spec']) ? object['spec'] : {}
  const names = isFields(spec['names']) ? spec['names'] : {}
  const kind = String(names['kind'])
  const full = {
    ...spec,
    conversion: spec['conversion'] ?? { strategy: 'None' },
    names: { listKind: `${kind}List`, singular: kind.toLowerCase(), ...names },
  }
  const status = old?.['status']
  const { status: _, ...rest } = object
  return { ...rest, spec: full, ...(status ? { status } : {}) }
}

/** The status once a definition is served; undefined when it says so already. */
export function establishedStatus(object: StoredObject, time: string): Fields | undefined {
  const status = isFields(object['status']) ? object['status'] : {}
  if (status['conditions'] !== undefined) return undefined
  const spec = isFields(object['spec']) ? object['spec'] : {}
  const versions: unknown = spec['versions']
  const stored = (Array.isArray(versions) ? versions : []).filter(
    (version) => isFields(version) && version['storage'] === true,
  )
  const condition = (type: string, reason: string, message: string) => ({
    type,
    status: 'True',
    lastTransitionTime: time,
    reason,
    message,
  })
  return {
    conditions: [
      condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
      condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
    ],
    acceptedNames: spec['names'],
    storedVersions: stored.map((version: Fields) => version['name']),
  }
}
