import { createHash } from 'node:crypto'

/** One entry of the audit: an action, its actor and the object that it was done to. */
export interface AuditEntry {
  /** RFC 3339. */
  readonly time: string
  /** `operator`, or `agent/<name>`. */
  readonly actor: string
  /** One CamelCase word, e.g. `Assigned`; the same as the Event's reason. */
  readonly action: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  /** Number of the object's transition, unique together with the uid. Absent for an event that changed no object. */
  readonly transition?: number
  /** One sentence; never a secret, a token or a prompt. */
  readonly message: string
  readonly detail?: Readonly<Record<string, string | number>>
}

/** The identity of a record: a transition is in the log once, whichever process appends it. */
export function keyOfRecord(entry: AuditEntry): string {
  const { uid, transition, time, actor, action } = entry
  return transition === undefined ? `${uid}/${time}/${actor}/${action}` : `${uid}/${transition}`
}

/** The identity of a record, from its stored line; a malformed line equals no other. */
export function keyOfLine(line: string): string {
  try {
    return keyOfRecord(JSON.parse(line) as AuditEntry)
  } catch {
    return line
  }
}

/** The head of a chain: number and hash of its last record. */
interface ChainHead {
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

/** The result of checking a chain. */
type Verification =
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

/** The head of a chain after these lines, without checking them, for a writer that appends. */
export function headOf(lines: readonly string[]): ChainHead {
  // A changed record must not stop the log; `verify` finds it.
  const last = lines.findLast((line) => hashPattern.test(line))
  const [, seq] = /^\{"seq":(\d+),/.exec(last ?? '') ?? []
  const [, , hash] = hashPattern.exec(last ?? '') ?? []
  return seq === undefined || hash === undefined ? emptyChain : { seq: Number(seq), hash }
}
