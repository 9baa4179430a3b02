// What a new document is called: a README by the project's own name, which its manifests say.
import { basename, dirname } from 'node:path'
import { plainLine } from '../../../core/api/plain-text.ts'

/** Gives the text of a file of the branch; undefined for one that is not there or no text. */
export type ReadText = (path: string) => Promise<string | undefined>

const longestTitle = 100

/**
 * The title of a new document, fit for a heading. A README is called as the manifest in its folder says; where none does, as
 * its folder, and the one at the top as `repository`. Other documents are called as their files.
 */
export async function titleOf(path: string, repository: string, read: ReadText): Promise<string> {
  const folder = dirname(path) === '.' ? '' : dirname(path)
  if (!isReadme(basename(path))) return basename(path).replace(/\.\w+$/, '')
  const named = await projectName(folder, read)
  return named ?? (folder === '' ? repository : basename(folder))
}

/** Whether a file name is that of a README. */
export function isReadme(name: string): boolean {
  return /^readme(?:\.\w+)?$/i.test(name)
}

/** What each manifest calls its project, those that are asked first first. */
const manifests: readonly (readonly [string, (text: string) => string | undefined])[] = [
  ['package.json', nameInJson],
  ['pyproject.toml', nameInToml],
  ['setup.cfg', (text) => /^name[ \t]*=[ \t]*(.+)$/m.exec(table(text, 'metadata'))?.[1]],
  ['setup.py', (text) => /\bsetup\s*\([^]*?\bname\s*=\s*(["'])([^"'\n]+)\1/.exec(text)?.[2]],
]

async function projectName(folder: string, read: ReadText): Promise<string | undefined> {
  for (const [file, nameIn] of manifests) {
    const text = await read(folder === '' ? file : `${folder}/${file}`)
    const name = plainLine(nameIn((text ?? '').replace(/^\uFEFF/, '')) ?? '', longestTitle)
    // Signs that Markdown would take for its own are no part of any name that a registry takes.
    if (/^@?[\p{L}\p{N}][\p{L}\p{N} ._~/-]*$/u.test(name)) return name
  }
  return undefined
}

function nameInJson(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const name = typeof value === 'object' && value !== null && 'name' in value && value.name
    return typeof name === 'string' ? name : undefined
  } catch {
    return undefined
  }
}

function nameInToml(text: string): string | undefined {
  for (const part of [table(text, 'project'), table(text, 'tool.poetry')]) {
    const name = /^[ \t]*name[ \t]*=[ \t]*(["'])([^"'\n]*)\1/m.exec(part)?.[2]
    if (name !== undefined) return name
  }
  return undefined
}

/** The lines of one table of a TOML or INI file. */
function table(text: string, name: string): string {
  const lines = text.split(/\r?\n/)
  const isHead = (line: string): boolean => /^[ \t]*\[/.test(line)
  const start = lines.findIndex((line) => line.replace(/\s|#.*$/g, '') === `[${name}]`)
  if (start === -1) return ''
  const own = lines.slice(start + 1)
  const end = own.findIndex(isHead)
  return (end === -1 ? own : own.slice(0, end)).join('\n')
}
