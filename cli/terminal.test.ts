import { describe, expect, test } from 'vitest'
import { jsonText } from './show/json.ts'
import { formatLogLine } from './show/log-line.ts'
import { draw } from './show/style.ts'
import { span } from '../core/view/text.ts'
import { table } from './show/table.ts'
import { onScreen } from './terminal.ts'

const color = { color: true, ascii: false }
const plain = { color: false, ascii: false }
const orders = /(?![\t\n])\p{Cc}|[\u200B\u202A-\u202E\u2066-\u2069\u{E0000}-\u{E007F}]/u

const sly = [
  ['a title', 'a\u001B]0;owned\u0007'],
  ['a moved cursor', '\u001B[2J\u001B[1;1Hb'],
  ['one-byte orders', '\u009B31mred'],
  ['turned text', 'a\u202Etxt.exe'],
  ['text of no width', 'a\u200Bb'],
  ['letters that are tags', 'a\u{E0041}'],
  ['a return', 'bad\rgood'],
] as const

describe.each(sly)('%s has no effect', (_, text) => {
  test('in a line, a table, a line of the log and JSON', () => {
    expect(draw([span(text), { text }], plain)).not.toMatch(orders)
    expect(table([text], [{ heading: 'A', cell: (one) => one }], plain).join('')).not.toMatch(
      orders,
    )
    const line = { msg: text, [text]: text, fields: { [text]: text }, err: { message: text } }
    expect(draw(formatLogLine(line), plain)).not.toMatch(orders)
    expect(jsonText({ [text]: text })).not.toMatch(orders)
    expect(JSON.parse(jsonText({ [text]: text }))).toEqual({ [text]: text })
  })

  test('in whatever else is written to a screen', () => {
    expect(onScreen(`${text}\n`)).not.toMatch(orders)
    expect(onScreen(onScreen(text))).toBe(onScreen(text))
  })
})

test('our own colours do', () => {
  const line = draw([span('ok', 'green'), span(' and bold', 'bold')], color)
  expect(onScreen(line)).toBe(line)
  expect(onScreen('\u001B[48;5;1mx\u001B[5m')).toBe('\\u{1b}[48;5;1mx\\u{1b}[5m')
})

test('columns stay in line whatever is shown in them', () => {
  const rows = table(
    ['a\u202Eb', 'c'],
    [
      { heading: 'A', cell: (one) => one },
      { heading: 'B', cell: () => 'end' },
    ],
    plain,
  )
  const ends = rows.slice(1).map((row) => row.indexOf('end'))
  expect(new Set(ends).size).toBe(1)
})

test('words of an agent cannot be taken for fields of the operator', () => {
  const line = { level: 30, msg: 'm', request: 'own', fields: { request: 'r-victim', level: 60 } }
  expect(draw(formatLogLine(line), plain)).toMatch(
    / info {2}operator {2}m {2}request=own {2}\{request=r-victim level=60\}$/,
  )
})
