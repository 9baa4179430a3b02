import { Readable } from 'node:stream'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ForgeRefusal } from './problem.ts'
import { readPushHead, type PushHead } from './push-commands.ts'

/** The head of a push, and its whole body again, head included, for git. */
export interface OpenedPush {
  readonly head: PushHead
  readonly body: Readable
}

/**
 * Reads the head of a push before any git process is started.
 * Errors: BadRequest for a body that is no push.
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

// The second lock: git itself says which refs it is about to change, whatever the first lock understood of the request.
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
