// Finds the words of programs in a text of plain language: quoted strings, code, calls, values.
// They mean exactly their characters, so no other code may change them when it tidies the text
// around them. This is a scanner and not a grammar: it has to work with prose of any language, with
// apostrophes, and with code that is cut. It looks at every character a bounded number of times.

/**
 * A part of a text that must stay as it is. `inner` is the part between its quotes, ticks or
 * fences.
 */
export interface Literal {
  /**
   * `block` is fenced or indented code of whole lines, `code` is in ticks, `value` is a list or an
   * object.
   */
  readonly kind: 'block' | 'code' | 'quoted' | 'call' | 'value' | 'pattern'
  /** From here, up to before `end`. */
  readonly start: number
  readonly end: number
  readonly inner: readonly [start: number, end: number]
}

/**
 * Longer ones are not literals but prose with a lost quote or bracket. Whole blocks may have any
 * length.
 */
const longest = 2000
const longestPattern = 120

const wordSign = /[\p{L}\p{M}\p{N}_$]/u
const closingQuotes: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  '“': '”',
  '„': '“”',
  '‚': '‘’',
  '‘': '’',
  '«': '»',
  '‹': '›',
  '「': '」',
  '『': '』',
  '《': '》',
}
/** Their closing character is an apostrophe, too. */
const singleQuotes = new Set(["'", '‘', '‚'])
const closingBrackets: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' }

/** The characters that a literal, or the bracket of a call, begins with. */
const begins = new Set(['`', '/', ...Object.keys(closingQuotes), ...Object.keys(closingBrackets)])

/** Every literal of a text, in order; none within another. */
export function literalsOf(text: string): Literal[] {
  const scan = createScan(text)
  const found: Literal[] = []
  let at = 0
  while (at < text.length) {
    const mayBegin = begins.has(text[at] ?? '') || at === 0 || text[at - 1] === '\n'
    const literal = mayBegin ? scan.literalAt(at) : undefined
    if (literal === undefined) {
      at++
      continue
    }
    const last = found.at(-1)
    // `"abc".trim()` is one literal, and so is `[1, 2].at(0)`.
    const goesOn = last?.end === literal.start && text[literal.start] === '.'
    if (goesOn) found.pop()
    found.push(goesOn ? { ...literal, start: last.start } : literal)
    at = literal.end
  }
  return found
}

/**
 * Reads literals of one text from a given place, and remembers the searches that found nothing.
 */
interface Scan {
  /** The literal that begins at a place, or, for a call, whose bracket stands there. */
  literalAt(at: number): Literal | undefined
  /** The end of the quoted string that begins at a place, prefix not included. */
  quotedEnd(at: number): number | undefined
  /** The end of the brackets that open at a place; strings within count as one character. */
  bracketEnd(at: number): number | undefined
}

