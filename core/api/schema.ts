// Small builders for CRD-legal zod schemas: every string, list and map bounded, every field
// described. What may not be used and why: the table in hack/gen/structural.ts.
import { z } from 'zod'
import type { OwnerReference } from '../kube/resource.ts'
import { inWords } from './value-problems.ts'

// Sets the words of zod's errors for the whole process: every module that reads texts of people
// imports this file.
z.config({ customError: inWords })

/**
 * A pattern and its rule in words, which messages show: few people read a pattern of thirty signs.
 */
interface Form {
  readonly pattern: RegExp
  readonly words: string
}

const nameForm: Form = {
  pattern: /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
  words:
    'a name has small letters, digits and - only, and begins and ends with a letter or a digit, as in my-shop',
}
const modelForm: Form = {
  pattern: /^[A-Za-z0-9][A-Za-z0-9._:/-]*$/,
  words: 'a model is named with letters, digits and . _ : / - only, as in qwen2.5-coder:7b',
}
/**
 * The signs in names of files besides letters: digits of all scripts and the signs that projects
 * use.
 */
const pathSigns = String.raw`\p{M}\p{Nd}_@+,=~$()\[\]\-`
const within = String.raw`[\p{L}${pathSigns}. ]*`
/**
 * Any of these signs, or a letter that is not in `letters`. The API server reads patterns with RE2,
 * which has no look-ahead.
 */
const signBut = (letters: string, more = '') =>
  String.raw`(?:[^\P{L}${letters}]|[${pathSigns}${more}])`

/**
 * Path segments that name something: no `.`, no `..`, no `.git` in any case, nothing absolute, no
 * backslash, no control character. Letters are those of every script. `safePath` of the planner is
 * stricter: it also refuses signs that look like others.
 */
export const pathPattern: RegExp = (() => {
  const segment = [
    String.raw`[\p{L}${pathSigns}]${within}`,
    String.raw`\.${signBut('gG')}${within}`,
    String.raw`\.[gG](?:${signBut('iI', '. ')}${within})?`,
    String.raw`\.[gG][iI](?:${signBut('tT', '. ')}${within})?`,
    String.raw`\.[gG][iI][tT][. ]*[\p{L}${pathSigns}]${within}`,
  ].join('|')
  return new RegExp(String.raw`^(?:${segment})(?:/(?:${segment}))*$`, 'u')
})()

/** Which signs a path may have, in words. */
export const pathRule =
  'a path has letters and digits of any script, blanks and the signs . _ - + @ , = ~ $ ( ) [ ], with / between folders, and stays inside the repository'
/**
 * Names in any script, without what git refuses in a name: controls, blanks, `~^:?*[\\`, and a dot
 * or `-` at the start.
 */
