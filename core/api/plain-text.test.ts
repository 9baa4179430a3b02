import { describe, expect, test } from 'vitest'
import {
  hasHiddenCharacters,
  plainLine,
  plainText,
  printedText,
  promptText,
  visibleJson,
  visibleText,
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
