import { describe, expect, test } from 'vitest'
import { formatLogLine, logLineFits, parseLogLine } from './log-line.ts'
import { draw } from './style.ts'

const text = (line: string) => {
  const record = parseLogLine(line)
  return record && draw(formatLogLine(record), { color: false, ascii: false })
}

describe('a line of the log', () => {
  test('of an agent shows who said it and its fields', () => {
    const time = new Date(2026, 0, 1, 9, 8, 7).getTime()
    const line = {
      level: 30,
      time,
      msg: 'tests failed',
      logger: 'agents/coding',
      agent: 'coding-1',
    }
    expect(text(JSON.stringify({ ...line, request: 'hello', attempt: 2, call: { id: 1 } }))).toBe(
      '09:08:07 info  agents/coding coding-1  tests failed  request=hello attempt=2',
    )
  })

  test('of the operator with an error shows the message of the error and no stack', () => {
    const err = { type: 'Error', message: 'no route', stack: 'Error: no route\n at x' }
    expect(text(JSON.stringify({ level: 50, time: 'x', msg: 'cannot list', err }))).toBe(
      '--:--:-- error operator  cannot list  no route',
    )
  })

  test('that is no JSON object is left to the caller', () => {
    expect(['    at main (x.js:1)', '[1]', '"a"', ''].map(parseLogLine)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })

  test.each([
    { filter: {}, want: true },
    { filter: { request: 'hello' }, want: true },
    { filter: { request: 'other' }, want: false },
    { filter: { request: 'hello', task: 'hello-code' }, want: true },
    { filter: { request: 'hello', agent: 'coding-2' }, want: false },
  ])('passes $filter: $want', ({ filter, want }) => {
    const line = { request: 'hello', task: 'hello-code', agent: 'coding-1' }
    expect(logLineFits(line, filter)).toBe(want)
  })
})
