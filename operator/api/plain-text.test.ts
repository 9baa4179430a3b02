import { describe, expect, test } from 'vitest'
import { hasHiddenCharacters, plainLine, plainText } from './plain-text.ts'

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
