import { describe, expect, test } from 'vitest'
import { eventData } from './openai.ts'

async function read(chunks: readonly string[]): Promise<string[]> {
  const bytes = async function* () {
    for (const chunk of chunks) yield new TextEncoder().encode(chunk)
  }
  const found: string[] = []
  for await (const data of eventData(bytes())) found.push(data)
  return found
}

describe('an event stream', () => {
  test.each<[string, string, string[]]>([
    ['events', 'data: a\n\ndata: b\n\n', ['a', 'b']],
    ['no blank after the colon, and one of two', 'data:a\n\ndata:  b\n\n', ['a', ' b']],
    ['lines of one event', 'data: a\ndata: b\n\n', ['a\nb']],
    ['an empty line of data', 'data\n\n', ['']],
    ['other fields and comments', ': ping\nevent: x\nid: 7\ndata: a\nretry: 5\n\n', ['a']],
    ['a comment alone', ': ping\n\n', []],
    ['CRLF', 'data: a\r\n\r\ndata: b\r\n\r\n', ['a', 'b']],
    ['CR', 'data: a\r\rdata: b\r\r', ['a', 'b']],
    ['a byte order mark', '\uFEFFdata: a\n\n', ['a']],
    ['an event that is cut off', 'data: a\n\ndata: b', ['a']],
    ['a field that only begins like data', 'database: a\n\n', []],
  ])('gives the data of %s, however the bytes are cut', async (_, text, want) => {
    expect(await read([text])).toEqual(want)
    expect(await read(text.split(''))).toEqual(want)
  })

  test('keeps a sign together that two chunks share', async () => {
    const bytes = new TextEncoder().encode('data: ä€\n\n')
    const halves = async function* () {
      yield bytes.slice(0, 7)
      yield bytes.slice(7)
    }
    const found: string[] = []
    for await (const data of eventData(halves())) found.push(data)
    expect(found).toEqual(['ä€'])
  })
})
