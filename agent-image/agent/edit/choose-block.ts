// Finds the text for one wanted file in a model's answer.
import { basename } from 'node:path'
import type { FencedBlock } from '../../../operator/api/agent-protocol.ts'
import { languageOf } from '../project.ts'

/** Either the new text of the file, or why the answer holds none; the sentence is for the model to read. */
export type Chosen =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'none'; readonly why: string }

const languages: Readonly<Record<string, readonly string[]>> = {
  node: ['js', 'javascript', 'mjs', 'cjs', 'jsx', 'ts', 'typescript', 'node'],
  python: ['py', 'python', 'python3'],
}

/**
 * Chooses, in this order: a block named as the wanted path; one with the same file name in other folders; the only
 * block without a name that fits the language; the longest of those. A block named after another file is never taken.
 */
export function chooseBlock(blocks: readonly FencedBlock[], wanted: string): Chosen {
  const full = blocks.filter((block) => block.text.trim() !== '')
  if (full.length === 0) return { kind: 'none', why: 'The answer had no fenced block with text.' }
  const named = full.map((block) => ({ block, path: cleanPath(block.path) }))
  const exact = named.filter((entry) => entry.path === wanted)
  const sameName = named.filter((entry) => {
    return entry.path !== undefined && basename(entry.path) === basename(wanted)
  })
  const nameless = named.filter(
    (entry) => entry.path === undefined && fits(entry.block.language, wanted),
  )
  // A model that corrects itself gives the better text last.
  const chosen = exact.at(-1) ?? sameName.at(-1) ?? longest(nameless)
  if (chosen !== undefined) return { kind: 'text', text: withEnd(chosen.block.text) }
  const others = named.flatMap((entry) => (entry.path === undefined ? [] : [entry.path]))
  return {
    kind: 'none',
    why:
      others.length > 0
        ? `The answer was for ${others.slice(0, 3).join(', ')} and not for ${wanted}.`
        : `The answer had no block in the language of ${wanted}.`,
  }
}

function longest<T extends { readonly block: FencedBlock }>(entries: readonly T[]): T | undefined {
  return entries.toSorted((a, b) => b.block.text.length - a.block.text.length)[0]
}

/** A path as models write it: in backticks or stars, with a colon or a number sign, with a leading `./`. */
export function cleanPath(path: string | undefined): string | undefined {
  const clean = path
    ?.trim()
    .replace(/^(file(name)?|path)\s*[:=]\s*/i, '')
    .replace(/^[*`'"#\s]+|[*`'":\s]+$/g, '')
    .replace(/^(\.\/|\/|path\/to\/)+/, '')
  // A sentence is not a file name.
  if (clean === undefined || clean === '' || clean.length > 250 || /\s/.test(clean))
    return undefined
  return clean
}

function fits(language: string | undefined, wanted: string): boolean {
  if (language === undefined || language === '') return true
  const allowed = languages[languageOf(wanted)]
  const ending = wanted.slice(wanted.lastIndexOf('.') + 1).toLowerCase()
  const said = language.toLowerCase()
  if (allowed === undefined)
    return said === ending || (ending === 'md' && said === 'markdown') || said === 'text'
  return allowed.includes(said)
}

function withEnd(text: string): string {
  return text.endsWith('\n') ? text : `${text}\n`
}
