import { expect, test } from 'vitest'
import { hashEdit, nextTry, type TriedCandidate, triesOf, whyEnded } from './tries.ts'

const assignment = { task: 't', attempt: 1, tier: 'basic' as const }
const tried = (...entries: string[]): TriedCandidate[] =>
  entries.map((entry) => {
    const [edit, signature = ''] = entry.split('/')
    return { edit: edit === '-' ? undefined : edit, signature }
  })
const describeTry = (attempt: number, ...entries: string[]): string => {
  const next = nextTry({ ...assignment, attempt }, tried(...entries))
  return next === undefined ? 'over' : `${next.kind} ${next.temperature}`
}

test.each([
  ['the first try is greedy', 1, [], 'fresh 0'],
  ['the second repairs', 1, ['a/1'], 'repair 0'],
  ['the third repairs again', 1, ['a/1', 'b/2'], 'repair 0'],
  ['the fourth samples', 1, ['a/1', 'b/2', 'c/3'], 'fresh 0.7'],
  ['an unusable answer is not repaired', 1, ['-/1'], 'fresh 0.7'],
  ['a sample after an unusable answer can be repaired', 1, ['-/1', 'a/2'], 'repair 0'],
  ['the same edit again leads to a sample', 1, ['a/1', 'a/1'], 'fresh 0.7'],
  ['a second attempt does not repeat the greedy answer', 2, [], 'fresh 0.7'],
  ['the same failure with another text is not repaired again', 1, ['a/1', 'b/1'], 'fresh 0.7'],
  ['a sample that fails as before is followed by a hotter one', 1, ['-/1', 'b/1'], 'fresh 1'],
  ['a third answer with the same failure is the last', 1, ['a/1', 'b/1', 'c/1'], 'over'],
  ['it is so when other failures came between', 1, ['a/1', 'b/2', 'c/1', 'd/1'], 'over'],
  ['the same edit with another failure is no progress either', 1, ['a/1', 'a/2'], 'fresh 0.7'],
  ['the same edit a third time is the last', 1, ['a/1', 'a/2', 'a/3'], 'over'],
  ['two failures by turns are no end yet', 1, ['a/1', 'b/2', 'c/1', 'd/2'], 'fresh 1'],
  ['three unusable answers of one kind are the last', 1, ['-/1', '-/1', '-/1'], 'over'],
  ['a later attempt is over as early', 2, ['a/1', 'b/1', 'c/1'], 'over'],
  ['it is over after the tries of the tier', 1, ['a/1', 'b/2', 'c/3', 'd/4', 'e/5'], 'over'],
])('%s', (_what, attempt, entries, want) => {
  expect(describeTry(attempt, ...entries)).toBe(want)
})

test('gives every try of every attempt a seed of its own, and the same each time', () => {
  const seeds = [1, 2].flatMap((attempt) =>
    [[], tried('a/1'), tried('a/1', 'b/2')].map(
      (list) => nextTry({ ...assignment, attempt }, list)?.seed,
    ),
  )
  expect(new Set(seeds).size).toBe(6)
  expect(nextTry(assignment, [])?.seed).toBe(seeds[0])
})

test.each(['weak', 'basic', 'good'] as const)('ends for a %s model', (tier) => {
  const list: TriedCandidate[] = []
  while (nextTry({ ...assignment, tier }, list) !== undefined)
    list.push({ edit: String(list.length), signature: String(list.length) })
  expect(list).toHaveLength(triesOf[tier])
  expect(whyEnded({ tier }, list)).toBe('tries used up')
})

test.each(['weak', 'basic', 'good'] as const)(
  'ends for a %s model after three answers when nothing changes',
  (tier) => {
    const list: TriedCandidate[] = []
    while (nextTry({ ...assignment, tier }, list) !== undefined) {
      expect(whyEnded({ tier }, list)).toBeUndefined()
      list.push({ edit: String(list.length), signature: 's' })
    }
    expect(list).toHaveLength(3)
    expect(whyEnded({ tier }, list)).toBe('no progress')
  },
)

test('names an edit by its paths and texts, whatever their order', () => {
  const one = hashEdit(
    new Map([
      ['a', '1'],
      ['b', '2'],
    ]),
  )
  expect(
    hashEdit(
      new Map([
        ['b', '2'],
        ['a', '1'],
      ]),
    ),
  ).toBe(one)
  expect(
    hashEdit(
      new Map([
        ['a', '12'],
        ['b', ''],
      ]),
    ),
  ).not.toBe(one)
})
