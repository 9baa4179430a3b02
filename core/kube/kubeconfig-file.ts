// Reads one file of a kubeconfig as kubectl does, and merges several.
import { readFileSync, statSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { fileProblem } from '../base/file-problem.ts'
import { KubeconfigError } from './errors.ts'

export type KubeconfigFields = Readonly<Record<string, unknown>>

/** A named part of a kubeconfig. Paths in it are absolute. */
export interface KubeconfigEntry {
  readonly name: string
  readonly fields: KubeconfigFields
}

export interface KubeconfigContents {
  readonly clusters: readonly KubeconfigEntry[]
  readonly users: readonly KubeconfigEntry[]
  readonly contexts: readonly KubeconfigEntry[]
  readonly current: string
}

/** The texts of pipes, which can be read once only: `--kubeconfig <(…)` is asked for several times. */
const pipes = new Map<string, string>()

function textOf(file: string): string {
  const piped = pipes.get(file)
  if (piped !== undefined) return piped
  const stats = statSync(file)
  const bytes = readFileSync(file)
  // As kubectl does; a UTF-8 mark is dropped by the decoder.
  const mark = bytes.subarray(0, 2).toString('hex')
  const encoding = mark === 'fffe' ? 'utf-16le' : mark === 'feff' ? 'utf-16be' : 'utf-8'
  const text = new TextDecoder(encoding).decode(bytes)
  if (!stats.isFile()) pipes.set(file, text)
  return text
}

/**
 * What a file holds; undefined for an empty one. `another` is the command that finds another file.
 * Errors: `KubeconfigError`.
 */
export function contentsOf(file: string, another: string): KubeconfigContents | undefined {
  let text: string
  try {
    text = textOf(file)
  } catch (cause) {
    const why = fileProblem(cause)
    throw new KubeconfigError(
      `the kubeconfig ${file} cannot be read: ${why}`,
      `ls -ld ${quoted(file)}`,
      { cause },
    )
  }
  if (/^(?:\s|#.*|---)*$/.test(text)) return undefined
  const edit = `\${EDITOR:-vi} ${quoted(file)}`
  if (text.includes('\0'))
    throw new KubeconfigError(
      `the kubeconfig ${file} cannot be read: it is no text in UTF-8 (it has NUL bytes, as UTF-16 without its mark has)`,
      `file ${quoted(file)}   (to turn UTF-16 into UTF-8: iconv -f UTF-16LE -t UTF-8)`,
    )
  let whole: unknown
  try {
    // kubectl takes the first document, and of a key that is there twice the last.
    const [first] = parseAllDocuments(text, { uniqueKeys: false, merge: true, logLevel: 'error' })
    const [fault] = first !== undefined && 'errors' in first ? first.errors : []
    if (fault !== undefined) throw fault
    whole = first !== undefined && 'toJS' in first ? first.toJS() : undefined
  } catch (cause) {
    const why = fileProblem(cause).replace(/:$/, '')
    throw new KubeconfigError(`the kubeconfig ${file} cannot be read: ${why}`, edit, { cause })
  }
  if (typeof whole !== 'object' || whole === null || Array.isArray(whole))
    throw new KubeconfigError(
      `the file ${file} is no kubeconfig: it holds ${Array.isArray(whole) ? 'a list' : 'a text'} where clusters, users and contexts have to be`,
      another,
    )
  const top = fieldsOf(whole)
  const folder = dirname(resolve(file))
  const absolute = (path: unknown): string => {
    const written = typeof path === 'string' ? path : ''
    return written === '' || isAbsolute(written) ? written : join(folder, written)
  }
  return {
    clusters: entriesOf(top['clusters'], 'cluster').map(({ name, fields }) => ({
      name,
      fields: withFiles(fields, ['certificate-authority'], absolute),
    })),
    users: entriesOf(top['users'], 'user').map(({ name, fields }) => {
      const files = withFiles(fields, ['client-certificate', 'client-key', 'tokenFile'], absolute)
      const exec = fieldsOf(files['exec'])
      // A command without a separator is looked for in PATH.
      const command = textIn(exec, 'command')
      return /[/\\]/.test(command)
        ? { name, fields: { ...files, exec: { ...exec, command: absolute(command) } } }
        : { name, fields: files }
    }),
    contexts: entriesOf(top['contexts'], 'context'),
    current: textIn(top, 'current-context'),
  }
}

function entriesOf(list: unknown, field: string): readonly KubeconfigEntry[] {
  const items: readonly unknown[] = Array.isArray(list) ? list : []
  return items.map(fieldsOf).flatMap((item) => {
    const name = textIn(item, 'name')
    return name === '' ? [] : [{ name, fields: fieldsOf(item[field]) }]
  })
}

/** The fields with absolute paths, without the files whose contents (`…-data`) are there, too. */
function withFiles(
  fields: KubeconfigFields,
  names: readonly string[],
  absolute: (path: unknown) => string,
): KubeconfigFields {
  const files = names.filter((name) => fields[name] !== undefined)
  return {
    ...fields,
    ...Object.fromEntries(
      files.map((name) => [name, fields[`${name}-data`] ? undefined : absolute(fields[name])]),
    ),
  }
}

/** A field as text; YAML takes a name of digits for a number. Empty when it is absent or no scalar. */
export function textIn(fields: KubeconfigFields, field: string): string {
  const value = fields[field]
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

/** Merges as kubectl does: of several entries with one name the first counts. */
export function merged(first: KubeconfigContents, other: KubeconfigContents): KubeconfigContents {
  const added = (mine: readonly KubeconfigEntry[], theirs: readonly KubeconfigEntry[]) => [
    ...mine,
    ...theirs.filter(({ name }) => !mine.some((one) => one.name === name)),
  ]
  return {
    clusters: added(first.clusters, other.clusters),
    users: added(first.users, other.users),
    contexts: added(first.contexts, other.contexts),
    current: first.current || other.current,
  }
}

/** The fields of a value that has to be an object; of anything else none. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}

/** A word as a shell reads it. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`
}
