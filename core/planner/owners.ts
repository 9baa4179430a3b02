// The unit that a function, an example or a sentence of the request belongs to.
import type { Unit } from '../api/devrequest.ts'
import { bareName } from './examples.ts'
import type { RepositoryFacts } from './facts.ts'

/** Finds the unit that a thing of the request belongs to. */
export interface Owners {
  /**
   * Index of the unit that makes the function of this name; undefined when no unit does, or nothing
   * shows it.
   */
  ofName(name: string): number | undefined
  /** Index of the unit that makes one of the names: the first that has an owner decides. */
  ofNames(names: readonly string[]): number | undefined
  /** Index of the unit with most words in common; the first of several. */
  closest(sentence: string): number
  /**
   * Index of the unit that a sentence is about: the one whose function or file it names, else the
   * clearly closest one, else `about`, the unit of the text before it.
   */
  ofSentence(sentence: string, about: number | undefined): number
}

const exported = 100
const called = 40
const mentioned = 20
const sameName = 45
const similarName = 25

/**
 * Looks at files, exports and goals of the units. A model's criterion does not count, because
 * models mix units up there.
 */
export function ownersOf(
  units: readonly Pick<Unit, 'goal' | 'files' | 'doneWhen'>[],
  facts: Pick<RepositoryFacts, 'symbols'>,
): Owners {
  const known = units.map((unit) => ({
    files: unit.files,
    goal: namesWithPlaces(unit.goal),
    exports: new Set(
      facts.symbols.filter(({ file }) => unit.files.includes(file)).flatMap(({ names }) => names),
    ),
    bases: unit.files.map(baseOf).filter((base) => base.length > 2),
    words: wordsOf(`${unit.goal}\n${unit.doneWhen}\n${unit.files.join('\n')}`),
  }))
  const found = new Map<string, number | undefined>()

  function score(index: number, name: string): number {
    const unit = known[index]
    if (unit === undefined) return 0
    const place = unit.goal.get(name)
    const plain = flat(name)
    const alike = unit.bases.some((base) => base === plain)
      ? sameName
      : unit.bases.some((base) => plain.startsWith(base) || base.startsWith(plain))
        ? similarName
        : 0
    // A goal names its own function first and those that it uses later.
    const named =
      place === undefined ? 0 : (place.called ? called : mentioned) - Math.min(place.nth, 15)
    return (unit.exports.has(name) ? exported : 0) + named + (plain.length > 2 ? alike : 0)
  }

  function ofName(raw: string): number | undefined {
    const name = bareName(raw)
    if (!found.has(name)) found.set(name, best(units.map((_, index) => score(index, name))))
    return found.get(name)
  }

  function closeness(sentence: string): number[] {
    const words = wordsOf(sentence)
    return known.map(
      // `wraps` and `wrapLines` are about `wrap`.
      (unit) =>
        words.filter((word) =>
          unit.words.some((other) => word.startsWith(other) || other.startsWith(word)),
        ).length,
    )
  }

  return {
    ofName,
    ofNames: (names) => names.map(ofName).find((owner) => owner !== undefined),
    closest: (sentence) => best(closeness(sentence)) ?? 0,
    ofSentence(sentence, about) {
      const files = known.flatMap(({ files }, index) =>
        files.some((file) => sentence.includes(file)) ? [index] : [],
      )
      if (files.length === 1 && files[0] !== undefined) return files[0]
      const names = [...namesWithPlaces(sentence)].filter(([, place]) => place.called)
      const owner = names.map(([name]) => ofName(name)).find((one) => one !== undefined)
      if (owner !== undefined) return owner
      const scores = closeness(sentence)
      const [first = 0, second = 0] = scores.toSorted((a, b) => b - a)
      if (about !== undefined && first === second) return about
      return best(scores) ?? about ?? 0
    },
  }
}

/** Index of the highest score above 0; the first of several. */
function best(scores: readonly number[]): number | undefined {
  const most = Math.max(0, ...scores)
  return most === 0 ? undefined : scores.indexOf(most)
}

interface NameUse {
  readonly nth: number
  /** It stands before a bracket, or is written like a name of a program. */
  readonly called: boolean
}

function namesWithPlaces(text: string): ReadonlyMap<string, NameUse> {
  const places = new Map<string, NameUse>()
  let nth = 0
  for (const match of text.matchAll(/[\p{L}_$][\p{L}\p{M}\p{N}_$]{1,80}/gu)) {
    const name = bareName(match[0])
    const next = text[match.index + match[0].length]
    const isCalled = next === '(' || /^[\p{Ll}_$].*[\p{Lu}_$]/u.test(name)
    const before = places.get(name)
    if (before === undefined || (isCalled && !before.called)) {
      places.set(name, { nth: before?.nth ?? nth, called: isCalled })
    }
    nth++
  }
  return places
}

function baseOf(file: string): string {
  const name = file.split('/').at(-1) ?? ''
  const dot = name.indexOf('.', 1)
  return flat(dot === -1 ? name : name.slice(0, dot))
}

function flat(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '')
}

/**
 * The telling words of a text, each once, in lower case: words of four letters or more, and short
 * ones of Chinese and Korean script.
 */
function wordsOf(text: string): string[] {
  return [
    ...new Set(
      text.toLowerCase().match(/[\p{L}\p{N}]{4,60}|[\p{Script=Han}\p{Script=Hangul}]{2,3}/gu),
    ),
  ].slice(0, 600)
}
