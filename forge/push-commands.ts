// The head of a push request: which refs it wants to change. Reads exactly what git-receive-pack reads (pkt-lines up to
// the first flush), and refuses whatever it does not know.
import type { RefCommand } from './access.ts'

/** What a push announces before its objects. */
export interface PushHead {
  /** Empty for the probe that git sends before a large push. */
  readonly commands: readonly RefCommand[]
  readonly capabilities: ReadonlySet<string>
}

export type PushHeadStep =
  | { readonly state: 'more' }
  | { readonly state: 'done'; readonly head: PushHead }
  | { readonly state: 'broken'; readonly message: string }

/** A push of one branch from a shallow clone has one command and some `shallow` lines; this is ample. */
const maxHeadBytes = 256 * 1024

const commandPattern = /^([0-9a-f]{40}) ([0-9a-f]{40}) ([^\0\n]+)$/
const shallowPattern = /^shallow [0-9a-f]{40}$/

/** Reads as much as there is. Call it again with more bytes from the start while it says `more`. */
export function readPushHead(bytes: Buffer): PushHeadStep {
  const commands: RefCommand[] = []
  let capabilities: ReadonlySet<string> = new Set()
  let at = 0
  for (;;) {
    if (at > maxHeadBytes) return { state: 'broken', message: 'the push names too many refs' }
    if (bytes.length < at + 4) return { state: 'more' }
    const digits = bytes.toString('latin1', at, at + 4)
    if (digits === '0000') return { state: 'done', head: { commands, capabilities } }
    const length = /^[0-9a-f]{4}$/i.test(digits) ? Number.parseInt(digits, 16) : 0
    if (length <= 4) return { state: 'broken', message: 'the push is not in pkt-line format' }
    if (bytes.length < at + length) return { state: 'more' }
    const line = bytes.toString('utf8', at + 4, at + length)
    at += length
    // As git reads it: C strings, the first NUL ends the command, the next one the capabilities.
    const [command = '', words] = line.replace(/\n$/, '').split('\0')
    const text = command.replace(/\n$/, '')
    if (shallowPattern.test(text) && words === undefined) continue
    const [, oldId, newId, ref] = commandPattern.exec(text) ?? []
    if (oldId === undefined || newId === undefined || ref === undefined) {
      return { state: 'broken', message: 'the push has a line that is no ref update' }
    }
    if (words !== undefined) {
      if (commands.length > 0) {
        return { state: 'broken', message: 'the push names its capabilities twice' }
      }
      capabilities = new Set(words.trim().split(' '))
    }
    commands.push({ oldId, newId, ref })
  }
}

const pkt = (payload: Buffer): Buffer =>
  Buffer.concat([Buffer.from((payload.length + 4).toString(16).padStart(4, '0')), payload])
const flush = Buffer.from('0000')

/**
 * The answer of a server that refused every ref, so that `git push` prints the sentence beside the ref.
 * Undefined when the client cannot read such an answer; it gets a plain HTTP refusal then.
 */
export function refusalReport(head: PushHead, message: string): Buffer | undefined {
  const { commands, capabilities } = head
  if (!capabilities.has('report-status') && !capabilities.has('report-status-v2')) return undefined
  const reason = message.replaceAll(/\s+/g, ' ').slice(0, 500)
  const report = Buffer.concat([
    pkt(Buffer.from('unpack ok\n')),
    ...commands.map(({ ref }) => pkt(Buffer.from(`ng ${ref} ${reason}\n`))),
    flush,
  ])
  if (!capabilities.has('side-band-64k')) return report
  const band: Buffer[] = []
  const size = 60_000
  for (let at = 0; at < report.length; at += size) {
    band.push(pkt(Buffer.concat([Buffer.of(1), report.subarray(at, at + size)])))
  }
  return Buffer.concat([...band, flush])
}
