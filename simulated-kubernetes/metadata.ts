import type { ObjectMeta } from '../core/kube/resource.ts'
import { type Fields, isEqual, isFields } from './json.ts'
import {
  badRequest,
  type FieldProblem,
  forbiddenField,
  invalidValue,
  requiredValue,
} from './refusal.ts'

/** `metav1.ObjectMeta`, whole. */
export interface StoredMetadata extends ObjectMeta {
  readonly generateName?: string | undefined
  readonly deletionGracePeriodSeconds?: number | undefined
  /** Only on servers that show them. */
  readonly managedFields?: readonly Fields[] | undefined
}

/** An object as it is stored. */
export interface StoredObject extends Fields {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: StoredMetadata
}

type Check = (value: unknown) => boolean

const isText: Check = (value) => typeof value === 'string'
const isWhole: Check = (value) => Number.isInteger(value)
const isFlag: Check = (value) => typeof value === 'boolean'
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText)
// Go reads null as the empty text.
const isTextMap: Check = (value) =>
  isFields(value) && Object.values(value).every((text) => text === null || isText(text))
const isTime: Check = (value) =>
  typeof value === 'string' && (value === '' || !Number.isNaN(Date.parse(value)))

const ownerFields: Readonly<Record<string, Check>> = {
  apiVersion: isText,
  kind: isText,
  name: isText,
  uid: isText,
  controller: isFlag,
  blockOwnerDeletion: isFlag,
}
const isOwners: Check = (value) =>
  Array.isArray(value) &&
  value.every(
    (owner) =>
      isFields(owner) &&
      Object.entries(owner).every(
        ([name, field]) => field === null || (ownerFields[name]?.(field) ?? true),
      ),
  )

const checks: Readonly<Record<string, Check>> = {
  name: isText,
  generateName: isText,
  namespace: isText,
  uid: isText,
  resourceVersion: isText,
  generation: isWhole,
  creationTimestamp: isTime,
  deletionTimestamp: isTime,
  deletionGracePeriodSeconds: isWhole,
  labels: isTextMap,
  annotations: isTextMap,
  finalizers: isTexts,
  ownerReferences: isOwners,
}

/**
 * Reads the metadata of an object that a client sent: unknown and empty fields are dropped.
 * Errors: 400 for a field of another type.
 */
export function readMetadata(object: Fields): StoredMetadata {
  const raw = object['metadata'] ?? {}
  if (!isFields(raw)) throw badRequest('metadata: cannot unmarshal into ObjectMeta')
  const metadata: Record<string, unknown> = {}
  for (const name in raw) {
    const value = raw[name]
    const check = checks[name]
    if (check === undefined || value === null || value === '') continue
    if (!check(value)) throw badRequest(`metadata.${name}: cannot unmarshal ${typeof value}`)
    if (Array.isArray(value)) {
      if (value.length === 0) continue
      metadata[name] = name === 'ownerReferences' ? value.map(readOwner) : value
    } else if (!isFields(value)) metadata[name] = value
    else if (Object.keys(value).length > 0) metadata[name] = withoutNulls(value)
  }
  if (metadata['generation'] === 0) delete metadata['generation']
  return metadata as unknown as StoredMetadata
}

function withoutNulls(texts: Fields): Fields {
  if (!Object.values(texts).includes(null)) return texts
  return Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, text ?? '']))
}

function readOwner(raw: Fields): Fields {
  const owner: Record<string, unknown> = { apiVersion: '', kind: '', name: '', uid: '' }
  for (const name in ownerFields) {
    const value = raw[name]
    if (value !== undefined && value !== null) owner[name] = value
  }
  return owner
}

/** Problems of metadata, whether the object is new or not. */
export function metadataProblems(metadata: StoredMetadata): readonly FieldProblem[] {
  const problems: FieldProblem[] = []
  const { name, generateName, labels, annotations, finalizers, ownerReferences } = metadata
  if (generateName !== undefined) {
    for (const why of nameProblems(generateName, { isPrefix: true })) {
      problems.push(invalidValue('metadata.generateName', generateName, why))
    }
  }
  if (!name) problems.push(requiredValue('metadata.name', 'name or generateName is required'))
  else {
    for (const why of nameProblems(name)) problems.push(invalidValue('metadata.name', name, why))
  }
  problems.push(...changeableProblems({ labels, annotations, ownerReferences }))
  for (const finalizer of finalizers ?? []) {
    for (const why of qualifiedNameProblems(finalizer)) {
      problems.push(invalidValue('metadata.finalizers', finalizer, why))
    }
  }
  if (finalizers?.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    const why = 'finalizer orphan and foregroundDeletion cannot be both set'
    problems.push(invalidValue('metadata.finalizers', finalizers, why))
  }
  return problems
}

