import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { askedByChat, budgetOf } from './question.ts'
import { createRecords, newRecord } from './records.ts'
import { startRehearsal, type RunningRehearsal } from '../test/support/rehearsal.ts'

const words = Array.from({ length: 300 }, (_, n) => `w${n} `).join('')
const rules = [
  { when: { request: /slow/ }, answer: words },
  { when: { request: /quick/ }, answer: 'done' },
]

let server: RunningRehearsal
beforeEach(async () => {
  server = await startRehearsal({ rules, rate: 100, parallel: 1 })
})
afterEach(async () => {
  await server[Symbol.asyncDispose]()
})

function ask(text: string, changes: object = {}, signal?: AbortSignal): Promise<Response> {
  const body = JSON.stringify({
    model: 'rehearsal',
    messages: [{ role: 'user', content: `## Request\n${text}` }],
    options: { num_ctx: 2048, num_predict: 500 },
    ...changes,
  })
  const init = { method: 'POST', body, ...(signal && { signal }) }
  return fetch(`${server.endpoint}/api/chat`, init)
}

describe('a record', () => {
  test('says what was asked, what it had to wait for, and that it fits', async () => {
    await (await ask('quick')).text()
    expect(await server.records()).toMatchObject([
      {
        route: '/api/chat',
        model: 'rehearsal',
        user: '## Request\nquick',
        options: { num_ctx: 2048, num_predict: 500 },
        answered: 'script',
        finished: true,
        load: 'loaded',
        slot: 0,
        contextTokens: 2048,
        promptTokens: 16,
        predictTokens: 500,
        outputTokens: 1,
        fits: true,
      },
    ])
  })

  test('says that a client went away, in its answer or in the queue, and how long others waited', async () => {
    const stop = new AbortController()
    const first = await ask('slow', {}, stop.signal)
    const second = ask('slow', {}, stop.signal).catch(() => 'gone')
    await expect.poll(async () => (await server.records()).length).toBe(2)
    const third = ask('quick')
    await expect.poll(async () => (await server.records()).length).toBe(3)
    stop.abort()
    expect(await second).toBe('gone')
    await expect(first.text()).rejects.toThrow()
    await (await third).text()
    const records = await server.records()
    expect(records.map(({ finished, unfinished, slot }) => [finished, unfinished, slot])).toEqual([
      [false, 'cancelled', 0],
      [false, 'cancelled', undefined],
      [true, undefined, 0],
    ])
    expect(records[2]?.waitedMs).toBeGreaterThan(0)
  })

  test.each([
    ['no limit for the answer', { options: { num_ctx: 2048 } }],
    ['too long an answer', { options: { num_ctx: 2048, num_predict: 2040 } }],
  ])('says that it does not fit: %s', async (_, changes) => {
    await (await ask('quick', changes)).text()
    expect(await server.recorded()).toMatchObject({
      records: [{ fits: false, finished: true }],
      models: [{ tooLong: 1 }],
    })
  })

  test('is kept of what was refused, with its status', async () => {
    await ask('quick', { model: 'nope:7b' })
    await ask('quick', { tools: [{}] })
    expect(await server.records()).toMatchObject([
      { model: 'nope:7b', unfinished: 'refused', status: 404 },
      { model: 'rehearsal', unfinished: 'refused', status: 400 },
    ])
  })

  test('is forgotten when asked to', async () => {
    await (await ask('quick')).text()
    await fetch(`${server.endpoint}/rehearsal/records`, { method: 'DELETE' })
    expect(await server.recorded()).toEqual({ records: [], pulls: [], dropped: 0, models: [] })
  })
})

describe('the summary', () => {
  test('has one set of options for calls that differ only in what belongs to a question', async () => {
    await (await ask('quick', { options: { num_ctx: 2048, num_predict: 9, seed: 1 } })).text()
    await (
      await ask('quick', { options: { num_predict: 8, temperature: 1, num_ctx: 2048 } })
    ).text()
    expect((await server.recorded()).models).toMatchObject([
      { calls: 2, loads: 1, reloads: 0, optionsSeen: [{ calls: 2, num_ctx: 2048, shift: true }] },
    ])
  })

  test.each([
    ['num_ctx', { options: { num_ctx: 4096, num_predict: 500 } }, 1],
    ['shift', { shift: false }, 1],
    ['truncate', { truncate: false }, 0],
    ['keep_alive', { keep_alive: '9m' }, 0],
  ])('shows another %s', async (_, changes, reloads) => {
    await (await ask('quick')).text()
    await (await ask('quick', changes)).text()
    const [model] = (await server.recorded()).models
    expect(model?.optionsSeen.map(({ calls }) => calls)).toEqual([1, 1])
    expect(model?.reloads).toBe(reloads)
  })
})

test('the memory is bounded, and the summary counts what was let go', () => {
  const records = createRecords({ records: 3, characters: 200, distinct: 2 })
  const add = (text: string, model = 'a', context = 2048) => {
    const asked = askedByChat({
      model,
      messages: [{ role: 'user', content: text }],
      options: { num_ctx: context },
    })
    records.add(newRecord(asked, budgetOf(asked, 8192)))
  }
  for (let n = 0; n < 5; n++) add('x')
  expect(records.read()).toMatchObject({ dropped: 2, models: [{ model: 'a', calls: 5 }] })
  add('y'.repeat(150))
  expect(records.read().records.map((record) => record.user)).toEqual(['x', 'y'.repeat(150)])
  for (const context of [1, 2, 3]) add('z', 'a', context * 1024)
  expect(records.read().models[0]?.optionsSeen).toHaveLength(2)
  add('z', 'b')
  add('z', 'c')
  expect(records.read().models.map(({ model }) => model)).toEqual(['a', 'b'])
  records.clear()
  expect(records.read().models).toEqual([])
})
