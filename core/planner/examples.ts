// The examples of a request: a call and its value, as the person wrote them. Tests are made from
// them, so they are found by rule and kept character by character; a model that copies them loses
// blanks, quotes and whole values.
import { createScan, literalsOf, type Literal } from '../api/literals.ts'

/** One example: `text` is a piece of the request, byte for byte, from the call to the value. */
export interface Example {
  readonly text: string
  /** Where `text` begins in the request. */
  readonly at: number
  /**
   * Names the example is about, the outermost first: `cart`, `add` of `cart.add(1)`. Empty for `"a"
   * -> "b"`.
   */
  readonly names: readonly string[]
}

const blanks = String.raw`[ \t\u00a0\u3000]{0,20}`
/**
 * Words that stand between a call and its value. After other words the text is prose, which is kept
 * as a sentence.
 */
const verbs = [
  'is|are|was|equals?|returns?|gives?|yields?|becomes?|produces?|outputs?|prints?|throws?|raises?|rejects(?: with)?',
  'results? in|resolves? to|evaluates? to|turns? into|maps? to|leads? to|ends? in|stays?|remains?|be|has|holds?|means?|fails with',
  'ist|sind|ergibt|gibt|liefert|wird(?: zu)?|wirft|bleibt|heißt',
  'est|sont|donne|renvoie|retourne|vaut|devient|lève|lance',
  'es|son|da|devuelve|retorna|produce|lanza|queda',
  'é|dá|devolve|lança|è|dà|restituisce|ritorna|diventa|lancia',
  'geeft|wordt|blijft|zwraca|daje|wynosi|vrací|döndürür',
  'возвращает|даёт|дает|равно|равна|равен|становится|это',
].join('|')
const modals =
  'must(?: not)?|should(?: not)?|shall|will|would|has to|have to|needs to|soll(?:te)?|muss|doit|debe|deve|moet|должно|должна|должен'
const fillers =
  'equal to|exactly|always|also|now|only|still|just|simply|back|the|a|an|der|die|das|den|le|la|el|lo|string|text|value|number|list|array|tuple|object|dict|result|character|word|to|with'
