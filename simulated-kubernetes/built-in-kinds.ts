import { coreEvent, eventSchema, eventSelectors, storedEvent } from './events.ts'
import { type Fields, isEqual, isFields } from './json.ts'
import {
  anything,
  builtIn,
  type CompiledKinds,
  flag,
  int32,
  type ServedKind,
  text,
  texts,
} from './kind.ts'
import type { StoredObject } from './metadata.ts'
import { podStrategy } from './pods.ts'
import {
  type FieldProblem,
  forbiddenField,
  invalidValue,
  notFound,
  requiredValue,
} from './refusal.ts'
import type { Draft } from './request.ts'
import { compileSchema } from './schema.ts'
import { type StoreAct, keyFor, type ObjectStore } from './store.ts'

/** Namespaces: they go only once their content has gone, which `spec.finalizers` stands for. */
export const namespaceKind: ServedKind = builtIn(
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

/**
 * Takes the finalizers that a namespace's controller leaves. Without the last of them the namespace
 * goes.
 */
export function finalizeNamespace(
  store: ObjectStore,
  name: string,
  draft: Draft,
  act: StoreAct,
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

/** A definition with the fields that the server adds. */
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

const bytes = { ...text, format: 'byte' }
const microTime = { ...text, format: 'micro-time' }
const core = { group: '', version: 'v1' } as const

const configMap = builtIn(
  { ...core, kind: 'ConfigMap', plural: 'configmaps' },
  { immutable: flag, data: texts, binaryData: { ...texts, additionalProperties: bytes } },
  { problems: dataProblems, changeProblems: immutableProblems },
)
const secret = builtIn(
  { ...core, kind: 'Secret', plural: 'secrets', selectable: new Map([['type', ['type']]]) },
  { immutable: flag, data: texts, stringData: texts, type: text },
  {
    prepare: (object) => ({ ...object, type: object['type'] ?? 'Opaque' }),
    changeProblems: immutableProblems,
  },
)
const lease = builtIn(
  {
    group: 'coordination.k8s.io',
    version: 'v1',
    kind: 'Lease',
    plural: 'leases',
    updatesBlindly: false,
    createsOnUpdate: true,
    empty: { metadata: {}, spec: {} },
  },
  {
    spec: {
      type: 'object',
      properties: {
        holderIdentity: text,
        leaseDurationSeconds: int32,
        acquireTime: microTime,
        renewTime: microTime,
        leaseTransitions: int32,
        strategy: text,
        preferredHolder: text,
      },
    },
  },
  {
    prepare: (object) => ({ ...object, spec: object['spec'] ?? {} }),
    change: (next) => ({ ...next, spec: next['spec'] ?? {} }),
    problems: leaseProblems,
  },
)
const pod = builtIn(
  {
    ...core,
    kind: 'Pod',
    plural: 'pods',
    hasStatus: true,
    hasGeneration: true,
    returnsDeleted: true,
    empty: { metadata: {}, spec: {}, status: {} },
    selectable: new Map(
      [
        'spec.nodeName',
        'spec.restartPolicy',
        'spec.serviceAccountName',
        'status.phase',
        'status.podIP',
      ].map((name) => [name, name.split('.')]),
    ),
  },
  { spec: anything, status: anything },
  podStrategy,
)
const service = builtIn(
  { ...core, kind: 'Service', plural: 'services', hasStatus: true, returnsDeleted: true },
  { spec: anything, status: anything },
  { prepare: (object) => ({ ...object, status: { loadBalancer: {} } }) },
)
const serviceAccount = builtIn(
  { ...core, kind: 'ServiceAccount', plural: 'serviceaccounts', returnsDeleted: true },
  {
    automountServiceAccountToken: flag,
    secrets: { type: 'array', items: anything },
    imagePullSecrets: { type: 'array', items: anything },
  },
)
const events = {
  namespaced: true,
  storage: 'events',
  createsOnUpdate: true,
  selectable: eventSelectors,
} as const
const event = builtIn(
  { group: 'events.k8s.io', version: 'v1', kind: 'Event', plural: 'events', ...events },
  eventSchema,
)
const oldEvent: ServedKind = {
  ...builtIn({ ...core, kind: 'Event', plural: 'events', ...events }, {}),
  schema: compileSchema(anything),
  verbs: { toStorage: storedEvent, fromStorage: coreEvent },
}
/** The kinds that every server has. */
export const builtInKinds: CompiledKinds = [
  configMap,
  secret,
  lease,
  pod,
  namespaceKind,
  service,
  serviceAccount,
  event,
  oldEvent,
  definitionKind,
]

/** Core kinds want finalizers with a domain. */
function finalizerProblems({ metadata }: StoredObject): readonly FieldProblem[] {
  const standard = ['kubernetes', 'orphan', 'foregroundDeletion']
  return (metadata.finalizers ?? []).flatMap((name, index) =>
    name.includes('/') || standard.includes(name)
      ? []
      : [
          invalidValue(
            `metadata.finalizers[${index}]`,
            name,
            'name is neither a standard finalizer name nor is it fully qualified',
          ),
        ],
  )
}

function dataProblems(object: StoredObject): readonly FieldProblem[] {
  const problems: FieldProblem[] = [...finalizerProblems(object)]
  const data = isFields(object['data']) ? object['data'] : {}
  const binary = isFields(object['binaryData']) ? object['binaryData'] : {}
  let size = 0
  for (const [field, entries] of [
    ['data', data],
    ['binaryData', binary],
  ] as const) {
    for (const key in entries) {
      if (!/^[-._a-zA-Z0-9]+$/.test(key)) {
        const why =
          "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
        problems.push(invalidValue(`${field}[${key}]`, key, why))
      }
      if (field === 'data' && binary[key] !== undefined) {
        const why = 'duplicate of key present in binaryData'
        problems.push(invalidValue(`data[${key}]`, key, why))
      }
      size += Buffer.byteLength(String(entries[key]))
    }
  }
  if (size > 1_048_576) {
    const text = 'Too long: may not be more than 1048576 bytes'
    problems.push({ reason: 'FieldValueTooLong', field: '[]', text })
  }
  return problems
}

function immutableProblems(next: StoredObject, old: StoredObject): readonly FieldProblem[] {
  if (old['immutable'] !== true) return []
  const problems: FieldProblem[] = []
  const say = (field: string, why: string) => problems.push(forbiddenField(field, why))
  if (next['immutable'] !== true) {
    say('immutable', 'field is immutable when `immutable` is set')
  }
  for (const field of ['data', 'binaryData']) {
    if (!isEqual(next[field] ?? {}, old[field] ?? {})) {
      say(field, 'field is immutable when `immutable` is set')
    }
  }
  return problems
}

function leaseProblems(object: StoredObject): readonly FieldProblem[] {
  const problems: FieldProblem[] = []
  const spec = isFields(object['spec']) ? object['spec'] : {}
  const { leaseDurationSeconds: seconds, leaseTransitions: count, holderIdentity } = spec
  if (typeof seconds === 'number' && seconds <= 0) {
    problems.push(invalidValue('spec.leaseDurationSeconds', seconds, 'must be greater than 0'))
  }
  if (typeof count === 'number' && count < 0) {
    const why = 'must be greater than or equal to 0'
    problems.push(invalidValue('spec.leaseTransitions', count, why))
  }
  if (holderIdentity === '' && spec['strategy'] !== undefined) {
    problems.push(requiredValue('spec.holderIdentity'))
  }
  return problems
}
