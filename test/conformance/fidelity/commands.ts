import fc from 'fast-check'
import type { Fields } from '../../../simulated-kubernetes/json.ts'
import { type FidelityKind, kinds, type KindName } from './kinds.ts'

/** Which of the versions seen of an object is meant. */
export type Which = 'latest' | 'older' | 'none' | 'wrong'

/** Metadata that a sequence sets: the parts that people and controllers set. */
type Labels = Readonly<Record<string, unknown>>

interface Common {
  readonly kind: KindName
  readonly name: string
}
interface Write extends Common {
  readonly manager?: string | undefined
  readonly dryRun: boolean
}

/** One step of a sequence. Plain data, so that a failing one can be read and kept. */
export type Command =
  | (Write & { readonly do: 'create'; readonly metadata: Labels; readonly content: Fields })
  | (Write & {
      readonly do: 'update'
      readonly subresource: '' | 'status'
      readonly version: Which
      readonly uid: 'right' | 'wrong' | 'none'
      readonly metadata: Labels
      readonly content: Fields
    })
  | (Write & {
      readonly do: 'merge'
      readonly subresource: '' | 'status'
      readonly metadata: Labels
      readonly version: Which
      readonly content: Fields
    })
  | (Write & {
      readonly do: 'json'
      readonly subresource: '' | 'status'
      readonly operations: readonly Fields[]
    })
  | (Write & {
      readonly do: 'apply'
      readonly manager: string
      readonly force: boolean
      readonly subresource: '' | 'status'
      readonly version: Which
      readonly metadata: Labels
      readonly content: Fields
    })
  | (Common & {
      readonly do: 'delete'
      readonly dryRun: boolean
      readonly version: Which
      readonly uid: 'right' | 'wrong' | 'none'
      readonly propagation: 'Background' | 'Foreground' | 'Orphan' | undefined
    })
  | (Common & { readonly do: 'get'; readonly subresource: '' | 'status' | 'scale' })
  | (Common & { readonly do: 'scale'; readonly replicas: unknown; readonly version: Which })
  | {
      readonly do: 'list'
      readonly kind: KindName
      readonly labelSelector: string
      readonly fieldSelector: string
      readonly limit: number
    }
  | {
      readonly do: 'watch'
      readonly kind: KindName
      /** Opened now and read while things happen, or opened at the end from the version of now. */
      readonly isLive: boolean
      readonly from: 'start' | 'now' | 'initial'
      readonly labelSelector: string
    }

const names = ['a', 'b', 'c'] as const
const managers = ['one', 'two', 'three'] as const

const labels = fc.constantFrom<unknown>(
  undefined,
  {},
  { color: 'red' },
  { color: 'blue', size: 'big' },
  { 'bad key!': 'x' },
  { color: 'not valid!' },
)
const annotations = fc.constantFrom<unknown>(
  undefined,
  { note: 'hello' },
  { note: 'again', 'b/c': 'x' },
)
const finalizers = fc.constantFrom<unknown>(
  undefined,
  undefined,
  undefined,
  [],
  ['example.com/one'],
  ['example.com/one', 'example.com/two'],
  ['no slash'],
)
const owners = fc.constantFrom<unknown>(
  undefined,
  undefined,
  undefined,
  [],
  [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'o', uid: 'u-1' }],
  [
    { apiVersion: 'v1', kind: 'ConfigMap', name: 'o', uid: 'u-1', controller: true },
    { apiVersion: 'v1', kind: 'Secret', name: 'p', uid: 'u-2', controller: true },
  ],
  [{ apiVersion: 'v1', kind: 'ConfigMap', name: '', uid: '' }],
)
const metadata: fc.Arbitrary<Labels> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  {
    weight: 2,
    arbitrary: fc
      .record({ labels, annotations, finalizers, ownerReferences: owners })
      .map((fields) =>
        Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)),
      ),
  },
)
/**
 * Metadata without empty values: the real server keeps such bytes until the next write, which then
 * counts as one.
 */
const plainMetadata = metadata.map((fields) =>
  Object.fromEntries(
    Object.entries(fields).filter(
      ([, value]) => typeof value !== 'object' || value === null || Object.keys(value).length > 0,
    ),
  ),
)
const which = (...rare: readonly Which[]): fc.Arbitrary<Which> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constant<Which>('latest') },
    { weight: 1, arbitrary: fc.constantFrom<Which>('older', 'none', ...rare) },
  )
const uid: fc.Arbitrary<'right' | 'wrong' | 'none'> = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom<'right' | 'none'>('right', 'none') },
  { weight: 1, arbitrary: fc.constant('wrong') },
)
const manager = fc.constantFrom(undefined, ...managers)
const dryRun = fc.oneof(
  { weight: 9, arbitrary: fc.constant(false) },
  { weight: 1, arbitrary: fc.constant(true) },
)
const selector = fc.constantFrom(
  '',
  '',
  'color=red',
  'color!=red',
  'color',
  '!color',
  'color in (red,blue)',
  'color notin (red)',
)

