// What stands in a package.json, and why Node may refuse it: with a package.json that it refuses, it
// loads no file of that package, whatever the file says.
import { objectOf } from './packages.ts'

/** A package.json as far as it can be read. */
interface PackageJson {
  readonly value: Readonly<Record<string, unknown>>
  /**
   * The end of a sentence whose subject is the file; undefined for one that Node takes. Node reads
   * less than a parser of JSON does, so it may take one with a fault as well: ask it.
   */
  readonly fault: string | undefined
}

/** Reads the text of a package.json; never throws. */
export function readPackageJson(text: string): PackageJson {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { value: {}, fault: faultOfText(text, error instanceof Error ? error.message : '') }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { value: {}, fault: `holds ${kindOf(value)} where it has to hold an object` }
  const object = objectOf(value)
  const wrong = ['name', 'type'].find(
    (key) => object[key] !== undefined && typeof object[key] !== 'string',
  )
  if (wrong === undefined) return { value: object, fault: undefined }
  const line = lineAt(text, text.search(new RegExp(String.raw`"${wrong}"\s*:`)))
  return { value: object, fault: `has ${kindOf(object[wrong])} as its ${wrong} in line ${line}` }
}

function faultOfText(text: string, said: string): string {
  if (text.trim() === '') return 'is empty'
  const conflict = /^(?:<{7}|={7}|>{7})(?=[ \r\n]|$)/m.exec(text)
  if (conflict !== null)
    return `has the mark of a merge conflict in line ${lineAt(text, conflict.index)}`
  const at = Number(/at position (\d+)/.exec(said)?.[1] ?? badTokenIn(text))
  const end = text.trimEnd().length
  if (at >= end || /end of JSON/.test(said))
    return `is no JSON: it ends in line ${lineAt(text, end)}, and something is still open`
  const [words = ''] = said.split(/ in JSON|, "|, \.\.\./)
  return `is no JSON: line ${lineAt(text, at)}: ${words}`
}

/**
 * Where the token stands that the parser did not expect, as it does not say: in the shortest
 * beginning about which it says the same.
 */
function badTokenIn(text: string): number {
  let low = 0
  let high = text.length
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (hasBadToken(text.slice(0, middle))) high = middle
    else low = middle + 1
  }
  return Math.max(0, low - 1)
}

function hasBadToken(text: string): boolean {
  try {
    JSON.parse(text)
    return false
  } catch (error) {
    return error instanceof Error && error.message.startsWith('Unexpected token')
  }
}

/** The number of the line, from 1, in which a place of the text is. */
function lineAt(text: string, at: number): number {
  return text.slice(0, Math.max(0, at)).split('\n').length
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'a list'
  return (
    { object: 'an object', string: 'a text', boolean: 'true or false' }[typeof value as string] ??
    'a number'
  )
}
