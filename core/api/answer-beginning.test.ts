import { expect, test } from 'vitest'
import { beginningOf, mostBeginning, withBeginning } from './plain-text.ts'

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
