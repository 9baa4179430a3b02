// What a proposed file must not be, checked before it touches a disk. Each refusal is a sentence for the model.
import { hasHiddenCharacters } from '../../../operator/api/plain-text.ts'
import { languageOf } from '../project.ts'

export interface Proposal {
  readonly path: string
  readonly text: string
  /** Text of the file as it is; undefined for a new file. */
  readonly before: string | undefined
  /** The paths the task may write. */
  readonly allowed: readonly string[]
  /** All that the model was told by people, to tell a copied example from a wanted word. */
  readonly requested: string
  /** Whether the task says that things are to be removed. */
  readonly mayShrink: boolean
}

export interface Refusal {
  readonly code:
    | 'Scope'
    | 'Omission'
    | 'Shrink'
    | 'ConflictMarker'
    | 'Secret'
    | 'Diff'
    | 'Hidden'
    | 'Language'
    | 'Example'
    | 'TooLarge'
  readonly message: string
}

/** Words of the example in our prompts. An answer that holds them copied the example. */
export const exampleWords = ['plumOrchard', 'plum_orchard', 'gatherPlums', 'gather_plums'] as const

const omission = [
  /^\s*\{?(\/\/|#|\/\*|\*|<!--)?\s*(\.\.\.|…)\s*(\*\/|-->)?\}?\s*$/,
  /(\/\/|#|\/\*|<!--).*\b(rest of|remaining|existing|previous|other)\b.*\b(code|file|functions?|methods?|implementation|content|tests?|class(es)?|imports?)\b.*(\.\.\.|unchanged|here|same|as before|stays?|remains?)/i,
  /(\/\/|#|\/\*|<!--).*(\.\.\.|…).*\b(rest|existing|remaining|unchanged|same|omitted|code)\b/i,
  /(\/\/|#|\/\*|<!--)\s*(your|the|add|insert|implement)?\s*(code|implementation|logic)\s+(goes\s+)?here\b/i,
  /(\/\/|#|\/\*)\s*TODO:?\s*implement/i,
  /(\/\/|#|\/\*|<!--).*\b(unchanged|omitted for brevity|(remains?|stays?) the same)\b\W*$/i,
]

const secrets = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\bAKIA[0-9A-Z]{16}\b/,
  /\bgh[pousr]_[A-Za-z0-9]{30,}\b/,
  /\bgithub_pat_\w{30,}\b/,
  /\bglpat-[\w-]{20,}/,
  /\b[rs]k_live_[A-Za-z0-9]{20,}\b/,
  /\bAIza[\w-]{35}\b/,
  /\bxox[abprs]-[A-Za-z0-9-]{10,}\b/,
  /\bsk-[A-Za-z0-9_-]{32,}\b/,
  /\beyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}\b/,
]

const conflict = /^(<{7}( |$)|={7}$|>{7}( |$))/m
const largest = 131_072

/** The first thing that is wrong with a proposal; undefined when nothing is. */
export function refuse(proposal: Proposal): Refusal | undefined {
  const { path, text, before, allowed } = proposal
  if (!allowed.includes(path))
    return { code: 'Scope', message: `${path} is not a file of this task.` }
  if (text.length > largest) return { code: 'TooLarge', message: `${path} is longer than 128 KiB.` }
  if (conflict.test(text) && !conflict.test(before ?? ''))
    return { code: 'ConflictMarker', message: `${path} contains merge conflict markers.` }
  if (isDiff(path, text))
    return { code: 'Diff', message: `${path} is a diff. Write the complete file.` }
  if (hasHiddenCharacters(text) && !hasHiddenCharacters(before ?? ''))
    return {
      code: 'Hidden',
      message: `${path} contains characters that nobody sees. Write them as escapes.`,
    }
  const left = findOmission(text, before)
  if (left !== undefined)
    return {
      code: 'Omission',
      message: `${path} leaves code out at the line \`${left}\`. Write the complete file.`,
    }
  if (shrinks(proposal))
    return {
      code: 'Shrink',
      message: `${path} lost most of its text. Keep everything that need not change, and write the complete file.`,
    }
  if (findSecret(text, before))
    return { code: 'Secret', message: `${path} contains something that looks like a real secret.` }
  if (isOtherLanguage(path, text))
    return { code: 'Language', message: `${path} is not written in the language of its name.` }
  const copied = exampleWords.find(
    (word) => text.includes(word) && !proposal.requested.includes(word),
  )
  if (copied !== undefined)
    return { code: 'Example', message: `The answer repeats the example (${copied}).` }
  return undefined
}

/** The first line that stands for code that was left out, unless it stood there before. */
export function findOmission(text: string, before = ''): string | undefined {
  const known = new Set(before.split('\n').map((line) => line.trim()))
  // `...` alone is a statement in Python stubs and protocols, but never in text a model was asked to complete.
  return text
    .split('\n')
    .map((line) => line.trim())
    .find((line) => !known.has(line) && omission.some((pattern) => pattern.test(line)))
    ?.slice(0, 80)
}

/** Whether `text` holds what looks like a secret that was not there before. */
export function findSecret(text: string, before = ''): boolean {
  return secrets.some((pattern) => {
    const found = pattern.exec(text)
    return found !== null && !before.includes(found[0])
  })
}

/** A patch instead of the file; files that are patches themselves may be. */
function isDiff(path: string, text: string): boolean {
  if (/\.(diff|patch)$/.test(path)) return false
  return /^@@ -\d+(,\d+)? \+\d+(,\d+)? @@/m.test(text) || /^--- a?\/.*\n\+\+\+ b?\//m.test(text)
}

/** More than 60 % of a file that is worth the name is gone. */
function shrinks({ text, before, mayShrink }: Proposal): boolean {
  if (mayShrink || before === undefined || before.length < 400) return false
  return text.length < before.length * 0.4
}

function isOtherLanguage(path: string, text: string): boolean {
  const python = /^(def \w+\(.*\).*:|class \w+.*:|from [\w.]+ import |elif .*:)\s*/m
  const node =
    /^(const |let |export (const|function|class|default)|function \w+\s*\(|import .* from ['"])/m
  const language = languageOf(path)
  if (language === 'node') return python.test(text) && !node.test(text)
  if (language === 'python') return node.test(text) && !python.test(text)
  return false
}
