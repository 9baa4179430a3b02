import { Readable } from 'node:stream'
import { array, assert, nat, property } from 'fast-check'
import { expect, test } from 'vitest'
import { jsonLine, jsonOf, LineSplitter, linesOf } from './lines.ts'

const text = '{"msg":"größer"}\n\n{"msg":"🦉✔"}\nlast'
const want = ['{"msg":"größer"}', '', '{"msg":"🦉✔"}']
const bytes = Buffer.from(text)

test('lines and characters are whole wherever the bytes are cut', () => {
  assert(
    property(array(nat(bytes.length), { maxLength: 12 }), (cuts) => {
      const splitter = new LineSplitter()
      const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
      const lines = places.flatMap((place, at) =>
        splitter.push(new Uint8Array(bytes.subarray(place, places[at + 1]))),
      )
      expect(lines).toEqual(want)
      expect(splitter.end()).toBe('last')
      expect(splitter.end()).toBe('')
    }),
  )
})

test.each([1, 2, 3, 7, 1000])(
  'a stream that comes %i bytes at a time has the same lines',
  async (size) => {
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      bytes.subarray(at * size, (at + 1) * size),
    )
    expect(await Readable.from(linesOf(Readable.from(chunks))).toArray()).toEqual([...want, 'last'])
    const ended = Readable.from([...chunks, Buffer.from('\n')])
    expect(await Readable.from(linesOf(ended)).toArray()).toEqual([...want, 'last'])
  },
)

test('a line that never ends is refused when it is too long, however it comes', () => {
  const splitter = new LineSplitter(10)
  expect(splitter.push(Buffer.from('1234567890'))).toEqual([])
  expect(() => splitter.push(Buffer.from('1'))).toThrow('more than 10 bytes')
  expect(() => new LineSplitter(10).push(Buffer.from('12345678901\n'))).toThrow('more than 10')
  expect(new LineSplitter(10).push(Buffer.from('1234567890\n12'))).toEqual(['1234567890'])
})

test('a value is one line of JSON, and text that is not JSON has no value', () => {
  expect(jsonLine({ text: 'a\nb' })).toBe('{"text":"a\\nb"}\n')
  expect([jsonOf('[1]'), jsonOf('null'), jsonOf('{"a"'), jsonOf('')]).toEqual([
    [1],
    null,
    undefined,
    undefined,
  ])
})
