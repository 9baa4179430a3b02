import { describe, expect, it } from 'vitest'
import { findCondition, isTrue, withCondition, withoutCondition } from './conditions.ts'

const t0 = Date.UTC(2026, 0, 1)
const ready = { type: 'Ready', status: 'True', reason: 'Fine', message: 'm' } as const
const first = withCondition(undefined, ready, t0)

describe('a condition', () => {
  it('is added with the time', () => {
    expect(first).toEqual([{ ...ready, lastTransitionTime: '2026-01-01T00:00:00Z' }])
    expect(isTrue(first, 'Ready')).toBe(true)
  })

  it.each([
    ['its status flips', { status: 'False' }, '2026-01-01T00:01:00Z'],
    ['only the reason changes', { reason: 'Other' }, '2026-01-01T00:00:00Z'],
    ['only the generation changes', { observedGeneration: 2 }, '2026-01-01T00:00:00Z'],
  ] as const)('moves its time only with its status: %s', (_, change, want) => {
    const next = withCondition(first, { ...ready, ...change }, t0 + 60_000)
    expect(next).toEqual([{ ...ready, ...change, lastTransitionTime: want }])
  })

  it('that says the same again leaves the very list', () => {
    expect(withCondition(first, ready, t0 + 60_000)).toBe(first)
    expect(withoutCondition(first, 'Stalled')).toBe(first)
  })

  it('keeps its place among others, and goes alone', () => {
    const two = withCondition(first, { ...ready, type: 'Stalled' }, t0)
    const flipped = withCondition(two, { ...ready, status: 'False' }, t0)
    expect(flipped.map((condition) => condition.type)).toEqual(['Ready', 'Stalled'])
    expect(withoutCondition(two, 'Ready').map((condition) => condition.type)).toEqual(['Stalled'])
    expect(findCondition(withoutCondition(two, 'Ready'), 'Ready')).toBeUndefined()
  })
})
