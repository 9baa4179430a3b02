import { expect, test } from 'vitest'
import { Screen } from './screen.ts'

/** A terminal of so many lines that understands what Screen sends. Shows scrollback and screen as one list of lines. */
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
