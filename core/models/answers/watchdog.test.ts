import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { createWatchdog } from './watchdog.ts'

function feed(text: string, size: number): string | undefined {
  const watchdog = createWatchdog()
  for (let at = 0; at < text.length; at += size) {
    const reason = watchdog.push(text.slice(at, at + size))
    if (reason !== undefined) return reason
  }
  return undefined
}

test.each([1, 7, 4000])('gives up on blanks without end, in pieces of %i', (size) => {
  expect(feed(`{"a":${'\n '.repeat(150)}1}`, size)).toBe('it wrote nothing but blanks')
})

test.each(['no ', 'and then the same again, ', 'const a = 1\n'])(
  'gives up on %j for ever',
  (unit) => {
    expect(feed(`Well. ${unit.repeat(400)}`, 5)).toBe('it repeated itself without end')
  },
)

test('lets code through: deep indents, rulers, tables of alike lines', async () => {
  const table = Array.from({ length: 100 }, (_, n) => `  ['key${n}', ${n * 7}],`).join('\n')
  const text = `${' '.repeat(60)}x\n// ${'-'.repeat(120)}\n${table}`
  expect(feed(text, 3)).toBeUndefined()
  const own = await readFile(new URL('../gateway.ts', import.meta.url), 'utf8')
  expect(feed(own, 4)).toBeUndefined()
})