const spaceless = '返回|应返回|得到|等于|应为|应该是|变成|抛出|输出|是|为|は|が|→|を|이|가|은|는|를'
const arrows = '={2,3}>?|=>|-{1,2}>|~>|>>>?|→|⇒|⟶|⟹|➜|➔|➝|↦|:=|≡|='
const relation = new RegExp(
  `${blanks}(?:\\r?\\n${blanks})?(?:` +
    `(?<sign>(?:(?:\\/\\/|#|--)${blanks})?(?:${arrows}))|(?<comment>\\/\\/|#)|(?<cell>\\|)|(?<colon>[:：])|(?<spaceless>${spaceless})|` +
    `(?<verb>(?:(?:${modals})(?: (?:${verbs}))?|${verbs})(?![\\p{L}\\p{N}_]))` +
    `)${blanks}(?:\\r?\\n[ \\t]{1,20})?`,
  'yiu',
)
const filler = new RegExp(`(?:(?:${fillers})[ \\t]+){1,4}`, 'yiu')
const number =
  /[-+−]?(?:0[xob][\da-f_]+|\d[\d_]*(?:[.,]\d+)*(?:e[-+]?\d+)?n?|\.\d+|Infinity|∞)(?:[ ]?[%€$£¥])?(?![\p{L}\p{N}_]|[-/:,.'^*+]\p{N})/iuy
const constant =
  /(?:null|None|nil|true|false|True|False|undefined|NaN|[A-Z]\w{0,40}(?:Error|Exception))(?![\p{L}\p{N}_$.(])/uy
const operator = /[ \t]{0,5}(?:[-+*%]|\*\*)[ \t]{0,5}(?=[\p{L}\p{N}_$("'])/uy
const more = /[ \t]{1,3}(?:or|oder|ou|followed by|within|±|\+\/-|give or take)[ \t]{1,3}/uy
const before = /(?:(?<![\p{L}\p{N}_$])(?:await|new|not|typeof)[ \t]{1,3}|[-!])$/u
/** A known value in the place of a parameter's name. */
const concrete =
  /["'`[{/]|\([ \t]*\)|(?<![\p{L}\p{N}_$])(?:[-+.]?\d|(?:null|None|nil|true|false|True|False|undefined|NaN|Infinity)(?![\p{L}\p{N}_$]))/u
const checkers = /^(?:assert|expect|self\.assert)/
const checks = /^(?:assert|expect$|to[A-Z]|not$|self$|(?:not)?(?:strict|deep|deepStrict)?equal$)/i
const nameOf = /[\p{L}_$][\p{L}\p{M}\p{N}_$]{0,80}/gu
const spacelessScript =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]+(?=[A-Za-z_$])/u
const longestWords = 160
const mostExamples = 60

/** Every example of a text, in order, at most 60. */
export function examplesOf(text: string): Example[] {
  const found = examplesIn(text, 0).toSorted(
    (one, other) => one.at - other.at || other.text.length - one.text.length,
  )
  const kept: Example[] = []
  for (const example of found) {
    const last = kept.at(-1)
    if (last !== undefined && example.at < last.at + last.text.length) continue
    kept.push(example)
  }
  return kept.slice(0, mostExamples)
}

function examplesIn(text: string, depth: number): Example[] {
  const literals = literalsOf(text)
  const reader = valueReader(text, literals)
  const found: Example[] = [...doctests(text)]
  let from = 0
  for (const literal of literals) {
    if (literal.start < from) continue
    const example = exampleAt(text, literal, reader) ?? applied(text, literal, reader)
    if (example !== undefined) {
      found.push(example)
      from = example.at + example.text.length
    } else if ((literal.kind === 'block' || literal.kind === 'code') && depth < 2) {
      const [start, end] = literal.inner
      const inside = examplesIn(text.slice(start, end), depth + 1)
      found.push(...inside.map((one) => ({ ...one, at: one.at + start })))
    }
  }
  return depth === 0 ? [...found, ...appliedNumbers(text, reader)] : found
}

/** A call, a relation, a value: `f("a") is "b"`. */
function exampleAt(text: string, literal: Literal, reader: ValueReader): Example | undefined {
  if (literal.kind === 'block') return undefined
  const code = text.slice(literal.start, literal.end)
  const names = namesIn(code, literal.kind)
  // `wrap(text, width)` alone says how it is called, not with what.
  if (names.length > 0 && !concrete.test(code.slice(code.indexOf('(')))) return undefined
  const lead = before.exec(text.slice(Math.max(0, literal.start - 10), literal.start))?.[0] ?? ''
  const at = literal.start - (names.length > 0 ? lead.length : 0)
  if (literal.kind === 'call' && checkers.test(code)) {
    const about = names.filter((name) => !checks.test(name))
    return about.length === 0 ? undefined : { text: text.slice(at, literal.end), at, names: about }
  }
  const arrowOnly = names.length === 0
  const end = reader.relatedEnd(reader.operandsEnd(literal.end), { arrowOnly, tableAt: at })
  return end === undefined ? undefined : { text: text.slice(at, end), at, names }
}

const preposition =
  /(?<![\p{L}\p{M}\p{N}_$])([\p{L}_$][\p{L}\p{M}\p{N}_$]{0,60})[ \t]{1,3}(?:of|for|von|für|de|di|do|da|от|для|van|der)[ \t]{1,3}$/u
const ofNumber =
  /(?<![\p{L}\p{M}\p{N}_$])([\p{L}_$][\p{L}\p{M}\p{N}_$]{0,60}) (?:of|von|de) [-−]?\d{1,20}(?:\.\d{1,20})?(?![\p{L}\p{N}_])/gu
const turning =
  /(?<![\p{L}\p{M}\p{N}_$])([\p{L}_$][\p{L}\p{M}\p{N}_$]{0,60})(?:\(\))?`?[ \t]{1,3}(?:turns|converts|maps|changes|transforms|makes|takes|translates|rewrites|rounds|splits|formats|parses)[ \t]{1,3}$/u
const into = /[ \t]{1,3}(?:into|to|as|becomes|and (?:gives|returns))[ \t]{1,3}/uy

/** `slug of "a b" is "a-b"`, and `slugify turns "a b" into "a-b"`. */
function applied(text: string, literal: Literal, reader: ValueReader): Example | undefined {
  if (literal.kind !== 'quoted' && literal.kind !== 'code' && literal.kind !== 'value')
    return undefined
  const lead = text.slice(Math.max(0, literal.start - 140), literal.start)
  const of = preposition.exec(lead)
  const turns = of === null ? turning.exec(lead) : null
  const match = of ?? turns
  const name = match?.[1]
  if (match === null || name === undefined) return undefined
  const at = literal.start - match[0].length
  into.lastIndex = literal.end
  const end =
    of !== null
      ? reader.relatedEnd(literal.end, { arrowOnly: false, tableAt: at })
      : into.test(text)
        ? reader.valueEnd(into.lastIndex)
        : undefined
  return end === undefined ? undefined : { text: text.slice(at, end), at, names: [name] }
}

/** `factorial of 5 is 120`. */
function appliedNumbers(text: string, reader: ValueReader): Example[] {
  const found: Example[] = []
  for (const match of text.matchAll(ofNumber)) {
    const [whole, name = ''] = match
    const end = reader.relatedEnd(match.index + whole.length, {
      arrowOnly: false,
      tableAt: match.index,
    })
    if (end !== undefined) {
      found.push({ text: text.slice(match.index, end), at: match.index, names: [name] })
    }
  }
  return found
}

/** `>>> f(1)` and the line below it. */
function doctests(text: string): Example[] {
  const found: Example[] = []
  let at = 0
  const lines = text.split('\n')
  for (const [index, line] of lines.entries()) {
    const code = /^[ \t]{0,20}(?:>>>|In \[\d{1,4}\]:)[ \t]+(\S.*)$/.exec(line)?.[1]
    const answer = lines[index + 1]
    if (
      code !== undefined &&
      answer !== undefined &&
      answer.trim() !== '' &&
      !/^\s*>>>/.test(answer)
    ) {
      const names = namesIn(code, 'call')
      const start = at + line.length - line.trimStart().length
      const end = at + line.length + 1 + answer.trimEnd().length
      if (names.length > 0) found.push({ text: text.slice(start, end), at: start, names })
    }
    at += line.length + 1
  }
  return found
}

/**
 * The names that are called in a piece of code, the outermost first, with those of the objects
 * whose methods they are.
 */
export function namesIn(code: string, kind: Literal['kind']): string[] {
  if (kind === 'quoted' || kind === 'pattern') return []
  const names: string[] = []
  let from = 0
  let called = false
  for (const match of code.matchAll(nameOf)) {
    const end = match.index + match[0].length
    if (match.index < from) continue
    const isCalled =
      code[end] === '(' || (code[end] === '.' && /[\p{L}_$]/u.test(code[end + 1] ?? ''))
    if (code[end] === '(') called = true
    if (isCalled && !isInString(code, match.index)) names.push(bareName(match[0]))
    from = end
  }
  return called ? [...new Set(names)].slice(0, 12) : []
}

/** Chinese, Japanese, Thai and Korean put no blank between a word and the name of a function. */
export function bareName(name: string): string {
  return name.replace(spacelessScript, '')
}

/** Good enough for names: an odd number of quotes stands before it. */
function isInString(code: string, at: number): boolean {
  const head = code.slice(Math.max(0, at - 300), at).replaceAll(/'(?:[^'\\]|\\.)*'|\\./g, '')
  return head.split('"').length % 2 === 0
}

interface ValueReader {
  /** The end of the value that a relation leads to from a place; undefined when there is none. */
  relatedEnd(
    from: number,
    how: { readonly arrowOnly: boolean; readonly tableAt: number },
  ): number | undefined
  valueEnd(from: number): number | undefined
  /** The end of `+ g(2)` behind a call. */
  operandsEnd(from: number): number
}

function valueReader(text: string, literals: readonly Literal[]): ValueReader {
  const starts = new Map(literals.map((literal) => [literal.start, literal]))
  const scan = createScan(text)

  const matched = (pattern: RegExp, at: number): string | undefined => {
    pattern.lastIndex = at
    return pattern.exec(text)?.[0]
  }

  let lineStart = 0
  let nextLine = 0

  /**
   * Whether the line of a place begins with a bar. Places come in ascending order, so each line is
   * searched once.
   */
  function isInTable(at: number): boolean {
    while (nextLine !== -1 && nextLine <= at) {
      lineStart = nextLine
      const end = text.indexOf('\n', nextLine)
      nextLine = end === -1 ? -1 : end + 1
    }
    return /^[ \t]{0,20}\|/.test(text.slice(lineStart, lineStart + 40))
  }

  /** A value as programs write it; undefined for prose. */
  function valueEnd(from: number): number | undefined {
    const at = from + (matched(filler, from)?.length ?? 0)
    const literal = starts.get(at) ?? starts.get(at + quotePrefix(text, at))
    if (literal !== undefined && literal.kind !== 'block') return literal.end
    const digits = matched(number, at)
    if (digits !== undefined) return at + digits.trimEnd().length
    const known = matched(constant, at)
    if (known !== undefined) return at + known.length
    if (text[at] === '(') return scan.bracketEnd(at)
    return undefined
  }

  /** Words up to the end of their clause: `true`, `an empty list`, `a RangeError`. */
  function wordsEnd(from: number): number | undefined {
    let at = from
    const stop = Math.min(text.length, from + longestWords)
    while (at < stop) {
      const literal = starts.get(at)
      if (literal !== undefined) {
        // Another call begins another example.
        if (literal.kind === 'call' && at > from) break
        at = literal.end
        continue
      }
      const sign = text[at] ?? ''
      if (/[\n;|。；，、！？]/.test(sign)) break
      if (/[.,!?:)]/.test(sign) && !/[\p{L}\p{N}]/u.test(text[at + 1] ?? '')) break
      at++
    }
    const words = text
      .slice(from, at)
      .replace(/[ \t]{1,9}(?:and|und|et|y|e|en|и|but|or)[ \t]{0,9}$/u, '')
    const end = from + words.trimEnd().length
    return end > from ? end : undefined
  }

  return {
    valueEnd,
    operandsEnd(from) {
      let end = from
      for (let count = 0; count < 6; count++) {
        const sign = matched(operator, end)
        const next = sign === undefined ? undefined : valueEnd(end + sign.length)
        if (next === undefined) return end
        end = next
      }
      return end
    },
    relatedEnd(from, { arrowOnly, tableAt }) {
      relation.lastIndex = from
      const match = relation.exec(text)
      if (match === null) return undefined
      const at = from + match[0].length
      const { sign, comment, cell, colon } = match.groups ?? {}
      if (arrowOnly && (sign === undefined || !/[>→⇒⟶⟹➜➔➝↦]/.test(sign))) return undefined
      if (cell !== undefined) {
        if (!isInTable(tableAt)) return undefined
        return valueEnd(at) ?? cellEnd(text, at)
      }
      const value = valueEnd(at)
      if (value !== undefined) return alternativesEnd(value)
      // After these signs, prose about something else may follow.
      const isProse = colon !== undefined || comment !== undefined || sign === '='
      return isProse || arrowOnly ? undefined : wordsEnd(at)
    },
  }

  /** The end of `or "c"`, and of `within 0.1`, behind a value. */
  function alternativesEnd(from: number): number {
    let end = from
    for (let count = 0; count < 6; count++) {
      const sign = matched(more, end)
      const next = sign === undefined ? undefined : valueEnd(end + sign.length)
      if (next === undefined) return end
      end = next
    }
    return end
  }
}

function cellEnd(text: string, from: number): number | undefined {
  const cell = /[^|\n]{1,200}/y
  cell.lastIndex = from
  const words = cell.exec(text)?.[0].trimEnd() ?? ''
  return words === '' ? undefined : from + words.length
}

/** How many letters stand before the quote that a string begins with. */
function quotePrefix(text: string, at: number): number {
  return /^[bBrRuUfF]{1,2}(?=["'])/.exec(text.slice(at, at + 3))?.[0].length ?? 0
}
