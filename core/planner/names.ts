import { createHash } from 'node:crypto'
import type { Action } from '../api/agent-types.ts'

const longest = 63
const longestUnit = 30
const dull = new Set(
  'a an and are as be by can create for from has have implement in into is it its make module must new of on one or should so that the then there this to use using when which with write add build file function code unit'.split(
    ' ',
  ),
)
const dullFiles = new Set(['index', 'main', 'mod', 'lib', 'init', '__init__'])

/**
 * A DNS label made from words: lower case, hyphens, at most `max` characters; empty when nothing is
 * left.
 */
export function label(words: string, max: number): string {
  return words
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .replace(/ß/g, 'ss')
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, max)
    .replace(/^-+|-+$/g, '')
}

/**
 * A short name for a unit: the name of its first file, or the first telling words of its goal when
 * that says nothing.
 * Guarantees: a DNS label of at most 30 characters that is not in `taken`.
 */
export function unitName(
  unit: { readonly goal: string; readonly files: readonly string[] },
  taken: ReadonlySet<string>,
): string {
  const base =
    unit.files[0]
      ?.split('/')
      .at(-1)
      ?.replace(/\.[^.]*$/, '') ?? ''
  const fromFile = dullFiles.has(base.toLowerCase()) ? '' : label(base, longestUnit)
  const words = unit.goal.split(/[^A-Za-z0-9]+/).filter((word) => !dull.has(word.toLowerCase()))
  const wanted = fromFile || label(words.slice(0, 3).join(' '), longestUnit) || 'unit'
  return freeName(wanted, taken)
}

/** The name itself, or with the first number behind it that is free. At most 30 characters. */
export function freeName(wanted: string, taken: ReadonlySet<string>): string {
  let name = wanted
  for (let number = 2; taken.has(name); number++) {
    const tail = `-${number}`
    name = `${wanted.slice(0, longestUnit - tail.length).replace(/-+$/, '')}${tail}`
  }
  return name
}

/**
 * Name of an AgentTask: `<request>-<action>` or `<request>-<action>-<unit>`.
 * Guarantees: a DNS label of at most 63 characters; the same for the same input; different for
 * different input, by a hash where the name had to be changed.
 */
export function taskName(request: string, action: Action, unit?: string): string {
  const full = [request, action, ...(unit === undefined ? [] : [unit])].join('-')
  const plain = label(full, Infinity)
  if (plain === full && full.length <= longest) return full
  const hash = createHash('sha256').update(full).digest('hex').slice(0, 8)
  return `${plain.slice(0, longest - 9).replace(/-+$/, '')}-${hash}`
}
