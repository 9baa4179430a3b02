import { expect, test } from 'vitest'
import { BoundedOutput } from './exec.ts'

function textOf(limit: number, chunks: readonly string[]): string {
  const output = new BoundedOutput(limit)
  for (const chunk of chunks) output.push(Buffer.from(chunk))
  return output.text()
}

test.each([
  ['short output is kept whole', 10, ['abc', 'def'], 'abcdef'],
  ['output of exactly the limit is kept whole', 6, ['abc', 'def'], 'abcdef'],
  ['long output loses its middle', 4, ['abcdefgh'], 'ab\n[4 bytes left out]\ngh'],
  ['many small chunks lose their middle', 4, 'abcdefgh'.split(''), 'ab\n[4 bytes left out]\ngh'],
  ['nothing is kept when nothing may be', 0, ['abc'], '\n[3 bytes left out]\n'],
  ['no output is an empty text', 4, [], ''],
])('%s', (_what, limit, chunks, want) => {
  expect(textOf(limit, chunks)).toBe(want)
})