/** Makes the scanner of a text. */
export function createScan(text: string): Scan {
  /** How far the search for a closing character got without finding it. */
  const searched = new Map<string, number>()
  /** Ends of brackets; -1 for those that never close. */
  const brackets = new Map<number, number>()
  let lineStart = 0
  /** The end of the line that ticks were last looked for on. */
  let newline = -1
  let runs: ReadonlyMap<number, readonly number[]> | undefined
  let callFrom = 0

  const isWord = (at: number) => at >= 0 && at < text.length && wordSign.test(text[at] ?? '')

  /**
   * The first place from `from` on the same line that `closes`. A stretch that was searched before
   * is not searched again.
   */
  function search(
    name: string,
    from: number,
    closes: (at: number) => boolean,
    { lines = false } = {},
  ): number | undefined {
    const stop = Math.min(text.length, from + longest)
    let at = Math.max(from, searched.get(name) ?? 0)
    for (; at < stop; at++) {
      if (!lines && text[at] === '\n') break
      if (text[at] === '\\') at++
      else if (closes(at)) return at
    }
    searched.set(name, Math.min(at, stop))
    return undefined
  }

  function quotedEnd(at: number): number | undefined {
    const open = text[at] ?? ''
    const closing = closingQuotes[open]
    if (closing === undefined || text[at - 1] === '\\') return undefined
    if (singleQuotes.has(open) && isWord(at - 1) && prefixOf(text, at) === 0) return undefined
    const triple = open.repeat(3)
    if ((open === '"' || open === "'") && text.startsWith(triple, at)) {
      const close = search(triple, at + 3, (place) => text.startsWith(triple, place), {
        lines: true,
      })
      if (close !== undefined) return close + 3
    }
    const end = search(open, at + 1, (place) => {
      if (!closing.includes(text[place] ?? '')) return false
      return !singleQuotes.has(open) || !isWord(place + 1)
    })
    return end === undefined ? undefined : end + 1
  }

  /** Code ends at the next run of as many ticks on its line. */
  function ticksEnd(at: number): number | undefined {
    const ticks = ticksAt(at)
    const places = (runs ??= tickRuns(text)).get(ticks) ?? []
    const close = places[firstAbove(places, at)]
    if (close === undefined || close - at > longest) return undefined
    if (newline < at) newline = text.indexOf('\n', at)
    if (newline === -1) newline = text.length
    return close > newline ? undefined : close + ticks
  }

  function ticksAt(at: number): number {
    let ticks = 1
    while (text[at + ticks] === '`') ticks++
    return ticks
  }

  /** A regular expression as programs write it: not the slashes of a path, nor those of prose. */
  function patternEnd(at: number): number | undefined {
    if (
      isWord(at - 1) ||
      '/\\)]}.'.includes(text[at - 1] ?? ' ') ||
      /[\s/*]/.test(text[at + 1] ?? ' ')
    ) {
      return undefined
    }
    let inClass = false
    const stop = Math.min(text.length, at + longestPattern)
    for (let place = at + 1; place < stop && text[place] !== '\n'; place++) {
      const sign = text[place]
      if (sign === '\\') place++
      else if (sign === '[') inClass = true
      else if (sign === ']') inClass = false
      else if (sign === '/' && !inClass) {
        let end = place + 1
        while (end < stop && /[dgimsuvy]/.test(text[end] ?? '')) end++
        const goesOn = isWord(end) || ('/.'.includes(text[end] ?? ' ') && isWord(end + 1))
        return goesOn || end - place > 8 ? undefined : end
      }
    }
    return undefined
  }

  function bracketEnd(from: number): number | undefined {
    const known = brackets.get(from)
    if (known !== undefined) return known === -1 ? undefined : known
    const open: number[] = []
    const stop = Math.min(text.length, from + longest)
    let at = from
    while (at < stop) {
      const sign = text[at] ?? ''
      const end = sign === '`' ? ticksEnd(at) : sign === '/' ? patternEnd(at) : quotedEnd(at)
      if (end !== undefined) {
        at = end
        continue
      }
      if (closingBrackets[sign] !== undefined) open.push(at)
      else if (sign === ')' || sign === ']' || sign === '}') {
        const start = open.pop()
        if (start === undefined || closingBrackets[text[start] ?? ''] !== sign) {
          if (start !== undefined) open.push(start)
          break
        }
        brackets.set(start, at + 1)
        if (open.length === 0) return at + 1
      } else if (sign === '\n' && /^[ \t\r]*\n/.test(text.slice(at + 1, at + 40))) break
      at++
    }
    for (const start of open) brackets.set(start, -1)
    return undefined
  }

  /** A call with all that hangs on it: `a.b(1)[0].c(2)`. */
  function callAt(at: number): Literal | undefined {
    if (!isWord(at - 1)) return undefined
    let start = at
    while (
      start > callFrom &&
      (isWord(start - 1) || text[start - 1] === '.' || text[start - 1] === '#')
    )
      start--
    while (text[start] === '.' && start > 0 && !'"\'`)]}”»」'.includes(text[start - 1] ?? ''))
      start++
    const end = bracketEnd(at)
    if (end === undefined) return undefined
    return literal('call', start, tailEnd(end))
  }

  function tailEnd(from: number): number {
    let end = from
    for (;;) {
      if (text[end] === '(' || text[end] === '[') {
        const next = bracketEnd(end)
        if (next === undefined) return end
        end = next
      } else {
        const dots = text[end] === '.' ? 1 : text.startsWith('?.', end) ? 2 : 0
        if (dots === 0 || !isWord(end + dots)) return end
        end += dots
        while (isWord(end)) end++
      }
    }
  }

  /** Fenced code: from its line to the line of its closing fence, else to the end of the text. */
  function fenceAt(at: number): Literal | undefined {
    const open = /^[ \t]{0,8}(`{3,}|~{3,})[^`\n]*$/.exec(lineAt(text, at))
    const fence = open?.[1]
    if (fence === undefined) return undefined
    const inner = Math.min(text.length, at + lineAt(text, at).length + 1)
    for (let line = inner; line < text.length; ) {
      const words = lineAt(text, line)
      const end = line + words.length
      if (words.trim().startsWith(fence) && /^[`~]+$/.test(words.trim())) {
        return { kind: 'block', start: at, end, inner: [inner, line] }
      }
      line = end + 1
    }
    return { kind: 'block', start: at, end: text.length, inner: [inner, text.length] }
  }

  /**
   * Code that is indented by four blanks after an empty line, as in Markdown; in a list it is text
   * of the list.
   */
  function indentedAt(at: number): Literal | undefined {
    if (!/^(?: {4}|\t)[ \t]{0,99}\S/.test(text.slice(at, at + 110))) return undefined
    if (!/\n[ \t\r]{0,40}\n$/.test(text.slice(Math.max(0, at - 43), at))) return undefined
    const before = text.slice(0, at).trimEnd()
    const last = before.slice(before.lastIndexOf('\n') + 1)
    if (last === '' || /^\s*(?:[-*+•]|\d{1,3}[.)])\s|^[ \t]/.test(last.slice(0, 80)))
      return undefined
    let end = at
    while (/^(?: {4}|\t)/.test(text.slice(end, end + 4))) end += lineAt(text, end).length + 1
    end = Math.min(text.length, end) - (text[end - 1] === '\n' ? 1 : 0)
    return { kind: 'block', start: at, end, inner: [at, end] }
  }

  function literal(kind: Literal['kind'], start: number, end: number, edge = 0): Literal {
    callFrom = end
    return { kind, start, end, inner: [start + edge, end - edge] }
  }

  return {
    quotedEnd,
    bracketEnd,
    literalAt(at) {
      if (at === 0 || text[at - 1] === '\n') {
        lineStart = at
        const block = fenceAt(at) ?? indentedAt(at)
        if (block !== undefined) {
          callFrom = block.end
          return block
        }
      }
      callFrom = Math.max(callFrom, lineStart)
      const sign = text[at] ?? ''
      if (sign === '`') {
        const end = ticksEnd(at)
        if (end === undefined) return undefined
        return literal('code', at, end, ticksAt(at))
      }
      if (closingQuotes[sign] !== undefined) {
        const end = quotedEnd(at)
        if (end === undefined) return undefined
        const start = at - prefixOf(text, at)
        const edge = text.startsWith(sign.repeat(3), at) && end - at >= 6 ? 3 : 1
        callFrom = end
        return { kind: 'quoted', start, end, inner: [at + edge, end - edge] }
      }
      if (sign === '(') return callAt(at)
      if (sign === '[' || sign === '{') {
        const end = isWord(at - 1) ? undefined : bracketEnd(at)
        return end === undefined ? undefined : literal('value', at, end)
      }
      if (sign === '/') {
        const end = patternEnd(at)
        return end === undefined ? undefined : literal('pattern', at, end)
      }
      return undefined
    },
  }
}

/** Where runs of ticks begin, by their length. */
function tickRuns(text: string): ReadonlyMap<number, readonly number[]> {
  const runs = new Map<number, number[]>()
  for (const { 0: run, index } of text.matchAll(/`+/g)) {
    const places = runs.get(run.length)
    if (places === undefined) runs.set(run.length, [index])
    else places.push(index)
  }
  return runs
}

/** Index of the first of some ascending numbers that is greater. */
function firstAbove(numbers: readonly number[], than: number): number {
  let [low, high] = [0, numbers.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((numbers[middle] ?? 0) > than) high = middle
    else low = middle + 1
  }
  return low
}

/** How many letters before a quote belong to it, as in Python's `rb"…"`. */
function prefixOf(text: string, at: number): number {
  if (text[at] !== '"' && text[at] !== "'") return 0
  const before = text.slice(Math.max(0, at - 3), at)
  return /(?<![\p{L}\p{M}\p{N}_$])[bBrRuUfF]{1,2}$/u.exec(before)?.[0].length ?? 0
}

function lineAt(text: string, at: number): string {
  const end = text.indexOf('\n', at)
  return text.slice(at, end === -1 ? text.length : end)
}
