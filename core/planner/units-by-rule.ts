// Units that are made without a model: by rule for a weak model or when no answer could be used, or
// as a person gave them.
import type { Unit } from '../api/devrequest.ts'
import { faithfulText } from '../api/faithful-text.ts'
import { pathRule } from '../api/schema.ts'
import type { RepositoryFacts } from './facts.ts'
import { defaultFile, isTest } from './language.ts'
import { codePathsOf, mentionsOf, namesPath } from './mentions.ts'
import { freeName, label, unitName } from './names.ts'
import { joinedAll, longestText, withOwnWords } from './own-words.ts'
import { meantPath, safePath } from './paths.ts'
import { mostUnits } from './questions.ts'
import { isAboutDocuments, sentencesOf } from './sentences.ts'

const mostFiles = 6

/** The whole request as one unit. */
export function oneUnit(request: string, facts: RepositoryFacts): Unit {
  const named = filesOf(request, facts).slice(0, mostFiles)
  const functions = functionsOf(request)
  const wanted = label(functions[0] ?? firstWords(request), 30) || 'unit'
  const files = named.length > 0 ? named : [defaultFile(wanted, facts.language, facts.files)]
  const goal = faithfulText(request.trim(), longestText) || wanted
  const doneWhen = codeText(request) || goal
  return { name: unitName({ goal, files }, new Set()), goal, files, doneWhen }
}

/**
 * One unit for each file that the request names, else one for each function, else one for
 * everything.
 */
export function unitsByName(request: string, facts: RepositoryFacts): Unit[] {
  const files = filesOf(request, facts).slice(0, mostUnits)
  const functions = functionsOf(request).slice(0, mostUnits)
  const parts =
    files.length > 0
      ? files.map((file) => ({ file, word: file.split('/').at(-1) ?? file }))
      : functions.map((word) => ({
          file: defaultFile(label(word, 30) || 'unit', facts.language, facts.files),
          word,
        }))
  if (parts.length < 2) return [oneUnit(request, facts)]
  const taken = new Set<string>()
  const units = parts.map(({ file, word }) => {
    const about = partAbout(
      request,
      word,
      parts.map((part) => part.word),
    )
    const unit = { goal: about, files: [file] }
    const name = unitName(unit, taken)
    taken.add(name)
    return { ...unit, name, doneWhen: about }
  })
  return withOwnWords(units, request, facts)
}

function filesOf(request: string, facts: RepositoryFacts): string[] {
  return codePathsOf(request, facts.files)
    .map((path) => meantPath(path, facts.files))
    .filter((path) => !isTest(path, namesPath(request, path)))
}

function functionsOf(request: string): string[] {
  return mentionsOf(request)
    .filter((mention) => mention.kind === 'identifier')
    .map((mention) => mention.text)
}

/** The sentences that name a part, and those after them until another part is named. */
function partAbout(request: string, word: string, others: readonly string[]): string {
  let current = ''
  const mine = sentencesOf(request).filter((sentence) => {
    const names = others.filter((other) => sentence.includes(other))
    if (names.length === 1) current = names[0] ?? ''
    else if (names.length > 1) return names.includes(word)
    return current === word && !isAboutDocuments(sentence)
  })
  return faithfulText(joinedAll(mine), longestText) || word
}

function codeText(request: string): string {
  const text = joinedAll(sentencesOf(request).filter((sentence) => !isAboutDocuments(sentence)))
  return faithfulText(text || request.trim(), longestText)
}

function firstWords(request: string): string {
  return request.split(/\s+/).slice(0, 4).join(' ')
}

/**
 * A person's units as they are, except for files and names that cannot be used; `warnings` say what
 * was changed.
 */
export function personUnits(
  given: readonly Unit[],
  facts: RepositoryFacts,
): { readonly units: readonly Unit[]; readonly warnings: readonly string[] } {
  const warnings: string[] = []
  const units: Unit[] = []
  for (const unit of given) {
    const taken = new Set(units.map((earlier) => earlier.name))
    const name = freeName(unit.name, taken)
    if (name !== unit.name)
      warnings.push(`There are two units ${unit.name}; one is called ${name}.`)
    const files: string[] = []
    for (const file of unit.files) {
      const path = safePath(file)
      if (path === undefined)
        warnings.push(`Unit ${name}: ${file} cannot be written and was left out; ${pathRule}.`)
      else if (!files.includes(path)) files.push(path)
    }
    if (files.length === 0) {
      files.push(defaultFile(name, facts.language, facts.files))
      warnings.push(`Unit ${name} names no file; it gets ${files.join()}.`)
    }
    const after: string[] = []
    for (const other of unit.after ?? []) {
      if (taken.has(other)) after.push(other)
      else warnings.push(`Unit ${name}: ${other} is not an earlier unit; it does not wait for it.`)
    }
    units.push({ ...unit, name, files, after })
  }
  return { units, warnings }
}
