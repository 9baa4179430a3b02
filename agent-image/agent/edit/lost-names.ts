// What a file offered to others and a new version of it does not offer, or only as an empty shell,
// and which files use it.
import { basename, dirname } from 'node:path'
import type { CodeFacts, OwnerFact } from '../code/facts.ts'
import { asksAway, mentions } from './asked-words.ts'

/** Something that a file had for others and a new version of it lacks. */
export interface LostName {
  /** As a person reads it: `keep`, `Store.keep`. */
  readonly name: string
  /** What a use of it says: `keep`. */
  readonly word: string
  /** What it belongs to: a class, an object, an enum; undefined for a name of the file. */
  readonly owner: string | undefined
  /** Whether its loss counts without a use of it. Otherwise another file has to use it. */
  readonly certain: boolean
  /**
   * Whether it belongs to a thing that only this file can name, so that a use does not show which
   * thing is meant.
   */
  readonly inner: boolean
}

/**
 * Names that others can use, which `before` has and `after` lacks, without those that `asked`, the
 * words of the task, wants to remove. Empty where the files cannot be compared: one that cannot be
 * parsed, or one that makes its names when it runs.
 */
export function lostNames(before: CodeFacts, after: CodeFacts, asked: string): readonly LostName[] {
  if (before.parsed.kind !== 'fine' || after.parsed.kind !== 'fine') return []
  const made = new Set([...after.offers.defined].filter((name) => !before.offers.defined.has(name)))
  const exports = lostExports(before, after)
  const gone = new Set(exports.map(({ word }) => word))
  const members = before.offers.owners.flatMap((owner) =>
    // A class that is gone is reported as a whole, without its members.
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
  // `module.exports = make()` may have any names; a function or a class has those that the text
  // gives it.
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
    // It is made in another way, for example by a function: all that can be known is whether the
    // name is there.
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
  // A nested object that is gone is reported once.
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

/**
 * Names that values of the language itself have, so that a use of one does not show whose it is.
 */
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

/**
 * Functions and methods that did something in `before` and do nothing in `after` but throw or give
 * nothing back. One whose own name `asked` mentions may do so. Empty where the files cannot be
 * compared.
 */
export function hollowedNames(
  before: CodeFacts,
  after: CodeFacts,
  asked: string,
): readonly string[] {
  if (before.parsed.kind !== 'fine' || after.parsed.kind !== 'fine') return []
  const solid = new Set(before.bodies.filter(({ hollow }) => !hollow).map(({ name }) => name))
  const own = (name: string): string =>
    name.slice(name.lastIndexOf('.') + 1).replace(/^[gs]et /, '')
  return after.bodies
    .filter(({ name, hollow }) => hollow && solid.has(name) && !mentions(asked, own(name)))
    .map(({ name }) => name)
}

/**
 * The files among `texts` (by path) that use each of `lost`, names of the file at `path`. A file
 * counts when it imports that file, or one that does so, or names what the name belongs to.
 */
export function usersOf(
  path: string,
  lost: readonly LostName[],
  texts: ReadonlyMap<string, string>,
): ReadonlyMap<LostName, readonly string[]> {
  const isPython = /\.pyi?$/.test(path)
  const stem = stemOf(path)
  const near = importers(isPython, new Set([stem]), texts, new Set([path]))
  const far = importers(isPython, new Set([...near].map(stemOf)), texts, new Set([path]))
  const users = new Map<LostName, readonly string[]>()
  for (const one of lost) {
    const found = [...texts].filter(([file, text]) => {
      if (file === path) return false
      if (one.word === 'default') return near.has(file)
      if (one.owner === undefined && !one.inner)
        return (
          near.has(file) && (isPython ? takesName(text, stem, one.word) : hasWord(text, one.word))
        )
      const isRelated =
        near.has(file) ||
        far.has(file) ||
        (one.owner !== undefined && one.owner !== 'default' && hasWord(text, one.owner))
      return isRelated && readsMember(text, one.word)
    })
    users.set(
      one,
      found.map(([file]) => file),
    )
  }
  return users
}

/** The name by which an import means a file: its own without the ending, or its folder's. */
function stemOf(path: string): string {
  const name = basename(path).replace(/\.(?:d\.)?\w+$/, '')
  return /^(?:index|__init__)$/.test(name) ? basename(dirname(path)) : name
}

function importers(
  isPython: boolean,
  stems: ReadonlySet<string>,
  texts: ReadonlyMap<string, string>,
  without: ReadonlySet<string>,
): ReadonlySet<string> {
  const found = new Set<string>()
  for (const [file, text] of texts) {
    if (without.has(file)) continue
    for (const stem of stems) if (imports(isPython, text, stem)) found.add(file)
  }
  return found
}

function imports(isPython: boolean, text: string, stem: string): boolean {
  if (stem === '.' || stem === '')
    return isPython ? /\bfrom \./.test(text) : /['"]\.{1,2}\/?(?:index\.\w+)?['"]/.test(text)
  if (!text.includes(stem)) return false
  const name = escaped(stem)
  return isPython
    ? new RegExp(
        `\\b(?:import|from)\\b[^\\n#]*\\b${name}\\b|\\bimport[ \\t]*\\([^)]*\\b${name}\\b|['"][\\w.]*\\b${name}\\b`,
      ).test(text)
    : new RegExp(`['"\`][^'"\`\\n]*(?<![\\w$-])${name}(?:/index)?(?:\\.\\w{2,4})?['"\`]`).test(
        text,
      ) || /['"]\.{1,2}\/?['"]/.test(text)
}

function hasWord(text: string, word: string): boolean {
  return new RegExp(`(?<![\\w$])${escaped(word)}(?![\\w$])`).test(text)
}

/** `x.word`, `x['word']`, `{ word } = x`, `getattr(x, 'word')`. */
function readsMember(text: string, word: string): boolean {
  if (word.startsWith('[') || word.startsWith('__')) return false
  const name = escaped(word)
  return new RegExp(
    `\\.\\s*${name}(?![\\w$])|\\[\\s*['"\`]${name}['"\`]\\s*\\]|getattr\\([^()\\n]*['"]${name}['"]|\\{[^{}]*(?<![\\w$.])${name}(?![\\w$(])[^{}]*\\}\\s*=[^=>]`,
  ).test(text)
}

/**
 * Whether Python text takes a name of a module: by its import, from the module, or with everything.
 */
function takesName(text: string, stem: string, word: string): boolean {
  const name = escaped(word)
  const module = escaped(stem)
  const from = `\\bfrom[ \\t]+[\\w.]*(?:\\b${module}|(?<=\\.))[ \\t]+import[ \\t]+`
  if (
    new RegExp(`${from}(?:\\([^)]*(?<!\\w)${name}(?!\\w)|[^\\n(#]*(?<!\\w)${name}(?!\\w))`).test(
      text,
    )
  )
    return true
  if (new RegExp(`${from}\\*`).test(text) && hasWord(text, word)) return true
  const aliases = [
    ...text.matchAll(new RegExp(`\\b(?:[\\w.]*\\b)?${module}[ \\t]+as[ \\t]+(\\w+)`, 'g')),
  ].map((found) => found[1] ?? stem)
  return [stem, ...aliases].some((alias) =>
    new RegExp(
      `(?<!\\w)${escaped(alias)}\\.${name}(?!\\w)|getattr\\([^()\\n]*\\b${escaped(alias)}\\b[^()\\n]*['"]${name}['"]`,
    ).test(text),
  )
}

function escaped(word: string): string {
  return word.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
}
