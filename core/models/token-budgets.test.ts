import { describe, expect, test } from 'vitest'
import { type CallBudget, createLedger } from './token-budgets.ts'

const owner = (budget: CallBudget = {}, task?: string) => ({ request: 'hello', task, budget })

describe('a budget', () => {
  test.each<[string, CallBudget, number, string | undefined]>([
    ['without a limit allows all', { request: { used: 5000 } }, 99_999, undefined],
    ['allows what just fits', { request: { limit: 1000, used: 400 } }, 600, undefined],
    ['of a request is not passed', { request: { limit: 1000, used: 400 } }, 601, 'limits.tokens'],
    ['of a task is not passed', { task: { limit: 1000, used: 400 } }, 601, 'limits.taskTokens'],
  ])('%s', (_, budget, tokens, want) => {
    const reserve = () => createLedger().open(owner(budget, 'a')).reserve(tokens)
    if (want === undefined) expect(reserve()).toBeTypeOf('function')
    else expect(reserve).toThrow(want)
  })

  test('has no room beside what is under way, and has it again for what is given back', () => {
    const mine = createLedger().open(owner({ request: { limit: 1000, used: 0 } }))
    const giveBack = mine.reserve(600)
    expect(mine.reserve(600)).toBeUndefined()
    giveBack?.()
    expect(mine.reserve(600)).toBeTypeOf('function')
  })

  test('starts with what was used before a restart, and does not count twice what the status learns from us', () => {
    const ledger = createLedger()
    const at = (used: number) => ledger.open(owner({ request: { limit: 1000, used } }))
    at(400).add(80, 20)
    // The status now holds the hundred we counted as well.
    expect(at(500).reserve(500)).toBeTypeOf('function')
    expect(ledger.of({ request: 'hello' })).toMatchObject({ earlierTokens: 400, inputTokens: 80 })
  })

  test('believes a status that knows more', () => {
    const ledger = createLedger()
    const at = (used: number) => ledger.open(owner({ request: { limit: 1000, used } }))
    at(0).reserve(100)?.()
    expect(() => at(950).reserve(100)).toThrow('950 are used')
  })
})

describe('who finds no room beside calls under way', () => {
  /** One of two calls that may take 600 of 1000 waits for the other. */
  function waiting(signal?: AbortSignal) {
    const mine = createLedger().open(owner({ request: { limit: 1000, used: 0 } }))
    const giveBack = mine.reserve(600)
    const ended: string[] = []
    const end = mine.room(600, { signal }).then(
      () => ended.push('room'),
      (error: unknown) => ended.push(String(error)),
    )
    return { mine, giveBack, ended, end }
  }

  test('has it when they needed less than they might have', async () => {
    const { mine, giveBack, ended, end } = waiting()
    await Promise.resolve()
    expect(ended).toEqual([])
    mine.add(200, 200)
    giveBack?.()
    await end
    expect(ended).toEqual(['room'])
  })

  test('is refused when they needed it', async () => {
    const { mine, giveBack, ended, end } = waiting()
    mine.add(200, 201)
    giveBack?.()
    await end
    expect(ended).toEqual([expect.stringContaining('401 are used')])
  })

  test('may stop waiting', async () => {
    const stop = new AbortController()
    const { ended, end } = waiting(stop.signal)
    stop.abort(new Error('gone'))
    await end
    expect(ended).toEqual(['Error: gone'])
  })
})

describe('requests of one name', () => {
  const old = { request: 'hello', requestUid: 'old' }
  const young = { request: 'hello', requestUid: 'young' }

  test('count each for itself, and what has the name without being a request as well', () => {
    const ledger = createLedger()
    ledger.open({ ...old, task: 'hello-code' }).add(10, 5)
    ledger.open({ request: 'hello' }).add(3, 0)
    expect(ledger.of({ ...old, task: 'hello-code' }).inputTokens).toBe(10)
    expect(ledger.of({ ...young, task: 'hello-code' }).inputTokens).toBe(0)
    expect(ledger.of(young).inputTokens).toBe(0)
    expect(ledger.of({ request: 'hello' }).inputTokens).toBe(3)
  })

  test('are forgotten but for the one that has it, and others are not', () => {
    const ledger = createLedger()
    const other = { request: 'hello-2', requestUid: 'old' }
    for (const one of [old, young, other]) ledger.open({ ...one, task: 'a' }).add(10, 5)
    ledger.forgetOthers('hello', 'young')
    expect([old, young, other].map((one) => ledger.of(one).inputTokens)).toEqual([0, 10, 10])
    ledger.forgetOthers('hello', undefined)
    expect(ledger.of(young).inputTokens).toBe(0)
  })

  test('leave nothing behind when one of their calls ends later', () => {
    const ledger = createLedger()
    const call = ledger.open(old)
    ledger.forgetOthers('hello', undefined)
    call.add(10, 5)
    call.called()
    expect(ledger.of(old)).toEqual(ledger.of({ request: 'never' }))
  })
})
