// The request's own words in the units: a literal that a model copied with changes is corrected
// character by character, and each example stands in the criterion of the unit that makes its
// function, and in no other.
import type { Unit } from '../api/devrequest.ts'
import { literalsOf, type Literal } from '../api/literals.ts'
import { cutText } from '../api/faithful-text.ts'
import { bareName, examplesOf, namesIn, type Example } from './examples.ts'
import type { RepositoryFacts } from './facts.ts'
import { isAboutDocuments, sentencesWithPlaces, type Sentence } from './sentences.ts'
import { type Owners, ownersOf } from './owners.ts'

type Words = Pick<Unit, 'goal' | 'files' | 'doneWhen'>

/** Most characters of a goal or a criterion, as the API says. */
export const longestText = 2000

/**
 * The units with the request's own words. `text` is the text that they were made from.
 * Guarantees: a literal of a unit that differs from one of `text` only in blanks, quotes and
 * escapes becomes that one; an example of `text` stands in one criterion, byte for byte, unless it
 * does not fit; a criterion holds no call of a function that another unit makes. `doneWhen` is
 * never empty.
 */
export function withOwnWords<T extends Words>(
  units: readonly T[],
  text: string,
  facts: Pick<RepositoryFacts, 'symbols'>,
): T[] {
  const literals = literalIndex(text)
  const restored = units.map((unit) => ({
    ...unit,
    goal: cutText(restoredWords(unit.goal, literals), longestText),
    doneWhen: cutText(restoredWords(unit.doneWhen, literals), longestText),
  }))
  const owners = ownersOf(restored, facts)
  const own = restored.map((unit, index) => ({
    ...unit,
    doneWhen: withoutForeign(unit.doneWhen, index, owners),
  }))
  return withExamples(own, text, owners).map((unit) => ({
    ...unit,
    doneWhen: unit.doneWhen || unit.goal,
  }))
}

/** The examples of a text that stand in none of the units. */
export function lostExamples(units: readonly Words[], text: string): string[] {
  const all = units.map((unit) => `${unit.goal}\n${unit.doneWhen}`).join('\n')
  return wanted(text)
    .map((example) => example.text)
    .filter((example) => !all.includes(example))
}

/** The examples of a text without those of its documentation, which has a task of its own. */
function wanted(text: string): (Example & { readonly sentence: Sentence })[] {
  const sentences = sentencesWithPlaces(text)
  return examplesOf(text).flatMap((example) => {
    const sentence = sentences.findLast(({ at }) => at <= example.at)
    return sentence === undefined || isAboutDocuments(sentence.text)
      ? []
      : [{ ...example, sentence }]
  })
}

function withExamples<T extends Words>(units: readonly T[], text: string, owners: Owners): T[] {
  const missing = units.map((): string[] => [])
  const about = subjects(text, owners)
  for (const example of wanted(text)) {
    const owner = owners.ofNames(example.names)
    if (owner === undefined && units.some((unit) => unit.doneWhen.includes(example.text))) continue
    const home = owner ?? owners.ofSentence(example.sentence.text, about.get(example.sentence.at))
    if (units[home]?.doneWhen.includes(example.text) === false) missing[home]?.push(example.text)
  }
  return units.map((unit, index) => ({
    ...unit,
    doneWhen: withLines(unit.doneWhen, missing[index] ?? []),
  }))
}

/**
 * The unit that each sentence of a text is about, or that the sentences before it in its paragraph
 * are about; the key is the place where the sentence begins.
 */
export function subjects(text: string, owners: Owners): ReadonlyMap<number, number | undefined> {
  const functions = new Set([...text.matchAll(calledName)].map(([name]) => bareName(name)))
  const found = new Map<number, number | undefined>()
  let about: number | undefined
  for (const sentence of sentencesWithPlaces(text)) {
    const words = (sentence.text.match(anyName) ?? []).map(bareName)
    const owner = owners.ofNames([...new Set(words.filter((word) => functions.has(word)))])
    about = owner ?? (sentence.opens ? undefined : about)
    found.set(sentence.at, about)
  }
  return found
}

