import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type { RefCommand } from './access.ts'
import { ForgeRefusal } from './problem.ts'

/** The head of a push, and its whole body again, head included, for git. */
interface OpenedPush {
  readonly head: PushHead
  readonly body: Readable
}

/**
 * Reads the head of a push before any git process is started.
 * Errors: BadRequest for a body that is not a push.
 */
export async function openPush(source: Readable): Promise<OpenedPush> {
  const chunks = source.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>
  let early = Buffer.alloc(0)
  for (;;) {
    const step = readPushHead(early)
    if (step.state === 'broken') throw new ForgeRefusal('BadRequest', sentence(step.message))
    if (step.state === 'done') return { head: step.head, body: Readable.from(rest(early, chunks)) }
    const next = await chunks.next()
    if (next.done === true)
      throw new ForgeRefusal('BadRequest', 'The push ended in its first lines.')
    early = Buffer.concat([early, next.value])
  }
}

async function* rest(early: Buffer, chunks: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield early
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
    yield next.value
  }
}

const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`

/** Names the one ref that a push may change; read by the hook. */
const allowedRefVariable = 'GUILDHALL_PUSH_REF'

// The second lock: git itself says which refs it is about to change, whatever the first lock
// understood of the request.
const preReceive = `#!/bin/sh
# Written by the forge at start. Lets exactly one ref through: the one the forge decided on.
count=0
while read -r old new ref; do
  count=$((count + 1))
  if [ -z "$${allowedRefVariable}" ] || [ "$ref" != "$${allowedRefVariable}" ]; then
    echo "the forge did not allow $ref" >&2
    exit 1
  fi
done
[ "$count" -eq 1 ]
`

/** Writes the hooks that pushes run with. Returns their directory. */
export async function writeHooks(dataDirectory: string): Promise<string> {
  const directory = join(dataDirectory, 'hooks')
  await mkdir(directory, { recursive: true })
  await writeFile(join(directory, 'pre-receive'), preReceive, { mode: 0o755 })
  return directory
}

/** Git settings of a push: what git itself refuses, and how large the objects may be. */
export function pushSettings(options: {
  readonly hooks: string
  readonly maxBytes: number
}): Record<string, string> {
  return {
    'core.hooksPath': options.hooks,
    'receive.fsckObjects': 'true',
    'receive.denyDeletes': 'true',
    'receive.denyNonFastForwards': 'true',
    'receive.denyCurrentBranch': 'refuse',
    'receive.maxInputSize': String(Math.floor(options.maxBytes)),
    'receive.autogc': 'false',
    'receive.advertisePushOptions': 'false',
    'receive.advertiseAtomic': 'false',
  }
}

/** Environment of a push that may change `ref` alone. Without a ref it may change nothing. */
export function pushEnvironment(ref: string | undefined): Record<string, string> {
  return { [allowedRefVariable]: ref ?? '' }
}

/** What a push announces before its objects. */
interface PushHead {
  /** Empty for the probe that git sends before a large push. */
  readonly commands: readonly RefCommand[]
  readonly capabilities: ReadonlySet<string>
}

type PushHeadStep =
  | { readonly state: 'more' }
  | { readonly state: 'done'; readonly head: PushHead }
  | { readonly state: 'broken'; readonly message: string }

/**
 * A push of one branch from a shallow clone has one command and some `shallow` lines; this is
 * ample.
 */
const maxHeadBytes = 256 * 1024

const commandPattern = /^([0-9a-f]{40}) ([0-9a-f]{40}) ([^\0\n]+)$/
const shallowPattern = /^shallow [0-9a-f]{40}$/

/**
 * Reads the refs that a push wants to change, as git-receive-pack reads them: pkt-lines up to the
 * first flush. Refuses everything that it does not know. Call it again with more bytes from the
 * start while it says `more`.
 */
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
      return { state: 'broken', message: 'the push has a line that is not a ref update' }
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
 * The answer of a server that refused every ref, so that `git push` prints the sentence next to the
 * ref. Undefined when the client cannot read such an answer; it gets a plain HTTP refusal then.
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
