import { isEqual, isFields } from './json.ts'
import { type BuiltIn, type CompiledKinds, type Kind, storageOf } from './kind.ts'
import type { StoredObject } from './metadata.ts'
import { podStrategy } from './pods.ts'
import { coreEvent, eventSchema, eventSelectors, storedEvent } from './event-versions.ts'
import { type FieldProblem, forbiddenField, invalidValue, requiredValue } from './refusal.ts'
import { compileSchema, type SchemaSource } from './schema.ts'

const text: SchemaSource = { type: 'string' }
const flag: SchemaSource = { type: 'boolean' }
const int32: SchemaSource = { type: 'integer', format: 'int32' }
const texts: SchemaSource = { type: 'object', additionalProperties: text }
const anything: SchemaSource = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }

type Traits = Pick<Kind, 'group' | 'version' | 'kind' | 'plural'> &
  Partial<Omit<Kind, 'schema' | 'verbs'>>

function builtIn(
  traits: Traits,
  fields: Readonly<Record<string, SchemaSource>>,
  verbs: Partial<BuiltIn> = {},
): Kind {
  const properties = { apiVersion: text, kind: text, metadata: anything, ...fields }
  return {
    namespaced: true,
    storage: storageOf(traits.group, traits.plural),
    isCustom: false,
    hasStatus: false,
    hasGeneration: false,
    updatesBlindly: true,
    createsOnUpdate: false,
    returnsDeleted: false,
    scale: undefined,
    selectable: new Map(),
    ...traits,
    schema: compileSchema({ type: 'object', properties }),
    verbs,
  }
}

const core = { group: '', version: 'v1' } as const

const configMap = builtIn(
  { ...core, kind: 'ConfigMap', plural: 'configmaps' },
  { immutable: flag, data: texts, binaryData: texts },
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
  },
  {
    spec: {
      type: 'object',
      properties: {
        holderIdentity: text,
        leaseDurationSeconds: int32,
        acquireTime: text,
        renewTime: text,
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
const namespace = builtIn(
  {
    ...core,
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
  },
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
const oldEvent: Kind = {
  ...builtIn({ ...core, kind: 'Event', plural: 'events', ...events }, {}),
  schema: compileSchema(anything),
  verbs: { toStorage: storedEvent, fromStorage: coreEvent },
}
const definition = builtIn(
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

/** The kinds that every server has. */
export const builtInKinds: CompiledKinds = [
  configMap,
  secret,
  lease,
  pod,
  namespace,
  service,
  serviceAccount,
  event,
  oldEvent,
  definition,
]

function dataProblems(object: StoredObject): readonly FieldProblem[] {
  const problems: FieldProblem[] = []
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
      size += Buffer.byteLength(String(entries[key]))
    }
  }
  if (size > 1_048_576) {
    const text = 'Too long: may not be more than 1048576 bytes'
    problems.push({ reason: 'FieldValueTooLong', field: '', text })
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