const anyName = /[\p{L}_$][\p{L}\p{M}\p{N}_$]{1,80}/gu
const calledName = /(?<![\p{L}\p{M}\p{N}_$])[\p{L}_$][\p{L}\p{M}\p{N}_$]{1,80}(?=\()/gu

/**
 * A criterion followed by examples. Where both do not fit, the criterion is cut, because tests are
 * made from examples.
 */
function withLines(criterion: string, examples: readonly string[]): string {
  const fitting: string[] = []
  let length = 0
  for (const example of examples) {
    if (length + example.length + 2 > longestText) continue
    fitting.push(example)
    length += example.length + 2
  }
  const room = Math.max(0, longestText - length)
  const words = room < 12 ? '' : cutText(criterion, room)
  return joinedAll([words, ...fitting])
}

/** Two texts as sentences, one after the other. */
export function joined(one: string, other: string): string {
  return joinedAll([one, other])
}

/** Texts as sentences, one after the other; code of several lines keeps lines of its own. */
export function joinedAll(texts: readonly string[]): string {
  const parts: string[] = []
  let last = ''
  for (const text of texts) {
    if (text === '') continue
    if (last !== '') {
      const isBlock = text.includes('\n') || last.endsWith('```') || last.endsWith('~~~')
      parts.push(isBlock ? '\n' : /[.!?;:。！？；]/.test(last.at(-1) ?? '') ? ' ' : '. ')
    }
    parts.push(text)
    last = text
  }
  return parts.join('')
}

/** A criterion without the examples and calls of functions that another unit makes. */
function withoutForeign(criterion: string, index: number, owners: Owners): string {
  const isForeign = (names: readonly string[]) => {
    const found = names.map((name) => owners.ofName(name))
    return !found.includes(index) && found.some((owner) => owner !== undefined)
  }
  const foreign = [
    ...examplesOf(criterion).flatMap(({ at, text, names }) =>
      isForeign(names) ? [{ start: at, end: at + text.length }] : [],
    ),
    ...literalsOf(criterion).filter(
      (literal) =>
        literal.kind === 'call' &&
        /["'`\d]/.test(criterion.slice(literal.start, literal.end)) &&
        isForeign(namesIn(criterion.slice(literal.start, literal.end), literal.kind)),
    ),
  ].toSorted((one, other) => one.start - other.start || other.end - one.end)
  let result = ''
  let from = 0
  for (const { start, end } of foreign) {
    if (start < from) continue
    result += criterion.slice(from, start)
    from = end
  }
  if (from === 0) return criterion
  return tidied(result + criterion.slice(from))
}

/** Removes the rest of a sentence that lost its example: joining words, marks and empty ticks. */
function tidied(text: string): string {
  const sentences = sentencesWithPlaces(text).map((sentence) =>
    sentence.text
      .replace(/^(?:[-*•]|and|und|et|y|or|but|,|;|:|\.)(?=[ \t]|$)[ \t]{0,9}/iu, '')
      .replace(/[ \t]{0,9}(?:,|;|(?<!\p{L})(?:and|und|et|y|or))[ \t]{0,9}([.!?;]?)$/iu, '$1')
      .trim(),
  )
  return sentences
    .filter((sentence) => (sentence.match(/[\p{L}\p{N}]{2,40}/gu)?.length ?? 0) > 1)
    .join(' ')
}

/** The literals of a text, by their keys without blanks, quotes and escapes. */
interface LiteralIndex {
  readonly exact: ReadonlySet<string>
  readonly byKey: ReadonlyMap<string, readonly string[]>
}

function literalIndex(text: string): LiteralIndex {
  const exact = new Set<string>()
  const byKey = new Map<string, string[]>()
  const add = (part: string) => {
    if (exact.has(part)) return
    exact.add(part)
    const key = keyOf(part)
    if (key !== '' && key !== '`') byKey.set(key, [...(byKey.get(key) ?? []), part].slice(0, 8))
  }
  eachLiteral(text, (literal, part) => {
    if (literal.kind !== 'block') add(part)
    return undefined
  })
  return { exact, byKey }
}

/**
 * A text in which each literal that is one of the request's, except for blanks, quotes and escapes,
 * is replaced by that one.
 */
function restoredWords(text: string, index: LiteralIndex): string {
  return eachLiteral(text, (literal, part) => {
    if (literal.kind === 'block' || index.exact.has(part)) return part
    const choices = index.byKey.get(keyOf(part)) ?? []
    // With several candidates, none is certain.
    return choices.length === 1 ? choices[0] : undefined
  })
}

/**
 * Replaces literals, the outer ones first; where `change` gives nothing, the literals within are
 * visited.
 */
function eachLiteral(
  text: string,
  change: (literal: Literal, part: string) => string | undefined,
  depth = 0,
): string {
  let result = ''
  let from = 0
  for (const literal of literalsOf(text)) {
    const part = text.slice(literal.start, literal.end)
    const [start, end] = innerOf(text, literal)
    const other =
      change(literal, part) ??
      (depth > 3 || (start === literal.start && end === literal.end)
        ? part
        : text.slice(literal.start, start) +
          eachLiteral(text.slice(start, end), change, depth + 1) +
          text.slice(end, literal.end))
    result += text.slice(from, literal.start) + other
    from = literal.end
  }
  return result + text.slice(from)
}

/** The part of a literal between its quotes; for a call, its arguments. */
function innerOf(text: string, literal: Literal): readonly [number, number] {
  if (literal.kind === 'quoted' || literal.kind === 'pattern') return [literal.start, literal.start]
  if (literal.kind === 'code' || literal.kind === 'block') return literal.inner
  const open = literal.kind === 'value' ? literal.start : text.indexOf('(', literal.start)
  return [open + 1, literal.end]
}

const escape = /\\{1,4}(?:u\{([\da-f]{1,6})\}|u([\da-f]{4})|x([\da-f]{2})|([\s\S]))/giu

/**
 * A literal without blanks, quotes and escapes. Code in ticks keeps one tick, so that it does not
 * match other code.
 */
function keyOf(literal: string): string {
  const ticks = literal.startsWith('`') ? '`' : ''
  return (
    ticks +
    literal
      .replace(escape, (_, point?: string, four?: string, two?: string, sign?: string) => {
        const code = point ?? four ?? two
        if (code !== undefined)
          return String.fromCodePoint(Math.min(Number.parseInt(code, 16), 0x10_ff_ff))
        return 'nrtfv0'.includes(sign ?? '') ? '' : (sign ?? '')
      })
      .replace(/[\s"'`“”„‘’‚«»‹›「」『』\\]+/gu, '')
      .normalize('NFC')
  )
}
