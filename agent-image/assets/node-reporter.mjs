// Our reporter for `node --test`: one JSON object a line, sealed by a last line that only we can write.
//
// It runs in the runner's process, not in a test's; tests can print what they like without being believed. The key of
// the seal comes on standard input, which tests do not inherit. Lines:
//   {"kind":"test","file","name","status":"pass|fail|skip","message","expected","actual","frame","derived"}
//   {"kind":"file","file","finished","failed","message"}
//   {"kind":"end","mac"}            HMAC-SHA256 of everything before this line
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { inspect } from 'node:util'

const key = readFileSync(0, 'utf8')
const root = process.cwd()

// oxlint-disable-next-line import/no-default-export -- node asks for one
export default async function* report(events) {
  const mac = createHmac('sha256', key)
  const line = (value) => {
    const text = `${JSON.stringify(value)}\n`
    mac.update(text)
    return text
  }
  const open = new Map()
  const finished = new Set()
  const errors = new Map()
  for await (const { type, data } of events) {
    const file = data?.file ? relative(root, data.file) : undefined
    if (type === 'test:stderr' && file !== undefined) {
      errors.set(file, `${errors.get(file) ?? ''}${data.message}`.slice(-6000))
    } else if (type === 'test:start' && file !== undefined) {
      const names = open.get(file) ?? []
      names.length = data.nesting
      names[data.nesting] = data.name
      open.set(file, names)
    } else if (type === 'test:summary' && file !== undefined) {
      finished.add(file)
      yield line({ kind: 'file', file, finished: true, failed: !data.success })
    } else if ((type === 'test:pass' || type === 'test:fail') && file !== undefined) {
      const failed = type === 'test:fail'
      if (data.nesting === 0 && (data.name === file || data.name === data.file)) {
        // The result of a whole file: given only when its process did not report its tests to the end.
        if (finished.has(file) && !failed) continue
        const message = errors.get(file) ?? data.details?.error?.message
        yield line({ kind: 'file', file, finished: false, failed, message })
        continue
      }
      const error = data.details?.error
      const derived = error?.failureType === 'subtestsFailed'
      if (data.details?.type === 'suite' && (!failed || derived)) continue
      const name = [...(open.get(file) ?? []).slice(0, data.nesting), data.name].join(' > ')
      const skipped = data.skip !== undefined || data.todo !== undefined
      const status = skipped ? 'skip' : failed ? 'fail' : 'pass'
      yield line({ kind: 'test', file, name, status, ...(failed ? failure(error, derived) : {}) })
    }
  }
  yield `${JSON.stringify({ kind: 'end', mac: mac.digest('hex') })}\n`
}

function failure(error, derived) {
  const cause = error?.cause ?? error
  const isError = typeof cause === 'object' && cause !== null
  const message = isError ? `${cause.name ?? 'Error'}: ${cause.message ?? ''}` : String(cause)
  const compared = isError && 'expected' in cause && 'actual' in cause
  return {
    message: message.slice(0, 2000),
    ...(compared ? { expected: show(cause.expected), actual: show(cause.actual) } : {}),
    frame: isError ? frameOf(cause.stack) : undefined,
    derived,
  }
}

function show(value) {
  return inspect(value, { depth: 4, breakLength: 100, maxStringLength: 300 }).slice(0, 500)
}

/** The innermost line of the stack that lies in the project. */
function frameOf(stack) {
  for (const text of String(stack ?? '').split('\n')) {
    const found = /(?:file:\/\/)?(\/[^\s()]+?):(\d+):\d+\)?$/.exec(text)
    if (!found) continue
    const file = relative(root, decodeURI(found[1]))
    if (!file.startsWith('..') && !file.includes('node_modules'))
      return { file, line: Number(found[2]) }
  }
  return undefined
}
