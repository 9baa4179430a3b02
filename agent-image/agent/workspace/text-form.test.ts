import { describe, expect, test } from 'vitest'
import { decodeText, encodeText } from './text-form.ts'

const bytes = (text: string, encoding: BufferEncoding = 'utf8'): Buffer =>
  Buffer.from(text, encoding)

describe('what can be read as text', () => {
  test.each([
    ['plain', bytes('a\nb\n'), 'a\nb\n'],
    ['CRLF', bytes('a\r\nb\r\n'), 'a\nb\n'],
    ['a byte order mark', bytes('\uFEFFa\n'), 'a\n'],
    ['a mark and CRLF', bytes('\uFEFFa\r\nb'), 'a\nb'],
    ['many scripts', bytes('größe 開発 🎉 עברית\n'), 'größe 開発 🎉 עברית\n'],
    ['nothing', bytes(''), ''],
    ['a lone carriage return', bytes('a\rb\n'), 'a\rb\n'],
    ['one letter', bytes('x'), 'x'],
  ])('%s', (_what, input, want) => {
    expect(decodeText(input)).toEqual({ kind: 'text', text: want })
  })

  test.each([
    ['Latin-1', bytes('Stra\xdfe\n', 'latin1'), /not written in UTF-8/],
    ['Windows-1252', Buffer.from([0x93, 0x61, 0x94]), /not written in UTF-8/],
    ['Shift JIS', Buffer.from([0x8a, 0x4a, 0x94, 0xad, 0x0a]), /not written in UTF-8/],
    ['UTF-8 that is cut', Buffer.from([0x61, 0xc3]), /not written in UTF-8/],
    ['UTF-16 with a mark', bytes('\uFEFF# My project\r\n', 'utf16le'), /UTF-16/],
    ['UTF-16, the other way round', bytes('\uFEFFabc', 'utf16le').swap16(), /UTF-16/],
    ['UTF-16 without a mark', bytes('# My project\r\n', 'utf16le'), /UTF-16/],
    ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x61, 0, 0, 0]), /UTF-32/],
    ['an image', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 1, 2, 3]), /binary/],
    ['a pointer of Git LFS', bytes('version https://git-lfs.github.com/spec/v1\noid x\n'), /LFS/],
  ])('not %s', (_what, input, want) => {
    const read = decodeText(input)
    expect(read.kind === 'unreadable' && read.why).toMatch(want)
  })
})

describe('a file that is written again keeps its form', () => {
  test.each([
    ['plain', 'a\nb\n', 'a\nc\n', 'a\nc\n'],
    ['CRLF', 'a\r\nb\r\n', 'a\nc\nd\n', 'a\r\nc\r\nd\r\n'],
    ['a byte order mark', '\uFEFFa\n', 'b\n', '\uFEFFb\n'],
    ['a mark and CRLF', '\uFEFFa\r\n', 'b\nc\n', '\uFEFFb\r\nc\r\n'],
    ['no end of the last line', 'a\nb', 'a\nc\n', 'a\nc'],
    ['CRLF and no end of the last line', 'a\r\nb', 'a\nc\n', 'a\r\nc'],
    ['one line without an end', 'a', 'b\n', 'b'],
    ['an end where the answer has none', 'a\n', 'b', 'b'],
    ['CRLF though the answer mixes', 'a\r\nb\r\n', 'a\r\nc\n', 'a\r\nc\r\n'],
    ['mixed ends, line by line', 'a\r\nb\nc\r\nd\r\n', 'a\nb\nx\nd\n', 'a\r\nb\nx\r\nd\r\n'],
    ['mixed ends, twins in order', 'a\r\na\nb\nb\n', 'a\na\n', 'a\r\na\n'],
    ['an empty file', '', 'a\n', 'a\n'],
  ])('%s', (_what, before, text, want) => {
    expect(Buffer.from(encodeText(text, bytes(before))).toString()).toBe(want)
  })

  test('a new file has plain line ends', () => {
    expect(Buffer.from(encodeText('a\r\nb\n', undefined)).toString()).toBe('a\nb\n')
  })

  test.each(['a\r\nb\r\n', '\uFEFFa\nb', 'a\r\nb\nc\n', '\r\n\r\n', 'a', ''])(
    '%j written again as it was read is the same bytes',
    (raw) => {
      const read = decodeText(bytes(raw))
      if (read.kind !== 'text') throw new Error(read.why)
      expect(Buffer.from(encodeText(read.text, bytes(raw))).toString()).toBe(raw)
    },
  )
})
