import { describe, expect, test } from 'vitest'
import { Screen, jsonText, onScreen } from './terminal.ts'
import { formatLogLine } from './show/log-line.ts'
import { draw, table } from './show/style.ts'
import { span } from '../core/view/text.ts'

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

/**
 * A terminal of so many lines that understands what Screen sends. Shows scrollback and screen as
 * one list of lines.
 */
class FakeTerminal {
  readonly lines: string[] = ['$ guild watch hello']
  #row = 1
  readonly #rows: number

  constructor(rows: number) {
    this.#rows = rows
  }

  rows = () => this.#rows

  out = (text: string) => {
    // oxlint-disable-next-line no-control-regex
    for (const token of text.match(/\u001b\[(\d*)([AKJ])|\r|\n|[^\u001b\r\n]+/g) ?? []) {
      if (token === '\n') this.#row += 1
      else if (token.endsWith('A')) this.#row -= Number(token.slice(2, -1))
      else if (token.endsWith('J')) this.lines.length = this.#row
      else if (!token.startsWith('\u001b') && token !== '\r') this.lines[this.#row] = token
    }
  }
}

test('a block is drawn again in place and what stood above it stays', () => {
  const terminal = new FakeTerminal(24)
  const screen = new Screen(terminal)
  screen.draw(['running', 'a', 'b'])
  screen.draw(['done', 'c'])
  expect(terminal.lines).toEqual(['$ guild watch hello', 'done', 'c'])
})

test('printed lines stay above the block', () => {
  const terminal = new FakeTerminal(24)
  const screen = new Screen(terminal)
  screen.draw(['running'])
  screen.print(['the cluster does not answer'])
  screen.draw(['running again'])
  expect(terminal.lines).toEqual([
    '$ guild watch hello',
    'the cluster does not answer',
    'running again',
  ])
})

test('a block higher than the screen loses its middle, never its head or end', () => {
  const terminal = new FakeTerminal(9)
  new Screen(terminal).draw(Array.from({ length: 20 }, (_, at) => `line ${at}`))
  expect(terminal.lines.slice(1)).toEqual([
    'line 0',
    'line 1',
    'line 2',
    'line 3',
    '   (13 more lines)',
    'line 17',
    'line 18',
    'line 19',
  ])
})
