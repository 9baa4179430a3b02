import { expect, test } from 'vitest'
import { Cache } from '../../../test/support/cache.ts'
import { agent } from '../../../test/support/objects.ts'
import { agents } from '../../../core/api/kinds.ts'
import { Outcomes } from './outcomes.ts'

const outcome = { succeeded: true, seconds: 3, tokens: 5 }
const record = { completed: 1, failed: 0, meanSeconds: 3, tokens: 5 }

test('outcomes that a write stored are not counted again though its answer was lost', () => {
  const outcomes = new Outcomes(new Cache(agents))
  outcomes.add('c', outcome)
  outcomes.writing('c', 1, record)
  outcomes.add('c', outcome)
  outcomes.settle('c', record)
  expect(outcomes.of('c')).toEqual([outcome])
  outcomes.settle('c', record)
  expect(outcomes.of('c')).toEqual([outcome])
})

test('outcomes that a write did not store are counted by the next one', () => {
  const outcomes = new Outcomes(new Cache(agents))
  outcomes.add('c', outcome)
  outcomes.writing('c', 1, record)
  outcomes.settle('c', undefined)
  expect(outcomes.of('c')).toEqual([outcome])
})

test('outcomes of an agent that is gone are forgotten, since another may get its name', () => {
  const cache = new Cache(agents)
  const outcomes = new Outcomes(cache)
  cache.put(agent('c'))
  outcomes.add('c', outcome)
  cache.remove(agent('c'))
  expect(outcomes.of('c')).toEqual([])
})
