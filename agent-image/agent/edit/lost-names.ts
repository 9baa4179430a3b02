// What a file offered to others, and no longer offers in a new version.
import type { CodeFacts, OwnerFact } from '../code/facts.ts'
import { asksAway } from './asked-away.ts'

/** Something that a file had for others and a new version of it lacks. */
export interface LostName {
  /** As a person reads it: `keep`, `Store.keep`. */
  readonly name: string
  /** What a use of it says: `keep`. */
  readonly word: string
  /** What it belongs to: a class, an object, an enum; undefined for a name of the file. */
  readonly owner: string | undefined
  /** Whether it is lost whoever uses it. Otherwise another file has to. */
  readonly certain: boolean
  /** Whether it belongs to something that only this file can name; a use says nothing about what it is of. */
  readonly inner: boolean
}

/**
 * What others can use, that `before` has and `after` lacks, without what `asked`, the words of the task, wants to go. Empty
 * where the files cannot be compared: one that cannot be parsed, or one that makes its names when it runs.
 */
export function lostNames(before: CodeFacts, after: CodeFacts, asked: string): readonly LostName[] {
  if (before.parsed.kind !== 'fine' || after.parsed.kind !== 'fine') return []
  const made = new Set([...after.offers.defined].filter((name) => !before.offers.defined.has(name)))
  const exports = lostExports(before, after)
  const gone = new Set(exports.map(({ word }) => word))
  const members = before.offers.owners.flatMap((owner) =>
    // What is gone as a whole is told as a whole.
    gone.has(owner.name) ? [] : lostMembers(owner, before, after),
  )
  const known = new Set([...exports, ...members].map(({ word }) => word))
  const inner = [...before.offers.properties]
    .filter((word) => !known.has(word) && !gone.has(word))
    .filter((word) => !after.offers.defined.has(word) && !after.offers.properties.has(word))
    .filter((word) => !before.offers.owners.some((one) => hasMember(one, word)))
    .map((word): LostName => ({ name: word, word, owner: undefined, certain: false, inner: true }))
  const lost = [...exports, ...members, ...inner].filter(
    (one) => one.certain || !(ordinary.has(one.word) || (one.inner && frequent.has(one.word))),
  )
  return lost.filter(({ word, owner }) => !asksAway(asked, { word, owner }, made))
}

function hasMember(owner: OwnerFact, word: string): boolean {
  return owner.members.some(({ name }) => name === word || name.endsWith(`.${word}`))
}

function lostExports(before: CodeFacts, after: CodeFacts): readonly LostName[] {
  const now = new Set(after.exports.map(({ name }) => name))
  const stars = after.offers.stars.filter((one) => !before.offers.stars.includes(one))
  const unknown = after.exports.filter(
    ({ name, signature }) =>
      name === '*' &&
      after.language === 'node' &&
      !before.exports.some((one) => one.name === '*' && one.signature === signature),
  )
  if (stars.length > 0 || unknown.length > 0) return []
  // `module.exports = make()` may have any names; a function or a class has those that the text gives it.
  const whole = after.exports.find(({ name }) => name === 'default')
  if (after.markers.commonjs && !after.markers.esm && whole !== undefined) {
    if (whole.kind !== 'function' && whole.kind !== 'class') return []
    const owner = after.offers.owners.find(({ name }) => name === 'default')
    if (owner?.open === true) return []
    for (const { name } of owner?.members ?? []) now.add(name)
  }
  const isPackage = before.path.endsWith('__init__.py')
  const names = before.exports.flatMap(({ name, kind }): LostName[] => {
    if (name === '*' || now.has(name)) return []
    const isPublic = !name.startsWith('_') && /^(?:function|class)$/.test(kind)
    const certain =
      before.language === 'node' ||
      isPublic ||
      before.offers.listed.has(name) ||
      (isPackage && kind === 'reexport' && !name.startsWith('_'))
    return [{ name, word: name, owner: undefined, certain, inner: false }]
  })
  const dropped = before.offers.stars.filter(
    (one) =>
      !after.offers.stars.includes(one) &&
      /[./\w]/.test(one) &&
      !/^(?:globals|__getattr__)$|\[/.test(one) &&
      !after.imports.some(({ specifier }) => specifier === one),
  )
  return [
    ...names,
    ...dropped.map(
      (one): LostName => ({
        name: `everything of ${one}`,
        word: one,
        owner: undefined,
        certain: before.language === 'node' || isPackage,
        inner: false,
      }),
    ),
  ]
}

function lostMembers(owner: OwnerFact, before: CodeFacts, after: CodeFacts): readonly LostName[] {
  const now = after.offers.owners.find(({ name }) => name === owner.name)
  const isKept = (name: string): boolean => {
    const word = name.slice(name.lastIndexOf('.') + 1)
    // Made in another way, by a function for one: all that can be told is whether the name is there.
    if (now === undefined)
      return after.offers.defined.has(word) || after.offers.properties.has(word)
    if (now.members.some((one) => one.name === name)) return true
    // A base class of another file, or a decorator, that is new may bring it.
    const brought = now.bases.filter((base) => !owner.bases.includes(base))
    if (brought.length > 0) return true
    const isSpecial = /^__\w+__$/.test(word)
    return now.open
      ? after.offers.defined.has(word) || !owner.open
      : isSpecial && now.bases.length > 0
  }
  // A nested object that is gone is told once.
  const lost = owner.members.filter(({ name }) => !isKept(name))
  const names = new Set(lost.map(({ name }) => name))
  return lost
    .filter(({ name }) => !names.has(name.slice(0, Math.max(0, name.lastIndexOf('.')))))
    .map(({ name, certain }): LostName => {
      const shown = owner.name === 'default' ? name : `${owner.name}.${name}`
      const word = name.slice(name.lastIndexOf('.') + 1)
      const isOwn = !owner.exported && before.language === 'node'
      return {
        name: shown,
        word,
        owner: owner.name,
        certain: certain && owner.exported,
        inner: isOwn,
      }
    })
}

/** Names that things of the language itself have: a use of one says nothing about whose it is. */
const ordinary: ReadonlySet<string> = new Set(
  [
    [],
    '',
    {},
    () => undefined,
    new Map(),
    new Set(),
    new Date(0),
    /x/,
    Promise.resolve(),
    new Error('x'),
    new Uint8Array(),
  ].flatMap((one) => {
    const names: string[] = []
    for (let at: unknown = one; at !== null && at !== undefined; at = Object.getPrototypeOf(at))
      names.push(...Object.getOwnPropertyNames(at))
    return names
  }),
)
/** Names that are common to things of every kind, in Python above all. */
const frequent: ReadonlySet<string> = new Set(
  'abs append args assert close copy count create data debug error floor freeze from group info log max min now of parse pow resolve round table time trace warn stringify env extend format get id index items path read strip type update value write'.split(
    ' ',
  ),
)
