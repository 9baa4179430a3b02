import { createHash } from 'node:crypto'

/** Something that happened, as the one who did it tells it. */
export interface AuditEntry {
  /** RFC 3339. */
  readonly time: string
  /** Who did it: `operator`, or `agent/<name>`. */
  readonly actor: string
  /** One CamelCase word, e.g. `Assigned`; the same as the Event's reason. */
  readonly action: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  /** Number of the object's transition; with the uid what tells records apart. Absent for what changed no object. */
  readonly transition?: number
  /** One sentence; never a secret, a token or a prompt. */
  readonly message: string
  readonly detail?: Readonly<Record<string, string | number>>
}

/** What tells a record apart from all others: the same transition is in the log once, whoever appends it. */
export function keyOfRecord(entry: AuditEntry): string {
  const { uid, transition, time, actor, action } = entry
  return transition === undefined ? `${uid}/${time}/${actor}/${action}` : `${uid}/${transition}`
}

/** The same, from a stored line; a spoiled line is like no other. */
export function keyOfLine(line: string): string {
  try {
    return keyOfRecord(JSON.parse(line) as AuditEntry)
  } catch {
    return line
  }
}

/** Where a chain stands: the number and hash of its last record. */
export interface ChainHead {
  readonly seq: number
  readonly hash: string
}

/** Before the first record. */
export const emptyChain: ChainHead = { seq: 0, hash: '0'.repeat(64) }

const hashPattern = /^(.*),"hash":"([0-9a-f]{64})"\}$/

/**
 * The line of one record, and the new head. `hash` is the SHA-256 of the line up to it, which holds `prev`: changing,
 * dropping or inserting a record breaks every later one. Hashing the stored bytes needs no canonical JSON.
 */
export function chain(
  entry: AuditEntry,
  head: ChainHead,
): { readonly line: string; readonly head: ChainHead } {
  const seq = head.seq + 1
  const open = JSON.stringify({ seq, prev: head.hash, ...entry }).slice(0, -1)
  const hash = createHash('sha256').update(open).digest('hex')
  return { line: `${open},"hash":"${hash}"}`, head: { seq, hash } }
}

/** What a check of a chain found. */
export type Verification =
  | { readonly kind: 'intact'; readonly head: ChainHead }
  | { readonly kind: 'broken'; readonly seq: number; readonly why: string }

/** Checks lines that follow `from`; names the first bad record. */
export function verify(lines: readonly string[], from: ChainHead = emptyChain): Verification {
  let head = from
  for (const line of lines) {
    const expected = head.seq + 1
    const match = hashPattern.exec(line)
    const [, open = '', hash = ''] = match ?? []
    if (match === null) return { kind: 'broken', seq: expected, why: 'the record has no hash' }
    if (createHash('sha256').update(open).digest('hex') !== hash)
      return { kind: 'broken', seq: expected, why: 'the record was changed' }
    const { seq, prev } = JSON.parse(line) as { readonly seq: number; readonly prev: string }
    if (seq !== expected || prev !== head.hash)
      return { kind: 'broken', seq: expected, why: 'a record before it is missing or was inserted' }
    head = { seq, hash }
  }
  return { kind: 'intact', head }
}

/** Where a chain stands after these lines, trusting them; for the writer who goes on. */
export function headOf(lines: readonly string[]): ChainHead {
  // A record that somebody spoiled must not end the log; `verify` finds it.
  const last = lines.findLast((line) => hashPattern.test(line))
  const [, seq] = /^\{"seq":(\d+),/.exec(last ?? '') ?? []
  const [, , hash] = hashPattern.exec(last ?? '') ?? []
  return seq === undefined || hash === undefined ? emptyChain : { seq: Number(seq), hash }
}
