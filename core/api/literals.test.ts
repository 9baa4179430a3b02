import { describe, expect, test } from 'vitest'
import { literalsOf } from './literals.ts'
import { cutText, faithfulLine, faithfulText } from './faithful-text.ts'

const partsOf = (text: string) => literalsOf(text).map(({ start, end }) => text.slice(start, end))

test.each<readonly [what: string, text: string, want: readonly string[]]>([
  ['quotes', 'say "a  b" or \'c  d\'', ['"a  b"', "'c  d'"]],
  ['quotes of print', '“a  b” „c  d“ «e  f» 「g  h」', ['“a  b”', '„c  d“', '«e  f»', '「g  h」']],
  ['escaped quotes', 'f("a \\" b")', ['f("a \\" b")']],
  ['apostrophes are none', "don't touch the users' list, it's fine", []],
  ['a quote alone is none', 'a 5" screen', []],
  ['ticks', '`a  b` and ``c ` d``', ['`a  b`', '``c ` d``']],
  [
    'calls with what hangs on them',
    'cart.add("a  b")[0].total(  1)',
    ['cart.add("a  b")[0].total(  1)'],
  ],
  ['methods of values', '"  a ".trim() and [3,  1].sort()', ['"  a ".trim()', '[3,  1].sort()']],
  ['lists and objects', '[1,  2] and {"a":  [1]}', ['[1,  2]', '{"a":  [1]}']],
  ['patterns, not paths', '/a  b+/gi but /usr/bin and/or', ['/a  b+/gi']],
  ['prefixes of Python', 'b\'a  b\' rb"\\d"', ["b'a  b'", 'rb"\\d"']],
  ['strings of several lines in calls', 'f("""a\n  b""")', ['f("""a\n  b""")']],
  ['fenced blocks', 'a\n```js\nx  = 1\n\n```\nb', ['```js\nx  = 1\n\n```']],
  ['an open fence', 'a\n~~~\nx  = 1', ['~~~\nx  = 1']],
  ['indented blocks', 'So:\n\n    a  = 1\n    b  = 2\n\nthen', ['    a  = 1\n    b  = 2']],
  ['text of a list is no block', '- a\n\n    more  of a', []],
  ['a bracket that never closes is none', 'f(a, [b "c  d"', ['"c  d"']],
])('literals are %s', (_, text, want) => {
  expect(partsOf(text)).toEqual(want)
})

describe('text that is tidied keeps its literals', () => {
  test.each([
    ['trim("  a  b ")   is  "a  b"', 'trim("  a  b ") is "a  b"'],
    ['  `x  y`  \n\n  and\tmore  ', '`x  y` and more'],
    ['a\u200bb f("a\u200bb")\u0007', 'ab f("a\\u200bb")'],
    ['"a\ud800" \ud800', '"a\\ud800" \ufffd'],
    ['"a\u{e0041}"', '"a\\u{e0041}"'],
    ['split("a\n b")', 'split("a b")'],
  ])('%j becomes %j', (text, want) => {
    expect(faithfulLine(text, 1000)).toBe(want)
  })

  test('and its lines, where lines are allowed', () => {
    const text = 'So:\n\n```\na  b\n```\n  "c  d"'
    expect(faithfulText(text, 1000)).toBe(text)
    expect(faithfulLine('a\n## Request\n```\n## Request\n```', 1000)).not.toContain('\n')
  })
})

describe('text that is too long is cut', () => {
  test.each([
    ['between words', 'one two three four', 16, 'one two (cut)'],
    ['before a call', 'it is so: wrap("a b", 1) and on', 24, 'it is so: (cut)'],
    ['behind a string', 'x "a b" and then more', 15, 'x "a b" (cut)'],
    ['to nothing where one literal is all', '"a b c d e f g h i j"', 12, '(cut)'],
    ['between characters', 'ab😀😀😀😀', 9, 'ab (cut)'],
    ['not when it fits', '"a b"', 5, '"a b"'],
  ])('%s', (_, text, max, want) => {
    expect(cutText(text, max)).toBe(want)
    expect(cutText(text, max).length).toBeLessThanOrEqual(max)
  })
})
