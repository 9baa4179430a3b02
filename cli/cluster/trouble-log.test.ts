import { expect, test } from 'vitest'
import { troubleLog } from './trouble-log.ts'

test('an outage is told with its cause, once in a while, and recovery needs no word', () => {
  let time = 0
  const told: string[] = []
  const clock = {
    now: () => time,
    monotonic: () => time,
    after: () => () => undefined,
    sleep: async () => undefined,
  }
  const log = troubleLog((sentence) => told.push(sentence), clock)
  const fail = (at: number) => {
    time = at
    log.warn({ err: new Error('no route') }, 'cannot follow resource, trying again')
  }
  for (const at of [0, 100, 5000, 19_999, 20_000]) fail(at)
  log.info({}, 'watch version expired, listing again')
  const want = 'the cluster does not answer, trying again: no route'
  expect(told).toEqual([want, want])
})
