// How the text of a file is written: byte order mark, line ends, end of the last line. The harness
// and the model see text with plain line ends; a file that is written again keeps the form it had.
/** The bytes of a file as the harness sees them. */
type Decoded =
  | { readonly kind: 'text'; readonly text: string }
  /**
   * Why the bytes are not text that can be changed: the end of a sentence whose subject is the
   * file.
   */
  | { readonly kind: 'unreadable'; readonly why: string }

const bom = '\uFEFF'
const lfsPointer = 'version https://git-lfs.github.com/spec/'
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads bytes as UTF-8, without the byte order mark and with `\n` at the end of each line. Never
 * guesses an encoding.
 */
export function decodeText(bytes: Uint8Array): Decoded {
  const encoding = foreignEncoding(bytes)
  if (encoding !== undefined) return { kind: 'unreadable', why: `is written in ${encoding}` }
  if (bytes.includes(0)) return { kind: 'unreadable', why: 'is a binary file' }
  let raw: string
  try {
    raw = strict.decode(bytes)
  } catch {
    return { kind: 'unreadable', why: 'is not written in UTF-8 (Latin-1, perhaps)' }
  }
  if (raw.startsWith(lfsPointer))
    return { kind: 'unreadable', why: 'is a pointer of Git LFS, whose content is kept elsewhere' }
  return { kind: 'text', text: plain(raw) }
}

/**
 * The bytes for new `text`, in the form that the file had when it held `before`; without it in
 * UTF-8 with `\n`.
 */
export function encodeText(text: string, before: Uint8Array | undefined): Uint8Array {
  const next = plain(text)
  if (before === undefined || before.length === 0) return Buffer.from(next, 'utf8')
  const raw = Buffer.from(before).toString('utf8')
  const old = raw.startsWith(bom) ? raw.slice(1) : raw
  const lines = next.split('\n')
  // Models end every file with a line end; a file that had none is not given one.
  if (!old.endsWith('\n') && lines.length > 1 && lines.at(-1) === '') lines.pop()
  const ends = lineEnds(lines, old)
  const body = lines.map((line, at) => line + (ends[at] ?? '')).join('')
  return Buffer.from((raw.startsWith(bom) ? bom : '') + body, 'utf8')
}

function plain(raw: string): string {
  const body = raw.startsWith(bom) ? raw.slice(1) : raw
  return body.replaceAll('\r\n', '\n')
}

/**
 * The end of each line except the last. Where a file mixes line ends, a line that was there before
 * keeps its own, and a new line gets the more common one.
 */
function lineEnds(lines: readonly string[], old: string): readonly string[] {
  const before = old.split('\n')
  const withReturn = before.slice(0, -1).filter((line) => line.endsWith('\r')).length
  const common = withReturn * 2 > before.length - 1 ? '\r\n' : '\n'
  const isMixed = withReturn > 0 && withReturn < before.length - 1
  const known = isMixed ? knownEnds(before.slice(0, -1)) : new Map<string, string[]>()
  return lines.slice(0, -1).map((line) => known.get(line)?.shift() ?? common)
}

function knownEnds(lines: readonly string[]): Map<string, string[]> {
  const known = new Map<string, string[]>()
  for (const line of lines) {
    const end = line.endsWith('\r') ? '\r\n' : '\n'
    const text = end === '\r\n' ? line.slice(0, -1) : line
    known.set(text, [...(known.get(text) ?? []), end])
  }
  return known
}

/**
 * UTF-16 and UTF-32 by their byte order marks, and UTF-16 without one by its many zero bytes at
 * every other place.
 */
function foreignEncoding(bytes: Uint8Array): string | undefined {
  const [a, b, c, d] = bytes
  if (a === 0xff && b === 0xfe) return c === 0 && d === 0 ? 'UTF-32' : 'UTF-16'
  if (a === 0xfe && b === 0xff) return 'UTF-16'
  if (a === 0 && b === 0 && c === 0xfe && d === 0xff) return 'UTF-32'
  const head = bytes.subarray(0, 400)
  const zeros = [0, 0]
  for (const [at, byte] of head.entries()) if (byte === 0) zeros[at % 2] = (zeros[at % 2] ?? 0) + 1
  const [even = 0, odd = 0] = zeros
  const most = head.length / 2
  return most >= 4 && Math.max(even, odd) > most * 0.8 && Math.min(even, odd) === 0
    ? 'UTF-16'
    : undefined
}
