// Faults of a proposed file, looked for before it is written to a disk. Each refusal is a sentence
// for the model.
import { basename } from 'node:path'
import { hasHiddenCharacters } from '../../../core/api/plain-text.ts'
import { mayBeTest } from '../../../core/api/test-paths.ts'
import type { CodeFacts, Concern, ConcernKind } from '../code/facts.ts'
import { factsOf, isCode } from '../code/read-code.ts'
import { isTestPath, languageOf } from '../project/project.ts'
import { copiedFromExample } from '../prompt-layout.ts'
import { mentions } from './asked-words.ts'
import { findOmission } from './omission.ts'

export interface Proposal {
  readonly path: string
  readonly text: string
  /** Text of the file as it is; undefined for a new file. */
  readonly before: string | undefined
  /** The paths the task may write. */
  readonly allowed: readonly string[]
  /**
   * All words of people that the model was given, to distinguish a copied example from a wanted
   * word.
   */
  readonly requested: string
  /** Whether the task says that something has to be removed. */
  readonly mayShrink: boolean
  /** Facts of `text` and of `before`, where they were read; Python files need them. */
  readonly facts?: CodeFacts | undefined
  readonly factsBefore?: CodeFacts | undefined
  /** Whether the file holds tests; decided by its path where this is absent. */
  readonly isTest?: boolean
  /** Modules that other files of the project import, tests excepted; code may import the same. */
  readonly projectImports?: ReadonlySet<string>
  /**
   * Files of the project with names like those of tests that hold code; `allowed` are code whatever
   * their names are.
   */
  readonly codeLikeTests?: readonly string[]
}

interface ProposalRefusal {
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
    | 'Prose'
    | 'Import'
  readonly message: string
}

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
  // The pattern is tried once for a run of letters, at its start, because a text may be full of
  // beginnings.
  /(?<![\w-])eyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}/,
]

/** `=======` alone is not a mark: it underlines headings. */
const conflict = /^(?:<{7}|>{7})(?: |$)/m
const largest = 131_072

/** The first thing that is wrong with a proposal; undefined when nothing is. */
export function refuse(proposal: Proposal): ProposalRefusal | undefined {
  const { path, text, before, allowed } = proposal
  if (!allowed.includes(path))
    return { code: 'Scope', message: `${path} is not a file of this task.` }
  if (text.length > largest) return { code: 'TooLarge', message: `${path} is longer than 128 KiB.` }
  const facts = proposal.facts ?? (isCode(path) ? factsOf(path, text) : undefined)
  // Text that its parser takes holds such marks in strings and comments only.
  const isSound = facts?.parsed.kind === 'fine'
  if (!isSound && conflict.test(text) && !conflict.test(before ?? ''))
    return { code: 'ConflictMarker', message: `${path} contains merge conflict markers.` }
  if (!isSound && isDiff(path, text))
    return { code: 'Diff', message: `${path} is a diff. Write the complete file.` }
  if (bringsHidden(text, before ?? ''))
    return {
      code: 'Hidden',
      message: `${path} contains invisible characters. Write them as escapes.`,
    }
  if (isProse(path, text, facts))
    return {
      code: 'Prose',
      message: `${path} holds a sentence to a person in place of the file. Write the complete file.`,
    }
  const left = findOmission(text, before, { path, facts, factsBefore: proposal.factsBefore })
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
  if (!isSound && isOtherLanguage(path, text))
    return { code: 'Language', message: `${path} is not written in the language of its name.` }
  const brought = facts === undefined ? undefined : bringsIn(proposal, facts)
  if (brought !== undefined) return { code: 'Import', message: `${path} ${brought}` }
  const copied = copiedFromExample(text, proposal.requested)
  if (copied !== undefined)
    return { code: 'Example', message: `The answer repeats the example (${copied}).` }
  return undefined
}

/** Whether `text` holds what looks like a secret that was not there before. */
export function findSecret(text: string, before = ''): boolean {
  return secrets.some((pattern) => {
    const found = pattern.exec(text)
    return found !== null && !before.includes(found[0])
  })
}

