import { isEqual, isFields } from './json.ts'
import { anything, builtIn, flag, int32, text, texts } from './built-in.ts'
import type { CompiledKinds, Kind } from './kind.ts'
import type { StoredObject } from './metadata.ts'
import { definitionKind } from './definitions.ts'
import { namespaceKind } from './namespaces.ts'
import { podStrategy } from './pods.ts'
import { coreEvent, eventSchema, eventSelectors, storedEvent } from './event-versions.ts'
import { type FieldProblem, forbiddenField, invalidValue, requiredValue } from './refusal.ts'
import { compileSchema } from './schema.ts'

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
const oldEvent: Kind = {
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
