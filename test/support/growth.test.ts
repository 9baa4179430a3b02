import { expect, test } from 'vitest'
import { growthOf, oddTexts } from './growth.ts'

const letters = (length: number) => 'a'.repeat(length)

test.each<readonly [string, (text: string) => unknown]>([
  ['one look at every character', (text) => text.split('').filter((one) => one === 'b').length],
  ['a sort of words', (text) => text.split('').toSorted().join('')],
  ['nothing', () => undefined],
  ['an error after one look', (text) => JSON.parse(`[${text}`)],
])('%s is linear', (_, f) => {
  expect(growthOf(f, letters)).toEqual({ kind: 'linear' })
})

test.each<readonly [string, (text: string) => unknown]>([
  ['a pattern that starts again at every place', (text) => /a+b/.test(text)],
  ['two repetitions side by side', (text) => /^a*a*a*b/.test(text)],
  ['a repetition of a repetition', (text) => /^(?:a+)+b/.test(text)],
  [
    'a text that is read again for every character',
    (text) => text.split('').map((_, at) => text.slice(at).split('').length),
  ],
])('%s is noticed', (_, f) => {
  expect(growthOf(f, letters).kind).not.toBe('linear')
})

test('there are odd texts of many kinds, as long as they are asked for', () => {
  expect(Object.keys(oddTexts).length).toBeGreaterThan(50)
  for (const textOf of Object.values(oddTexts)) {
    expect(textOf(4000).length / 4000).toBeGreaterThan(0.6)
    expect(textOf(4000).length / 4000).toBeLessThan(1.2)
  }
})
