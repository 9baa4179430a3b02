import { expect, test } from 'vitest'
import { median, percentile, ratio, summarize } from './statistics.ts'

const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)

test.each([
  [1, 1],
  [50, 50],
  [99, 99],
  [99.5, 100],
  [100, 100],
])('percentile %d of 1..100 in any order is %d', (percent, want) => {
  expect(percentile(hundred, percent)).toBe(want)
})

test('a percentile is one of the samples, never between two', () => {
  expect(percentile([1, 10], 50)).toBe(1)
  expect(percentile([1, 10], 51)).toBe(10)
})

test('one sample is every percentile, none is no number', () => {
  expect(summarize([7])).toEqual({ count: 1, p50: 7, p90: 7, p99: 7, max: 7 })
  expect(summarize([])).toMatchObject({ count: 0, p99: Number.NaN, max: Number.NaN })
})

test('a summary does not sort by text', () => {
  expect(summarize([10, 9, 2, 100])).toEqual({ count: 4, p50: 9, p90: 100, p99: 100, max: 100 })
})

test('of an even number the lower middle is the median', () => {
  expect(median([4, 1, 3, 2])).toBe(2)
})

test('without a base there is no ratio', () => {
  expect(ratio(30, 60)).toBe(0.5)
  expect(ratio(30, 0)).toBeNaN()
})
