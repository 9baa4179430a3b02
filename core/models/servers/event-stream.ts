/**
 * The data of each event of a `text/event-stream`, as the HTML standard parses it: lines end with LF, CRLF or CR, an event
 * with an empty line, `data` lines of one event are joined with LF. Names, ids and comments are passed over.
 * An event that the end of the stream cuts off is dropped.
 */
export async function* eventData(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  let data: string[] = []
  for await (const chunk of bytes) {
    rest += decoder.decode(chunk, { stream: true })
    // A CR at the very end may be the first half of CRLF.
    const lines = rest.split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line !== '') {
        const field = /^data(?:: ?(.*))?$/.exec(line)
        if (field !== null) data.push(field[1] ?? '')
        continue
      }
      if (data.length > 0) yield data.join('\n')
      data = []
    }
  }
  if (rest === '\r' && data.length > 0) yield data.join('\n')
}