/** Problems that the real server checks twice on every update, and so reports twice. */
function changeableProblems({
  labels,
  annotations,
  ownerReferences,
}: Pick<StoredMetadata, 'labels' | 'annotations' | 'ownerReferences'>): readonly FieldProblem[] {
  const problems: FieldProblem[] = []
  for (const key in labels) {
    for (const why of qualifiedNameProblems(key)) {
      problems.push(invalidValue('metadata.labels', key, why))
    }
    const value = labels[key] ?? ''
    for (const why of labelValueProblems(value)) {
      problems.push(invalidValue('metadata.labels', value, why))
    }
  }
  let size = 0
  for (const key in annotations) {
    for (const why of qualifiedNameProblems(key.toLowerCase())) {
      problems.push(invalidValue('metadata.annotations', key, why))
    }
    size += Buffer.byteLength(key) + Buffer.byteLength(annotations[key] ?? '')
  }
  if (size > 262_144) {
    problems.push({
      reason: 'FieldValueTooLong',
      field: 'metadata.annotations',
      text: 'Too long: may not be more than 262144 bytes',
    })
  }
  let controller = ''
  for (const owner of ownerReferences ?? []) {
    for (const field of ['apiVersion', 'kind', 'name', 'uid'] as const) {
      if (owner[field] === '') {
        const why = field === 'apiVersion' ? 'version must not be empty' : 'must not be empty'
        problems.push(invalidValue(`metadata.ownerReferences.${field}`, '', why))
      }
    }
    if (owner.controller === true) {
      const current = `${owner.kind}/${owner.name}`
      if (controller !== '') {
        const why = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${current}`
        problems.push(invalidValue('metadata.ownerReferences', ownerReferences, why))
      }
      controller = current
    }
  }
  return problems
}

/** Problems of a change of metadata. */
export function metadataChangeProblems(
  next: StoredMetadata,
  old: StoredMetadata,
): readonly FieldProblem[] {
  const problems: FieldProblem[] = []
  if (old.deletionTimestamp !== undefined) {
    const extra = (next.finalizers ?? []).filter((name) => !old.finalizers?.includes(name))
    if (extra.length > 0) {
      const list = `[]string{${extra
        .toSorted()
        .map((name) => JSON.stringify(name))
        .join(', ')}}`
      const why = `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`
      problems.push(forbiddenField('metadata.finalizers', why))
    }
  }
  const immutable = [
    'name',
    'namespace',
    'uid',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
  ] as const
  for (const field of immutable) {
    if (!isEqual(next[field], old[field])) {
      problems.push(invalidValue(`metadata.${field}`, next[field] ?? null, 'field is immutable'))
    }
  }
  problems.push(...changeableProblems(next))
  return problems
}

// Names, labels and their like, with the sentences of k8s.io/apimachinery.
const namePart = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const qualifiedName = new RegExp(`^${namePart}$`)
const labelValue = new RegExp(`^(${namePart})?$`)
const dnsSubdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

const maxLength = (length: number): string => `must be no more than ${length} bytes`
const subdomainWords =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

/** Most texts are right and come again and again: the answer to them is remembered. */
function remembered(
  check: (text: string) => readonly string[],
): (text: string) => readonly string[] {
  const fine = new Set<string>()
  return (text) => {
    if (fine.has(text)) return []
    const problems = check(text)
    if (problems.length === 0) {
      if (fine.size >= 4_096) fine.clear()
      fine.add(text)
    }
    return problems
  }
}

/** Keys of labels and annotations, names of finalizers. */
const qualifiedNameProblems = remembered((text) => {
  const parts = text.split('/')
  const name = parts.at(-1) ?? ''
  const problems: string[] = []
  if (parts.length > 2) {
    return [
      "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    ]
  }
  if (parts.length === 2) {
    const prefix = parts[0] ?? ''
    if (prefix === '') problems.push('prefix part must be non-empty')
    else problems.push(...subdomainProblems(prefix).map((why) => `prefix part ${why}`))
  }
  if (name === '') problems.push('name part must be non-empty')
  else if (name.length > 63) problems.push(`name part ${maxLength(63)}`)
  if (!qualifiedName.test(name)) {
    problems.push(
      "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    )
  }
  return problems
})

const labelValueProblems = remembered((text) => {
  const problems: string[] = []
  if (text.length > 63) problems.push(maxLength(63))
  if (!labelValue.test(text)) {
    problems.push(
      "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
    )
  }
  return problems
})

const subdomainProblems = remembered((text) => {
  const problems: string[] = []
  if (text.length > 253) problems.push(maxLength(253))
  if (!dnsSubdomain.test(text)) problems.push(subdomainWords)
  return problems
})

/** Names of objects that are DNS subdomains, which ours and most others are. */
function nameProblems(
  name: string,
  options: { readonly isPrefix?: boolean } = {},
): readonly string[] {
  // A prefix may end in a dash, since more comes after it.
  return subdomainProblems(options.isPrefix ? name.replace(/-$/, 'a') : name)
}

const suffixLetters = 'bcdfghjklmnpqrstvwxz2456789'

/** A name made from `metadata.generateName`. */
export function generatedName(prefix: string, next: () => number): string {
  let name = prefix.slice(0, 58)
  for (let count = 0; count < 5; count += 1) {
    name += suffixLetters[Math.floor(next() * suffixLetters.length)]
  }
  return name
}
