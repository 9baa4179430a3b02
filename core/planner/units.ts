import type { Unit } from '../api/devrequest.ts'
import { faithfulLine, faithfulText } from '../api/faithful-text.ts'
import { plainLine } from '../api/plain-text.ts'
import { pathRule } from '../api/schema.ts'
import type { RepositoryFacts } from './facts.ts'
import { extensionOf, isDocument, isPlausible, isTest } from './language.ts'
import { type Mention, codePathsOf, mentionsOf, missingFrom, namesPath } from './mentions.ts'
import { unitName } from './names.ts'
import { joined, longestText, subjects } from './own-words.ts'
import { ownersOf } from './owners.ts'
import { clashOf, isHidden, isOrdinary, meantPath, safePath } from './paths.ts'
import { type UnitsAnswer, copiedFromExample } from './questions.ts'
import { isAboutDocuments, sentencesOf, sentencesWithPlaces } from './sentences.ts'

/**
 * Units from an answer. `problems` are for another try; without units, nothing of the answer could
 * be used.
 */
interface CheckedUnits {
  readonly units: readonly Unit[]
  readonly problems: readonly string[]
}

const mostFiles = 6

/**
 * Makes units from an answer: repairs what is certain (paths, doubles, order) and reports the rest.
 * `text` is the text that the units have to cover. `request` is the person's request where that is
 * another text: it alone may name a file that a model must not choose.
 * Guarantees about the units: safe paths, no tests or documents, unique names, `after` names
 * earlier units only.
 */
export function checkUnits(
  answer: UnitsAnswer,
  text: string,
  facts: RepositoryFacts,
  request: string = text,
): CheckedUnits {
  const problems: string[] = []
  const read = fileReader(request, facts)
  const drafts: Draft[] = []
  /** The index in `drafts` of the nth proposal, for `d_after`. */
  const places: number[] = []
  for (const [index, proposal] of answer.a_units.entries()) {
    const number = index + 1
    const files: string[] = []
    for (const raw of proposal.b_files) {
      const meant = read(raw)
      if (meant.kind === 'none') problems.push(`unit ${number}: ${meant.problem}`)
      else if (meant.kind === 'file' && !files.includes(meant.path)) files.push(meant.path)
    }
    const goal = faithfulLine(proposal.a_goal, longestText)
    const doneWhen = faithfulLine(proposal.c_done_when, longestText)
    if (copiedFromExample(`${goal} ${doneWhen} ${files.join(' ')}`) !== undefined) {
      problems.push(`unit ${number}: it is copied from the example; use the request only`)
    } else if (goal === '') problems.push(`unit ${number}: a_goal is empty`)
    else if (files.length > 0) {
      if (doneWhen === '') problems.push(`unit ${number}: c_done_when is empty`)
      const draft = { goal, files: files.slice(0, mostFiles), doneWhen, after: new Set<number>() }
      const after = proposal.d_after
      const before = after > 0 && after < number ? places[after - 1] : undefined
      if (before !== undefined && before >= 0) draft.after.add(before)
      for (const [place, earlier] of drafts.entries()) {
        // d_after names one unit only. A unit that mentions a file of another needs that one, too.
        if (earlier.files.some((file) => `${goal} ${doneWhen}`.includes(file))) {
          draft.after.add(place)
        }
      }
      const twin = drafts.findIndex((other) => isTwin(other, draft))
      places.push(twin === -1 ? drafts.push(draft) - 1 : twin)
      const first = drafts[twin]
      if (first !== undefined) merge(first, draft, twin)
      continue
    }
    // No usable file is left: other tasks write the tests and documents, and problems were noted
    // above.
    places.push(-1)
  }
  const units = named(drafts)
  const missing = missingFrom(mentionsOf(text, facts.files), units.map(textOf)).filter(
    (mention) => mention.kind === 'path' || mention.kind === 'identifier',
  )
  for (const mention of missing)
    problems.push(`no unit mentions ${mention.text}, but the request does`)
  if (units.length === 0) problems.push('there is no unit of code')
  return { units, problems }
}

interface Draft {
  readonly goal: string
  readonly files: string[]
  doneWhen: string
  readonly after: Set<number>
}

function isTwin(one: Draft, other: Draft): boolean {
  if (one.files.join() === other.files.join()) return true
  const words = (draft: Draft) => new Set(draft.goal.toLowerCase().match(/[a-z0-9]+/g))
  const [mine, yours] = [words(one), words(other)]
  const common = [...mine].filter((word) => yours.has(word)).length
  return common / (mine.size + yours.size - common) >= 0.8
}

function merge(into: Draft, twin: Draft, place: number): void {
  for (const file of twin.files) {
    if (!into.files.includes(file) && into.files.length < mostFiles) into.files.push(file)
  }
  if (!into.doneWhen.includes(twin.doneWhen)) {
    into.doneWhen = faithfulLine(`${into.doneWhen} ${twin.doneWhen}`, longestText)
  }
  for (const after of twin.after) if (after < place) into.after.add(after)
}

function named(drafts: readonly Draft[]): Unit[] {
  const names: string[] = []
  return drafts.map((draft) => {
    const name = unitName(draft, new Set(names))
    names.push(name)
    const after = [...draft.after].map((index) => names[index]).filter((one) => one !== undefined)
    const { goal, files } = draft
    const doneWhen = draft.doneWhen || goal
    return { name, goal, files, doneWhen, ...(after.length === 0 ? {} : { after }) }
  })
}