const kindName: fc.Arbitrary<KindName> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<KindName>('widget') },
  { weight: 2, arbitrary: fc.constant<KindName>('configMap') },
  { weight: 1, arbitrary: fc.constant<KindName>('lease') },
  { weight: 2, arbitrary: fc.constant<KindName>('task') },
)

/** One step. Each kind leads to what that kind can do. */
export const command: fc.Arbitrary<Command> = kindName.chain((name) => stepFor(name, kinds[name]))

function stepFor(kind: KindName, traits: FidelityKind): fc.Arbitrary<Command> {
  const common = { kind: fc.constant(kind), name: fc.constantFrom(...names) }
  const write = { ...common, manager, dryRun }
  const content = fc.constantFrom(...traits.contents)
  const subresource = traits.hasStatus
    ? fc.constantFrom('' as const, 'status' as const)
    : fc.constant('' as const)
  const changed = subresource.chain((part) =>
    fc.record({
      subresource: fc.constant(part),
      content:
        part === 'status' && traits.statuses.length > 0
          ? fc.constantFrom(...traits.statuses)
          : content,
    }),
  )
  const operation = (part: '' | 'status') =>
    fc.oneof(
      ...traits.places
        .filter(([path]) => part === '' || path.startsWith('/status'))
        .map(([path, values]) =>
          fc.oneof(
            fc.record({
              op: fc.constantFrom('add', 'replace', 'test'),
              path: fc.constant(path),
              value: fc.constantFrom(...values),
            }),
            fc.record({ op: fc.constant('remove'), path: fc.constant(path) }),
          ),
        ),
      fc.constant({ op: 'add', path: '/metadata/labels', value: { color: 'red' } }),
      fc.constant({ op: 'remove', path: '/metadata/labels/color' }),
      fc.constant({ op: 'add', path: '/metadata/finalizers', value: ['example.com/one'] }),
      fc.constant({ op: 'remove', path: '/metadata/finalizers' }),
      fc.constant({ op: 'remove', path: '/metadata/finalizers/0' }),
      // Fields that a status write ignores are well typed here: else the real server forgets who
      // owned what.
      fc.constant({ op: 'add', path: '/spec', value: traits.contents[0]?.['spec'] ?? {} }),
    ) as fc.Arbitrary<Fields>
  const options: fc.WeightedArbitrary<Command>[] = [
    {
      weight: 5,
      arbitrary: fc.record({ ...write, do: fc.constant('create' as const), metadata, content }),
    },
    {
      weight: 5,
      arbitrary: changed.chain((change) =>
        fc.record({
          ...write,
          do: fc.constant('update' as const),
          subresource: fc.constant(change.subresource),
          content: fc.constant(change.content),
          version: which('wrong'),
          uid,
          metadata,
        }),
      ),
    },
    {
      weight: 3,
      arbitrary: changed.chain((change) =>
        fc.record({
          ...write,
          do: fc.constant('merge' as const),
          subresource: fc.constant(change.subresource),
          content: fc.constant(change.content),
          version: fc.constantFrom<Which>('none', 'none', 'none', 'latest', 'older'),
          metadata: fc.oneof(
            metadata,
            fc.constantFrom({ labels: { color: null } }, { annotations: null }),
          ),
        }),
      ),
    },
    {
      weight: 3,
      arbitrary: subresource.chain((part) =>
        fc.record({
          ...write,
          do: fc.constant('json' as const),
          subresource: fc.constant(part),
          operations: fc.array(operation(part), { minLength: 1, maxLength: 3 }),
        }),
      ),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        ...write,
        manager: fc.constantFrom(...managers),
        do: fc.constant('apply' as const),
        subresource,
        force: fc.boolean(),
        version: fc.constantFrom<Which>('none', 'none', 'none', 'none', 'latest', 'older'),
        metadata: plainMetadata,
        content: fc.constantFrom(...traits.parts),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        ...common,
        do: fc.constant('delete' as const),
        dryRun,
        version: fc.constantFrom<Which>('none', 'none', 'latest', 'older'),
        uid: fc.constantFrom('none' as const, 'none' as const, 'right' as const, 'wrong' as const),
        propagation: fc.constantFrom(undefined, 'Background', 'Background', 'Foreground', 'Orphan'),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        ...common,
        do: fc.constant('get' as const),
        subresource: fc.constantFrom<'' | 'status' | 'scale'>('', 'status', 'scale'),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('list' as const),
        kind: fc.constant(kind),
        labelSelector: selector,
        fieldSelector: fc.constantFrom(
          '',
          '',
          'metadata.name=a',
          'metadata.name!=a',
          'metadata.namespace=nowhere',
          'spec.type=coding',
          'spec.odd=1',
        ),
        limit: fc.constantFrom(0, 0, 1, 2),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('watch' as const),
        kind: fc.constant(kind),
        isLive: fc.boolean(),
        from: fc.constantFrom('start', 'now', 'initial'),
        labelSelector: selector,
      }),
    },
  ]
  if (traits.hasScale) {
    options.push({
      weight: 1,
      arbitrary: fc.record({
        ...common,
        do: fc.constant('scale' as const),
        replicas: fc.constantFrom(11, 12, 0, 101, -1),
        version: which('wrong'),
      }),
    })
  }
  return fc.oneof(...options)
}
