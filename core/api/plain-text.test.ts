import { describe, expect, test } from 'vitest'
import {
  beginningOf,
  hasHiddenCharacters,
  mostBeginning,
  plainLine,
  plainText,
  printedText,
  promptText,
  visibleJson,
  visibleText,
  withBeginning,
} from './plain-text.ts'

describe.each([
  ['a control', 'a\u0007b', 'ab'],
  ['a zero byte', 'a\0b', 'ab'],
  ['an order to a terminal', '\u001B[2Ja', '[2Ja'],
  ['another direction', 'a\u202Eb\u2066c', 'abc'],
  ['blanks without width', 'a\u200Bb\uFEFF', 'ab'],
  ['letters that are tags', 'a\u{E0041}', 'a'],
])('%s', (_, text, want) => {
  test('is noticed and taken out', () => {
    expect(hasHiddenCharacters(text)).toBe(true)
    expect(plainText(text, 100)).toBe(want)
    expect(plainLine(text, 100)).toBe(want)
  })
})

test.each(['Straße', '東京', 'می‌خواهم', '👩‍💻', 'a\tb\r\nc\f'])('%j stays as it is', (text) => {
  expect(hasHiddenCharacters(text)).toBe(false)
  expect(plainText(text, 100)).toBe(text)
})

test('no half of a character is left, neither by cutting nor from before', () => {
  expect(plainText('ab😀', 3)).toBe('ab\uFFFD')
  expect(plainText('a\uDC00b', 10)).toBe('a\uFFFDb')
})

test('a line has single blanks, and none at its ends', () => {
  expect(plainLine('\u200B a \n\n b\t', 100)).toBe('a b')
  expect(plainLine('abc def', 4)).toBe('abc')
})

test.each([
  ['an escape', '\u001B[2J', '\\u{1b}[2J'],
  ['a one-byte order', '\u009B2J', '\\u{9b}2J'],
  ['another direction', 'a\u202Eb', 'a\\u{202e}b'],
  ['a return', 'a\rb\r\n', 'a\\u{d}b\\u{d}\n'],
  ['a soft hyphen and a line separator', 'a\u00ADb\u2028', 'a\\u{ad}b\\u{2028}'],
  ['letters that are tags', 'a\u{E0041}', 'a\\u{e0041}'],
  ['what people write', 'a\tb\nmی‌خواهم 👩‍💻 é', 'a\tb\nmی‌خواهم 👩‍💻 é'],
])('a terminal shows %s', (_, text, want) => {
  expect(visibleText(text)).toBe(want)
  expect(visibleText(want)).toBe(want)
  const json = visibleJson(JSON.stringify({ text }))
  expect(visibleText(json)).toBe(json)
  expect(JSON.parse(json)).toEqual({ text })
})

test('a prompt loses colours, shows other controls, and keeps what a source text needs', () => {
  const text = '\uFEFFa\u001B[31mred\u001B[0m\u0000\t\u202E\r\nb\u200B\rc\f'
  const want = '\uFEFFared\\u{0}\t\\u{202e}\r\nb\u200B\\u{d}c\\u{c}'
  expect(promptText(text)).toBe(want)
  expect(promptText(want)).toBe(want)
})

test('what a program printed keeps its lines, also where an order is not ended', () => {
  const text = '\u001B[31m✖ a\u001B[39m\r\n\tat x\rb\u001B]0;title\nnext\u0007'
  expect(printedText(text, 100)).toBe('✖ a\n\tat x\nb0;title\nnext')
})

test.each(['\u001B[', '\u001B]', '\u009D', '\u009B0', '\u001B/', '\u001B]0;'])(
  '200,000 times %j take no time',
  (part) => {
    const text = part.repeat(200_000)
    expect(printedText(text, 10).length).toBeLessThanOrEqual(10)
    expect(promptText(text).length).toBeGreaterThan(0)
  },
  2_000,
)

const long = 'word '.repeat(1000)

test.each([
  ['several lines', 'I cannot\n\n  do that.\n', 'I cannot do that.'],
  ['orders to a terminal', '\u001B[31mNo\u001B[0m\u0007 way\u001B]0;title\u0007', 'No way'],
  ['characters that nobody sees', 'a\u202Eb\u200Bc', 'abc'],
  ['nothing but blanks', ' \n\t ', ''],
  ['nothing', '', ''],
  ['a short JSON', '{"a": 1}', '{"a": 1}'],
])('of an answer with %s one plain line is shown', (_, answer, want) => {
  expect(beginningOf(answer)).toBe(want)
})

test.each([
  ['words', long],
  ['a single word', 'x'.repeat(5000)],
  ['pairs of surrogates', '😀'.repeat(5000)],
])('of a long answer of %s the beginning is shown, and that there is more', (_, answer) => {
  const began = beginningOf(answer)
  expect(began.length).toBeLessThanOrEqual(mostBeginning)
  expect(began.endsWith('…')).toBe(true)
  expect(began.isWellFormed()).toBe(true)
})

test.each([
  ['the answer was no good', 'No.', 'the answer was no good; it began: "No."'],
  ['The answer was no good.', 'No.', 'The answer was no good. It began: "No."'],
  ['the answer was empty', '', 'the answer was empty'],
  ['the answer was empty', undefined, 'the answer was empty'],
])('%s, %s', (sentence, began, want) => {
  expect(withBeginning(sentence, began)).toBe(want)
})