/**
 * Invisible characters that the file did not hold before. A byte order mark that was there may
 * stay.
 */
function bringsHidden(text: string, before: string): boolean {
  const own = before.startsWith('\uFEFF') && text.startsWith('\uFEFF') ? text.slice(1) : text
  if (!hasHiddenCharacters(own)) return false
  const known = new Set(before)
  return [...new Set(own)].some((sign) => hasHiddenCharacters(sign) && !known.has(sign))
}

/** Modules that only tests may use, and modules that can change how a test judges. */
const testOnly = /^(?:test|test\/reporters|unittest|pytest|v8|inspector|inspector\/promises)$/

/** The name of a module, without the parts that do not change which module it is. */
function moduleName(specifier: string, language: CodeFacts['language']): string {
  if (language === 'python') return specifier.split('.')[0] ?? ''
  // `test` without `node:` is a package.
  if (specifier === 'test') return 'package:test'
  return specifier.replace(/^node:/, '')
}

/**
 * The end of a sentence about an import or concern of the code that could change how the code is
 * judged.
 */
function bringsIn(proposal: Proposal, facts: CodeFacts): string | undefined {
  const { path, before, allowed } = proposal
  if (proposal.isTest ?? isTestPath(path)) return undefined
  const old =
    proposal.factsBefore ??
    (before === undefined || facts.language === 'python' ? undefined : factsOf(path, before))
  const name = (specifier: string): string => moduleName(specifier, facts.language)
  const known = new Set([
    ...(old?.imports ?? []).map((one) => name(one.specifier)),
    ...[...(proposal.projectImports ?? [])].map(name),
  ])
  for (const { specifier } of facts.imports)
    if (
      testOnly.test(name(specifier)) &&
      !known.has(name(specifier)) &&
      // The request may be about tests itself.
      !mentions(proposal.requested, specifier)
    )
      return `imports ${specifier}, which belongs to tests. Do without it, and throw an error where something is wrong.`
  const brought = (
    kind: ConcernKind,
    counts: (concern: Concern) => boolean = () => true,
  ): Concern | undefined =>
    old?.concerns.some((concern) => concern.kind === kind && counts(concern)) === true
      ? undefined
      : facts.concerns.find((concern) => concern.kind === kind && counts(concern))
  const reaches = brought('builtins')
  if (reaches !== undefined)
    return `reaches behind the runtime in line ${reaches.line}: ${reaches.code}. Do without it.`
  const likeTests = [...allowed.filter(mayBeTest), ...(proposal.codeLikeTests ?? [])]
  const isCodeToo = ({ code }: Concern): boolean => likeTests.some((file) => imports(code, file))
  const reads = handlesTests.test(proposal.requested)
    ? undefined
    : brought('reads-tests', (concern) => !isCodeToo(concern))
  return reads === undefined
    ? undefined
    : `reads tests in line ${reads.line}: ${reads.code}. Code must not know its tests; work out the result.`
}

/**
 * Whether a line of code names a file as an import does: by its whole name, with or without the
 * ending.
 */
