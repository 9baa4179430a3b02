import { expect, test } from 'vitest'
import { parseOptions } from './options.ts'

test('a full run keeps its results in the documentation, a quick one nowhere', () => {
  expect(parseOptions(['operator'])).toMatchObject({
    kind: 'operator',
    tasks: 10_000,
    agents: 200,
    json: 'docs/bench/operator.json',
  })
  expect(parseOptions(['floor', '--quick'])).toMatchObject({ tasks: 1_000, json: undefined })
  expect(parseOptions(['operator', '--only', 'count'])).toMatchObject({ json: undefined })
})

test('the gateway has sizes of its own', () => {
  expect(parseOptions(['gateway'])).toEqual({
    kind: 'gateway',
    quick: false,
    json: 'docs/bench/gateway.json',
  })
  expect(parseOptions(['gateway', '--quick'])).toMatchObject({ quick: true, json: undefined })
})

test('help wins', () => {
  expect(parseOptions(['operator', '--help'])).toEqual({ kind: 'help' })
})

test.each([
  [[], 'there is no bench without a name'],
  [['ceiling'], 'there is no bench ceiling'],
  [['floor', 'more'], 'too much'],
  [['floor', '--tasks', 'ten'], '--tasks takes'],
  [['operator', '--agents', '1000'], '--agents takes'],
  [['operator', '--only', 'half'], '--only takes'],
  [['report'], 'report needs'],
  [['floor', '--fast'], '--fast'],
])('%j is refused with a sentence', (args, want) => {
  const options = parseOptions(args)
  expect(options.kind === 'wrong' && options.message).toContain(want)
})
