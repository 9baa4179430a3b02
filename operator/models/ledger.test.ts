import { describe, expect, test } from 'vitest'
import { createLedger, type CallBudget } from './ledger.ts'

const owner = (budget: CallBudget = {}, task?: string) => ({ request: 'hello', task, budget })

describe('a budget', () => {
  test.each<[string, CallBudget, number, string | undefined]>([
    ['without a limit allows all', { request: { used: 5000 } }, 99_999, undefined],
    ['allows what just fits', { request: { limit: 1000, used: 400 } }, 600, undefined],
    ['of a request is not passed', { request: { limit: 1000, used: 400 } }, 601, 'limits.tokens'],
    ['of a task is not passed', { task: { limit: 1000, used: 400 } }, 601, 'limits.taskTokens'],
  ])('%s', (_, budget, tokens, want) => {
    const reserve = () => createLedger().reserve(owner(budget, 'a'), tokens)
    if (want === undefined) expect(reserve).not.toThrow()
    else expect(reserve).toThrow(want)
  })

  test('counts what is under way, and what is given back no more', () => {
    const ledger = createLedger()
    const mine = owner({ request: { limit: 1000, used: 0 } })
    const giveBack = ledger.reserve(mine, 600)
    expect(() => ledger.reserve(mine, 600)).toThrow('limits.tokens')
    giveBack()
    expect(() => ledger.reserve(mine, 600)).not.toThrow()
  })

  test('starts with what was used before a restart, and does not count twice what the status learns from us', () => {
    const ledger = createLedger()
    const at = (used: number) => owner({ request: { limit: 1000, used } })
    ledger.reserve(at(400), 100)()
    ledger.add(at(400), 80, 20)
    // The status now holds the hundred we counted as well.
    expect(() => ledger.reserve(at(500), 500)).not.toThrow()
    expect(ledger.of({ request: 'hello' })).toMatchObject({ earlierTokens: 400, inputTokens: 80 })
  })

  test('believes a status that knows more', () => {
    const ledger = createLedger()
    const at = (used: number) => owner({ request: { limit: 1000, used } })
    ledger.reserve(at(0), 100)()
    expect(() => ledger.reserve(at(950), 100)).toThrow('950 are used')
  })
})

test('a request that is forgotten has used nothing, and one whose name begins alike is kept', () => {
  const ledger = createLedger()
  for (const request of ['hello', 'hello-2'])
    ledger.add({ request, task: `${request}-code` }, 10, 5)
  ledger.forget('hello')
  expect(ledger.of({ request: 'hello', task: 'hello-code' }).inputTokens).toBe(0)
  expect(ledger.of({ request: 'hello-2', task: 'hello-2-code' }).inputTokens).toBe(10)
})
