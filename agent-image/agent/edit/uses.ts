// Which files of a project use a name of one of its files, by their text.
import { basename, dirname } from 'node:path'
import type { LostName } from './lost-names.ts'

/**
 * The files among `texts` (by path) that use each of `lost`, names of the file at `path`. A file counts when it imports that
 * file, or one that does so, or names what the name belongs to.
 */
export function usersOf(
  path: string,
  lost: readonly LostName[],
  texts: ReadonlyMap<string, string>,
): ReadonlyMap<LostName, readonly string[]> {
  const isPython = /\.pyi?$/.test(path)
  const stem = stemOf(path)
  const near = importers(isPython, new Set([stem]), texts, new Set([path]))
  const far = importers(isPython, new Set([...near].map(stemOf)), texts, new Set([path]))
  const users = new Map<LostName, readonly string[]>()
  for (const one of lost) {
    const found = [...texts].filter(([file, text]) => {
      if (file === path) return false
      if (one.word === 'default') return near.has(file)
      if (one.owner === undefined && !one.inner)
        return (
          near.has(file) && (isPython ? takesName(text, stem, one.word) : hasWord(text, one.word))
        )
      const isRelated =
        near.has(file) ||
        far.has(file) ||
        (one.owner !== undefined && one.owner !== 'default' && hasWord(text, one.owner))
      return isRelated && readsMember(text, one.word)
    })
    users.set(
      one,
      found.map(([file]) => file),
    )
  }
  return users
}

/** The name by which an import means a file: its own without the ending, or its folder's. */
function stemOf(path: string): string {
  const name = basename(path).replace(/\.(?:d\.)?\w+$/, '')
  return /^(?:index|__init__)$/.test(name) ? basename(dirname(path)) : name
}

function importers(
  isPython: boolean,
  stems: ReadonlySet<string>,
  texts: ReadonlyMap<string, string>,
  without: ReadonlySet<string>,
): ReadonlySet<string> {
  const found = new Set<string>()
  for (const [file, text] of texts) {
    if (without.has(file)) continue
    for (const stem of stems) if (imports(isPython, text, stem)) found.add(file)
  }
  return found
}

function imports(isPython: boolean, text: string, stem: string): boolean {
  if (stem === '.' || stem === '')
    return isPython ? /\bfrom \./.test(text) : /['"]\.{1,2}\/?(?:index\.\w+)?['"]/.test(text)
  if (!text.includes(stem)) return false
  const name = escaped(stem)
  return isPython
    ? new RegExp(
        `\\b(?:import|from)\\b[^\\n#]*\\b${name}\\b|\\bimport[ \\t]*\\([^)]*\\b${name}\\b|['"][\\w.]*\\b${name}\\b`,
      ).test(text)
    : new RegExp(`['"\`][^'"\`\\n]*(?<![\\w$-])${name}(?:/index)?(?:\\.\\w{2,4})?['"\`]`).test(
        text,
      ) || /['"]\.{1,2}\/?['"]/.test(text)
}

function hasWord(text: string, word: string): boolean {
  return new RegExp(`(?<![\\w$])${escaped(word)}(?![\\w$])`).test(text)
}

/** `x.word`, `x['word']`, `{ word } = x`, `getattr(x, 'word')`. */
function readsMember(text: string, word: string): boolean {
  if (word.startsWith('[') || word.startsWith('__')) return false
  const name = escaped(word)
  return new RegExp(
    `\\.\\s*${name}(?![\\w$])|\\[\\s*['"\`]${name}['"\`]\\s*\\]|getattr\\([^()\\n]*['"]${name}['"]|\\{[^{}]*(?<![\\w$.])${name}(?![\\w$(])[^{}]*\\}\\s*=[^=>]`,
  ).test(text)
}

/** Whether Python text takes a name of a module: by its import, from the module, or with everything. */
function takesName(text: string, stem: string, word: string): boolean {
  const name = escaped(word)
  const module = escaped(stem)
  const from = `\\bfrom[ \\t]+[\\w.]*(?:\\b${module}|(?<=\\.))[ \\t]+import[ \\t]+`
  if (
    new RegExp(`${from}(?:\\([^)]*(?<!\\w)${name}(?!\\w)|[^\\n(#]*(?<!\\w)${name}(?!\\w))`).test(
      text,
    )
  )
    return true
  if (new RegExp(`${from}\\*`).test(text) && hasWord(text, word)) return true
  const aliases = [
    ...text.matchAll(new RegExp(`\\b(?:[\\w.]*\\b)?${module}[ \\t]+as[ \\t]+(\\w+)`, 'g')),
  ].map((found) => found[1] ?? stem)
  return [stem, ...aliases].some((alias) =>
    new RegExp(
      `(?<!\\w)${escaped(alias)}\\.${name}(?!\\w)|getattr\\([^()\\n]*\\b${escaped(alias)}\\b[^()\\n]*['"]${name}['"]`,
    ).test(text),
  )
}

function escaped(word: string): string {
  return word.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
}
