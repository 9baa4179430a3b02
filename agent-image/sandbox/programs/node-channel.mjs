// How a child of node-runner.mjs talks to it: one authenticated line for each thing that happened, on a descriptor of
// its own. Project code shares this process, so everything that is needed later is taken here, before any of it is
// loaded, and nothing that it can replace (methods of prototypes, properties of globals) is called afterwards.
// oxlint-disable typescript/unbound-method -- called by `apply` only, whatever becomes of the prototypes
import { hash } from 'node:crypto'
import { readFileSync, writeSync } from 'node:fs'

const descriptor = 3
const { apply } = Reflect
const { stringify } = JSON
const bytesOf = Buffer.from
const sliceBytes = Buffer.prototype.subarray
const sliceText = String.prototype.slice
const { freeze, setPrototypeOf } = Object
const toText = String

/**
 * What the parent hands over: one JSON object on standard input, which is empty and closed afterwards. `nonce` is a
 * secret of parent and child: it is in no variable, no argument and no file that project code could read.
 */
const { nonce, ...settings } = JSON.parse(readFileSync(0, 'utf8'))
export const config = freeze(settings)

let sequence = 0

/**
 * Sends one line: a code over a running number and the text, then the text. A line that project code writes to the
 * descriptor has no right code, a line that it repeats or leaves out has the wrong number; the parent sees both.
 * Values are null, booleans, numbers, strings and objects of them.
 */
export function send(line) {
  const text = stringify(bare(line))
  const code = hash('sha256', `${nonce}${sequence}${text}${nonce}`, 'hex')
  sequence++
  let bytes = bytesOf(`${code} ${text}\n`)
  while (bytes.length > 0) {
    let written = 0
    try {
      written = writeSync(descriptor, bytes)
    } catch (error) {
      // A full pipe is tried again; on a closed one nobody is listening any more.
      if (error?.code !== 'EAGAIN') return
    }
    bytes = apply(sliceBytes, bytes, [written])
  }
}

/** Without a prototype, so that no `toJSON` of project code can change what is sent. */
function bare(value) {
  if (typeof value !== 'object' || value === null) return value
  for (const key in value) value[key] = bare(value[key])
  return setPrototypeOf(value, null)
}

/** At most `limit` characters of whatever `value` is as text; never throws. */
export function cut(value, limit) {
  try {
    return apply(sliceText, typeof value === 'string' ? value : toText(value), [0, limit])
  } catch {
    return 'a value that cannot be shown'
  }
}

/**
 * A name that fits into a report, of any length: a long one is cut, and a hash of the whole keeps it apart from others.
 */
export function shortName(name) {
  if (name.length <= 600) return name
  return `${cut(name, 500)} … ${cut(hash('sha256', name, 'hex'), 12)}`
}
