import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { eachLine } from './logs.ts'

test.each([1, 2, 3, 7, 1000])('lines are whole when bytes come %i at a time', async (size) => {
  const bytes = Buffer.from('{"msg":"größer"}\n\n{"msg":"✔"}\nlast')
  const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    bytes.subarray(at * size, (at + 1) * size),
  )
  const lines: string[] = []
  await eachLine(Readable.from(chunks), (line) => lines.push(line))
  expect(lines).toEqual(['{"msg":"größer"}', '', '{"msg":"✔"}', 'last'])
})
