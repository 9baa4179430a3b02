/** The head of a CGI answer (RFC 3875, section 6): status and headers, and where the body begins. */
export interface CgiHead {
  readonly status: number
  readonly headers: readonly (readonly [string, string])[]
  /** Offset of the first byte of the body. */
  readonly bodyAt: number
}

const maxHeadBytes = 16 * 1024

/**
 * Reads the head if all of it is there; undefined while it is not.
 * Errors: throws for a head that is no CGI head or longer than 16 KiB.
 */
export function readCgiHead(bytes: Buffer): CgiHead | undefined {
  const end = /\r?\n\r?\n/.exec(bytes.toString('latin1', 0, maxHeadBytes))
  if (end === null) {
    if (bytes.length >= maxHeadBytes) throw new Error('the CGI answer has no end of its headers')
    return undefined
  }
  let status = 200
  const headers: [string, string][] = []
  for (const line of bytes.toString('latin1', 0, end.index).split(/\r?\n/)) {
    const [, name, value] = /^([A-Za-z0-9-]+):\s*(.*)$/.exec(line) ?? []
    if (name === undefined || value === undefined) {
      throw new Error('the CGI answer has a line that is no header')
    }
    if (name.toLowerCase() === 'status') status = Number.parseInt(value, 10) || 500
    else headers.push([name, value])
  }
  return { status, headers, bodyAt: end.index + end[0].length }
}