function imports(code: string, path: string): boolean {
  const module = basename(path).replace(/\.\w+$/, '')
  const begins = languageOf(path) === 'python' ? /[\s.]$/ : /['"`/]$/
  for (let at = code.indexOf(module); at !== -1; at = code.indexOf(module, at + 1))
    if (
      begins.test(code.slice(0, at)) &&
      /^(?:\.[mc]?[jt]sx?)?(?:['"`\s;,]|$)/.test(code.slice(at + module.length))
    )
      return true
  return false
}

/**
 * Words of a request for a program that finds, runs or counts tests; a request to write tests does
 * not have them.
 */
const handlesTests =
  /\btest[- ]?(?:files?|runners?|suites?|names?|modules?|director(?:y|ies)|folders?|discovery|reports?)\b|\b(?:runs?|running|finds?|lists?|counts?|collects?|discovers?|skips?|ignores?|excludes?|watch(?:es)?|scaffolds?)\b(?:\s+\w+){0,3}\s+(?:tests?|specs?)\b/i

/**
 * A patch instead of the file; files that are patches themselves may be, and documents may show
 * one.
 */
function isDiff(path: string, text: string): boolean {
  if (/\.(diff|patch)$/.test(path)) return false
  const start = text.trimStart().slice(0, 500)
  if (/^(?:diff --git |@@ -\d+(?:,\d+)? \+\d|--- a?\/\S+\r?\n\+\+\+ )/.test(start)) return true
  return isCode(path) && /^@@ -\d+(,\d+)? \+\d+(,\d+)? @@/m.test(text)
}

/** Whether more than 60 % of a file of 400 characters or more is gone. */
function shrinks({ text, before, mayShrink }: Proposal): boolean {
  if (mayShrink || before === undefined || before.length < 400) return false
  return text.length < before.length * 0.4
}

function isOtherLanguage(path: string, text: string): boolean {
  const python = /^(?:(?:async )?def \w+\(|class \w+\s?[(:]|from [\w.]+ import |elif )/m
  const node =
    /^(?:const |let |export (?:const|function|class|default)|function \w+ ?\(|import [^\n]{0,500} from ['"])/m
  const language = languageOf(path)
  if (language === 'node') return python.test(text) && !node.test(text)
  if (language === 'python') return node.test(text) && !python.test(text)
  return false
}

const apology =
  /\b(?:I(?:'|’| a)m (?:\w+ )?sorry|sorry,|I apologi[sz]e|my apologies|unfortunately,? I|as an? (?:AI|language|large language|artificial))\b/i
const inability =
  /\b(?:(?:AI|language) model|I (?:cannot|can not|can(?:'|’)t|could not|couldn(?:'|’)t|am unable|am not able|won(?:'|’)t|will not|do not have)|I(?:'|’)m (?:unable|not able)|unable to (?:help|assist|write|provide|create|generate|complete|fulfill?))\b/i
const documents = /\.(?:md|markdown|txt|rst|adoc|html?|csv|tex)$/i

/**
 * Whether a text is an apology or a sentence of a model in place of the file. Code that its parser
 * takes is not prose, as long as it holds more than comments. Words in the middle of a text are not
 * looked at.
 */
function isProse(path: string, text: string, facts: CodeFacts | undefined): boolean {
  if (facts?.parsed.kind === 'fine' && !isOnlyComments(text, facts)) return false
  // Marks of comments and headings, and tags, may stand before the first word.
  const start = text
    .slice(0, 1000)
    .replace(/<[^<>\n]{0,200}>/g, ' ')
    .replace(/[#*/<>!"'`_-]+/g, (signs) => (/^['’]$/.test(signs) ? signs : ' '))
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, 300)
  const sorry = apology.exec(start)
  if (sorry !== null && sorry.index <= 40 && inability.test(start)) return true
  if (
    /^I (?:cannot|can not|can(?:'|’)t|am unable to) (?:help|assist|write|provide|create|generate|do|fulfill?|complete)\b/i.test(
      start,
    )
  )
    return true
  if (documents.test(path)) return false
  if (facts?.parsed.kind === 'fine') return false
  // "Here is the updated file:", and then anything.
  const first = text.trimStart().slice(0, 300).split('\n')[0] ?? ''
  return (
    /^(?:Sure|Certainly|Of course|Okay|Here(?:'|’)?s?|Below|This|The|To|You|In this)\b[^{}()[\];=<>|$\\]{0,250}[.:!]\s*$/.test(
      first,
    ) && first.trim().split(/\s+/).length >= 4
  )
}

function isOnlyComments(text: string, facts: CodeFacts): boolean {
  let left = ''
  let at = 0
  for (const comment of facts.comments) {
    left += text.slice(at, comment.start)
    at = comment.end
  }
  return (left + text.slice(at)).trim() === ''
}