const branchForm: Form = {
  pattern:
    // oxlint-disable-next-line no-control-regex
    /^[^\x00-\x20\x7f~^:?*[\\/.-][^\x00-\x20\x7f~^:?*[\\/]*(\/[^\x00-\x20\x7f~^:?*[\\/.][^\x00-\x20\x7f~^:?*[\\/]*)*$/,
  words:
    'a branch or tag has no blanks and none of ~ ^ : ? * [ \\ in its name, no part that is empty or begins with a dot, and no - at its start, as in main or release/2.0',
}
const sourceForm: Form = {
  pattern: /^(https?|git):\/\/[^\s@/?#\\]+([/?][^\s#\\]*)?$/,
  words:
    'a repository is fetched by http, https or git, without a name or a password, as in https://github.com/owner/name.git; ssh is not supported',
}
const endpointForm: Form = {
  pattern: /^https?:\/\/[^\s@]+$/,
  words:
    'a model server has an address of http or https, without a name or a password, as in http://vllm.models.svc:8000',
}
const digestForm: Form = {
  pattern: /^sha256:[0-9a-f]{64}$/,
  words: 'a digest is sha256: and 64 digits from 0 to f, as sha256sum prints them',
}

/**
 * All forms. The API server checks those of a spec by CEL rules, whose messages are these words:
 * `hack/gen`.
 */
export const forms: readonly Form[] = [
  nameForm,
  modelForm,
  { pattern: pathPattern, words: pathRule },
  branchForm,
  sourceForm,
  endpointForm,
  digestForm,
]
const formed = (max: number, { pattern, words }: Form) =>
  z.string().min(1).max(max).regex(pattern, words)

/** The fault of an object's name, in words; undefined when the name is valid. */
export function nameProblem(name: string): string | undefined {
  if (name.length > 63) return 'a name has at most 63 characters'
  return nameForm.pattern.test(name) ? undefined : nameForm.words
}

/** A string of 1 to `max` characters. */
export const text = (max: number, description: string) =>
  z.string().min(1).max(max).meta({ description })

/** A string of 0 to `max` characters. */
export const note = (max: number, description: string) => z.string().max(max).meta({ description })

/** A DNS label: the name of an object in the same namespace. */
export const objectName = (description: string, max = 63) =>
  formed(max, nameForm).meta({ description })

/** A model as its server names it, e.g. `qwen2.5-coder:7b`. */
export const modelName = (description: string) => formed(120, modelForm).meta({ description })

/** Address of a repository that the forge may fetch. */
export const sourceUrl = (description: string) => formed(500, sourceForm).meta({ description })

/** Base address of a model server. */
export const endpointUrl = (description: string) => formed(500, endpointForm).meta({ description })

/** SHA-256 of a file, as in `sha256:…`. */
export const digest = (description: string) => formed(71, digestForm).meta({ description })

/**
 * A git branch or tag name, as far as a pattern can tell; the forge knows the rest of git's rules.
 */
export const refName = (description: string) => formed(200, branchForm).meta({ description })

/** A path inside the repository, with forward slashes, neither absolute nor leaving it. */
export const repositoryPath = (description: string) =>
  formed(200, { pattern: pathPattern, words: pathRule }).meta({ description })

/** A whole number with bounds. */
export const count = (min: number, max: number, description: string) =>
  z.int32().min(min).max(max).meta({ description, format: 'int32' })

/** An RFC 3339 time. */
export const time = (description: string) =>
  z.string().max(64).meta({ description, format: 'date-time' })

/** A list whose order and duplicates have no meaning for the operator. */
export const list = <T extends z.ZodType>(item: T, max: number, description: string) =>
  z.array(item).max(max).meta({ description, 'x-kubernetes-list-type': 'atomic' })

/** A list of objects keyed by `keys`: writers may own single entries. */
const keyedList = <T extends z.ZodType>(
  item: T,
  keys: readonly string[],
  max: number,
  description: string,
) =>
  z.array(item).max(max).meta({
    description,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': keys,
  })

/** An object with a description. */
export const object = <T extends z.ZodRawShape>(shape: T, description: string) =>
  z.object(shape).meta({ description })

/** One CEL rule of a CRD: what must hold, and the sentence a person reads when it does not. */
interface Rule {
  readonly rule: string
  readonly message: string
  readonly fieldPath?: string
}

/** Attaches CEL rules to a schema. The API server, not zod, evaluates them. */
export const withRules = <T extends z.ZodType>(schema: T, rules: readonly Rule[]): T =>
  schema.meta({ ...schema.meta(), 'x-kubernetes-validations': rules })

/** A condition as in the Kubernetes API conventions. */
const condition = object(
  {
    type: text(64, 'The aspect that the condition is about, in CamelCase.'),
    status: z.enum(['True', 'False', 'Unknown']).meta({ description: 'True, False or Unknown.' }),
    reason: text(64, 'One CamelCase word saying why; stable, for programs.'),
    message: note(1024, 'A sentence for people; names the next step when one is needed.'),
    lastTransitionTime: time('When the status last changed.'),
    observedGeneration: z.int().optional().meta({
      description: 'The metadata.generation from which the condition was computed.',
      format: 'int64',
    }),
  },
  'One aspect of the current state.',
)
export type Condition = z.infer<typeof condition>

/** The list that every status carries. */
export const conditions = keyedList(
  condition,
  ['type'],
  16,
  'The state of the object, one entry for each aspect.',
)

/** A printer column of `kubectl get`; `wide` ones need `-o wide`. */
export interface Column {
  readonly name: string
  readonly path: string
  readonly type?: 'string' | 'integer' | 'date'
  readonly wide?: boolean
  readonly description?: string
}

/**
 * What people with the cluster's `edit` role may do to the objects of a kind; all who may view see
 * all of them.
 */
type PeopleMay = 'write' | 'delete' | 'view'

/**
 * Everything that is made from a kind: its CRD, its reference, roles, the check of what is read.
 */
export interface KindDefinition {
  readonly kind: string
  readonly plural: string
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly description: string
  readonly spec: z.ZodType
  readonly status: z.ZodType
  readonly columns: readonly Column[]
  readonly selectableFields?: readonly string[]
  /**
   * CEL rules over the whole object; of its metadata only `name` and `generateName` are visible.
   */
  readonly rules?: readonly Rule[]
  /**
   * The fields that the controllers rely on. They are much fewer than those of the schema, which
   * the API server checks at each write; but nobody has checked an object that another version
   * stored, or that is older than a rule.
   */
  readonly reliesOn: z.ZodType
  readonly people: PeopleMay
}

/** The metadata that every controller relies on. */
const metadataRelied = z.looseObject({
  name: z.string(),
  namespace: z.string(),
  uid: z.string(),
  creationTimestamp: z.string(),
})
const conditionsRelied = z
  .array(
    z.looseObject({
      type: z.string(),
      status: z.enum(['True', 'False', 'Unknown']),
      reason: z.string(),
      lastTransitionTime: z.string(),
    }),
  )
  .optional()
const auditRelied = z
  .looseObject({ stored: z.number(), pending: z.array(z.looseObject({ after: z.string() })) })
  .optional()

/** A time that can be compared. */
export const moment = z.string().refine((text) => !Number.isNaN(Date.parse(text)), 'is not a time')

/** The fields that are relied on: those of every kind, and these of a spec and of a status. */
export function relied(spec: z.ZodRawShape, status: z.ZodRawShape): z.ZodType {
  return z.looseObject({
    metadata: metadataRelied,
    spec: z.looseObject(spec),
    status: z
      .looseObject({ conditions: conditionsRelied, audit: auditRelied, ...status })
      .optional(),
  })
}

/** The metadata that is read here; all other fields are kept as they are. */
export interface Metadata {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly resourceVersion: string
  readonly generation: number
  readonly creationTimestamp: string
  readonly deletionTimestamp?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly finalizers?: readonly string[]
  readonly ownerReferences?: readonly OwnerReference[]
}

/** An object of a kind of ours, as the API server gives it. It has no status before its first one is written. */
export interface ApiObject<Spec, Status> {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: Metadata
  readonly spec: Spec
  readonly status?: Status
}

/**
 * The faults of an object's spec as one line that names each field; undefined when the spec is
 * valid.
 */
export function specProblem(checked: z.ZodSafeParseResult<unknown>): string | undefined {
  return checked.error?.issues
    .map((issue) => `spec.${issue.path.join('.')}: ${issue.message}`)
    .join('; ')
}