function textOf(unit: Pick<Unit, 'goal' | 'files' | 'doneWhen'>): string {
  return `${unit.goal}\n${unit.doneWhen}\n${unit.files.join('\n')}`
}

/**
 * Adds uncovered parts of the request to the unit that they belong to: sentences, and the code
 * files that the request names. Tests are written from the words of the request, and a model's
 * short version often loses some; a file that belongs to no unit is never written.
 */
export function addMissing(
  units: readonly Unit[],
  request: string,
  facts: Pick<RepositoryFacts, 'files' | 'symbols'>,
): Unit[] {
  const missing = missingFrom(mentionsOf(request, facts.files), units.map(textOf))
  const result = units.map((unit) => ({ ...unit, files: [...unit.files] }))
  const owners = ownersOf(units, facts)
  const sentences = sentencesOf(request)
  for (const { kind, text } of missing) {
    const path = kind === 'path' ? codePathsOf(text, facts.files)[0] : undefined
    if (path === undefined || isTest(path, namesPath(request, path))) continue
    const sentence = sentences.find((one) => one.includes(text)) ?? text
    const target = result[owners.closest(sentence)]
    if (target !== undefined && target.files.length < mostFiles) {
      target.files.push(meantPath(path, facts.files))
    }
  }
  return withSentences(result, request, facts, missing)
}

/**
 * Adds the sentences of a text that mention something no unit mentions, each to the unit that it is
 * about.
 */
export function withSentences<T extends Pick<Unit, 'goal' | 'files' | 'doneWhen'>>(
  units: readonly T[],
  text: string,
  facts: Pick<RepositoryFacts, 'files' | 'symbols'>,
  missing: readonly Mention[] = missingFrom(mentionsOf(text, facts.files), units.map(textOf)),
): T[] {
  const result = units.map((unit) => ({ ...unit }))
  const owners = ownersOf(units, facts)
  const about = subjects(text, owners)
  for (const sentence of sentencesWithPlaces(text)) {
    if (isAboutDocuments(sentence.text)) continue
    if (!missing.some((mention) => sentence.text.includes(mention.text))) continue
    const target = result[owners.ofSentence(sentence.text, about.get(sentence.at))]
    if (target === undefined || target.doneWhen.includes(sentence.text)) continue
    const longer = joined(target.doneWhen, faithfulText(sentence.text, Infinity))
    if (longer.length <= longestText) target.doneWhen = longer
  }
  return result
}

/**
 * The meaning of a file in an answer: one to write, one that other tasks write (tests, documents),
 * or none, and why.
 */
type MeantFile =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'others' }
  | { readonly kind: 'none'; readonly problem: string }

/** Files that have no extension and need none. */
const bareNames = new Set(['Makefile', 'Dockerfile', 'Containerfile', 'Procfile', 'LICENSE'])

/**
 * Makes the function that reads the files of one answer, one after the other.
 * Guarantees about a file: a safe path that fits the project; hidden only when the request names
 * it; never a folder, and never below a file, of the repository, the request or an earlier file of
 * the same answer.
 */
export function fileReader(request: string, facts: RepositoryFacts): (raw: string) => MeantFile {
  const known = [...facts.files, ...codePathsOf(request, facts.files)]
  const places = new Set(known)
  const none = (problem: string): MeantFile => ({ kind: 'none', problem })
  return (raw) => {
    const shown = plainLine(raw, 80) || 'an empty text'
    const safe = safePath(raw)
    if (safe === undefined) {
      return none(`${shown} is no path of a file in the repository; ${pathRule}`)
    }
    if (!isOrdinary(safe) && !known.includes(meantPath(safe, known))) {
      return none(
        `${shown} is no path of a file in the repository, and the request does not name it`,
      )
    }
    if (clashOf(safe, places)?.startsWith(`${safe}/`)) return none(`${safe} is a folder`)
    const path = withExtension(meantPath(rightExtension(safe, facts), known), facts, known)
    if (isTest(path, namesPath(request, path)) || isDocument(path)) return { kind: 'others' }
    if (isHidden(path) && !namesPath(request, path)) {
      return none(`${path} is a hidden file, and the request does not name it`)
    }
    if (!isPlausible(path, facts.language)) {
      return none(`${path} does not fit a ${facts.language} project`)
    }
    const clash = clashOf(path, places)
    if (clash !== undefined) return none(`${path} cannot stand beside ${clash}`)
    places.add(path)
    return { kind: 'file', path }
  }
}

/** Models like TypeScript; a JavaScript project gets the same file without types. */
function rightExtension(path: string, facts: RepositoryFacts): string {
  if (facts.language !== 'node' || isTyped(facts) || facts.files.includes(path)) return path
  return /^[mc]?tsx?$/.test(extensionOf(path)) ? path.replace(/\.([mc]?)tsx?$/, '.$1js') : path
}

/** Models name modules as imports do: `src/slug`. */
function withExtension(path: string, facts: RepositoryFacts, known: readonly string[]): string {
  const name = path.split('/').at(-1) ?? ''
  if (name.includes('.') || known.includes(path) || bareNames.has(name)) return path
  if (/^(?:bin|scripts)\//.test(path)) return path
  const extension = facts.language === 'python' ? 'py' : isTyped(facts) ? 'ts' : 'js'
  return meantPath(`${path}.${extension}`, known)
}

function isTyped(facts: RepositoryFacts): boolean {
  return facts.files.some((file) => /\.[mc]?ts$/.test(file))
}
