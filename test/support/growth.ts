// Whether a function's time grows with the length of its text, or faster. The growth is judged:
// on a slow machine every size takes longer, and the ratio of two sizes stays. Little more than the
// time of this thread counts.
import vm from 'node:vm'
import { expect, test } from 'vitest'

/** Makes a text of about `length` characters. */
type TextOf = (length: number) => string

/** How a function's time grew between two sizes. */
type Growth =
  | { readonly kind: 'linear' }
  | { readonly kind: 'faster' | 'explodes'; readonly words: string }

const smallest = 256
/** As long as a request may be. */
const largest = 16_384
/**
 * A text that takes less is too short to be judged by; only a function that is this quick at the
 * largest size is fine.
 */
const measurableMs = 8
/**
 * Sixteen times the text: 16 is linear, 256 is quadratic. Sorting, collecting garbage and a busy
 * machine lie between.
 */
const step = 16
const mostRatio = 64
/** A text this short takes longer only where time explodes. */
const longestMs = 1_500
const runs = 3
const attempts = 3

const repeated =
  (part: string, before = '', after = ''): TextOf =>
  (length) =>
    before + part.repeat(Math.ceil(length / part.length)) + after

/** Texts on which patterns with nested, neighbouring or restarting repetitions become slow. */
export const oddTexts: Readonly<Record<string, TextOf>> = {
  letters: repeated('a'),
  'capitals and small letters': repeated('aB'),
  'digits before a letter': repeated('1', '', 'a'),
  'digits and dots': repeated('1.', '', 'x'),
  'words of digits': repeated('1a '),
  blanks: repeated(' ', 'a.', 'b'),
  'blanks at the end': repeated(' ', 'a.'),
  'blanks before an odd sign': repeated(' ', '```', '`'),
  'blank lines': repeated('\n', 'import', 'x'),
  'returns without line feeds': repeated('\r', 'a', '\n'),
  'lines of blanks': repeated('   \n', 'export', '*'),
  'blanks in braces': repeated(' ', 'export {', '}'),
  'double quotes': repeated('"'),
  'double quotes and letters': repeated('"a'),
  'single quotes and letters': repeated(" 'a"),
  'single quotes before another sign': repeated("'", '', 'x'),
  'all kinds of quotes': repeated('"\'`“„«'),
  'quotes that end nowhere': repeated(' „a ‘b «c '),
  backticks: repeated('`', '', 'x'),
  'backticks in growing runs': (length) => {
    let text = ''
    for (let run = 1; text.length < length; run++) text += `${'`'.repeat((run % 90) + 1)} `
    return text
  },
  'backslashes in an open quote': repeated('a\\', "test('"),
  'backslashes before quotes': repeated('\\"', '"'),
  'open braces': repeated('{'),
  'open braces and quotes': repeated('{"{\''),
  'braces and names': repeated('{"a":'),
  'open brackets': repeated('[', '', ']'),
  'calls in calls': repeated('a('),
  'calls with blanks': repeated('a( '),
  'calls with quotes': repeated('a("b'),
  'calls one after the other': repeated('f(1) is 2 '),
  'quoted words': repeated('"a b" is \'c\'. '),
  'closed calls in calls': (length) => 'a('.repeat(length / 3) + ')'.repeat(length / 3),
  'brackets of three kinds': repeated('f([{('),
  'wrong brackets': repeated('f(]'),
  'chains of names': repeated('a.'),
  'chains that are called at the end': repeated('a.', '', 'a()'),
  dollars: repeated('a$'),
  underscores: repeated('a_', '', '-'),
  'plus signs and folders': repeated('+a/'),
  slashes: repeated('a/'),
  'slashes and dots': repeated('a/.', '', ' '),
  'absolute paths': repeated('/a'),
  'open patterns': repeated(' /[a'),
  'comment marks': repeated(' //', '{a:', '"'),
  'paths with commas': repeated('src/a.js,'),
  'points and marks': repeated('!?.', '', 'x'),
  stars: repeated('*', '```', 'x'),
  colons: repeated(':', '```'),
  hyphens: repeated('-', '', 'x'),
  'open lists of exports': repeated('export {\n'),
  'open functions': repeated('export function a(\n'),
  'open definitions': repeated('def a(\n'),
  'names of names': repeated('a as a , ', 'export {', '}'),
  imports: repeated('a , ', 'import '),
  'fences that open': repeated('```js\n'),
  'fences of Markdown': repeated('```md\n'),
  'fences of both signs': repeated('~~~\n```\n'),
  thoughts: repeated('<think>'),
  'ends of thoughts': repeated(' </think> a'),
  tags: repeated('<a '),
  'tables without an end': repeated('| a("b") '),
  'doctests without an answer': repeated('>>> a(1)\n'),
  'letters of another script': repeated('東京 '),
  'letters that are two units long': repeated('😀𠮷'),
  'letters with marks': repeated('e\u0301'),
  'characters that nobody sees': repeated('"\u200b'),
  'halves of characters': repeated('\ud800'),
  'the word of': repeated('a of '),
  'names that turn': repeated('a turns "b" into '),
}

