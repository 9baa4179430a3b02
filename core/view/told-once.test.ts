// Kind: one cause in several objects (a refusal in the plan, an attempt and the end) is read once,
// and what is new beside it stays.
import { expect, test } from 'vitest'
import { noScript } from '../../rehearsal/answer.ts'
import { failureRemedies, remedyIn } from '../api/failures.ts'
import { remedyFor } from '../../cli/try/outcome.ts'
import { span } from './text.ts'
import { toldOnce, untold } from './told-once.ts'

const other =
  'The model server at http://127.0.0.1:1 answered: this model is not for sale to you today.'

test.each([
  ['the rehearsal model', noScript],
  ['another server', other],
  ['a reason with colons', 'the answer of the server was cut: 3 of 7 bytes: nothing can be done.'],
])('in every order of plan, attempt and end: %s', (_, cause) => {
  const remedy = 'Do something else.'
  const lines = [
    `plan warning: The model gave no plan that could be used (${cause}); the whole request became one unit.`,
    ` attempt 1 on testing-1 ended: ModelRefused: ${cause}`,
    `hello-spec failed: ModelRefused: ${cause} ${remedy}`,
  ]
  for (const order of [lines, lines.toReversed(), [1, 2, 0].map((at) => lines[at] ?? '')]) {
    const told = toldOnce()
    const text = order.flatMap((line) => told.rest(line)).join('\n')
    expect(text.split(cause.slice(0, 40))).toHaveLength(2)
    for (const want of ['one unit.', 'attempt 1 on testing-1 ended: ModelRefused', remedy])
      expect(text).toContain(want)
  }
})

test('a row keeps its reason and figures, and a mere label goes with its sentence', () => {
  const told = toldOnce()
  expect(told.rest(other)).toBe(other)
  expect(told.row(`ModelRefused: ${other} · 3 tries`)).toBe('ModelRefused · 3 tries')
  expect(told.rest(`warning: ${other}`)).toBe('')
  expect(untold([span(`warning: ${other}`)], told)).toEqual([])
})

test.each([
  ['words that are short', 'no plan', 'warning: no plan'],
  ['a sentence that goes on otherwise', other, `warning: ${other.slice(0, -1)}, nor tomorrow.`],
  [
    'another cause',
    other,
    'warning: the model server does not answer the question that was asked.',
  ],
])('%s stay as they are', (_, before, line) => {
  const told = toldOnce()
  told.rest(before)
  expect(told.rest(line)).toBe(line)
})

test('a refusal that names its way out has no second remedy; others have one that stands alone', () => {
  expect(remedyIn('ModelRefused', 'guildhall', noScript)).toBe(
    'Connect a real model: the words of the refusal name the command.',
  )
  expect(remedyFor('ModelRefused', noScript)).toBe(
    'Connect a real model: the words of the refusal name the command.',
  )
  expect(remedyIn('ModelRefused', 'guildhall', other)).toBe(failureRemedies.ModelRefused)
  expect(remedyIn('TimedOut', 'guildhall', noScript)).toBe(failureRemedies.TimedOut)
})