/**
 * Measures `f` on growing texts. What takes too little time at the largest size to be measured
 * counts as linear.
 */
export function growthOf(f: (text: string) => unknown, textOf: TextOf): Growth {
  const all = timed(f, textOf(largest))
  if (all !== undefined && all < measurableMs) return { kind: 'linear' }
  for (let length = smallest; length * step <= largest; length *= 2) {
    let compared = compare(f, textOf, length)
    // Other work on the machine makes one comparison wrong, not all of them; growth goes on at
    // larger sizes.
    for (let again = 1; again < attempts && isFaster(compared); again++) {
      compared = compare(f, textOf, length * 2 ** again)
    }
    if (compared !== 'too quick') return compared
  }
  return { kind: 'linear' }
}

function isFaster(growth: Growth | 'too quick'): boolean {
  return growth !== 'too quick' && growth.kind === 'faster'
}

/** The time of a text against that of one `step` times as long. */
function compare(
  f: (text: string) => unknown,
  textOf: TextOf,
  length: number,
): Growth | 'too quick' {
  // The longer text comes first: code that runs often is compiled, and is quicker afterwards for
  // any text.
  const quick = timed(f, textOf(length))
  if (quick === undefined) return exploded(length / 2, length)
  const large = quickest(f, textOf(length * step))
  if (large === undefined) return exploded(length, length * step)
  if (large < measurableMs) return 'too quick'
  const small = quickest(f, textOf(length))
  if (small === undefined) return exploded(length / 2, length)
  if (large <= mostRatio * small) return { kind: 'linear' }
  const words = `${length} characters took ${small.toFixed(1)} ms, ${step} times as many ${large.toFixed(1)} ms`
  return { kind: 'faster', words }
}

/**
 * Registers one test for each odd text, of this file and of `more`: the time of `f` grows no faster
 * than the text.
 * The error that `f` throws does not matter, only when.
 */
export function expectLinear(
  name: string,
  f: (text: string) => unknown,
  more: Readonly<Record<string, TextOf>> = {},
): void {
  test.each(Object.entries({ ...oddTexts, ...more }))(
    `${name} takes linear time on %s`,
    (_, textOf) => {
      expect(growthOf(f, textOf)).toEqual({ kind: 'linear' })
    },
  )
}

function exploded(before: number, length: number): Growth {
  const words = `${before} characters were quick, ${length} took over ${longestMs} ms`
  return { kind: 'explodes', words }
}

/**
 * The quickest of several runs: other work on the machine and the collection of garbage only ever
 * add.
 */
function quickest(f: (text: string) => unknown, text: string): number | undefined {
  const times: number[] = []
  for (let run = 0; run < runs; run++) {
    const ms = timed(f, text)
    if (ms === undefined) return undefined
    times.push(ms)
    // A measurement this long is not disturbed by a short pause.
    if (ms > 200) break
  }
  return Math.min(...times)
}

/** The kernel may count a thread's time at each tick only, so that it is up to one tick behind. */
const tickMs = 4

const context: { run?: () => void } = vm.createContext({})
const script = new vm.Script('run()')

/**
 * Milliseconds of one run; undefined when it had to be ended. For short runs the clock on the wall
 * is the better one, for long ones that of this thread, which no other process prolongs.
 */
function timed(f: (text: string) => unknown, text: string): number | undefined {
  // Texts made by repetition are trees of parts until they are read; that is not the time of
  // `f`.
  text.charCodeAt(text.length - 1)
  let ms: number | undefined
  context.run = () => {
    const started = process.threadCpuUsage()
    const startedAt = performance.now()
    try {
      f(text)
    } catch {
      // The time until it was thrown counts.
    }
    const { user, system } = process.threadCpuUsage(started)
    ms = Math.min(performance.now() - startedAt, (user + system) / 1000 + tickMs)
  }
  try {
    // Nothing else can end a regular expression that runs without end.
    script.runInContext(context, { timeout: longestMs })
  } catch {
    return undefined
  }
  return ms
}
