import { plainLine } from '../api/plain-text.ts'
import type { RepositoryFacts } from './facts.ts'
import { extensionOf, isDocument, isPlausible, isTest } from './language.ts'
import { codePathsOf, namesPath } from './mentions.ts'
import { pathRule } from '../api/schema.ts'
import { clashOf, isHidden, isOrdinary, meantPath, safePath } from './paths.ts'

/** What a model meant by a file: one to write, one that others write (tests, documents), or none and why. */
export type MeantFile =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'others' }
  | { readonly kind: 'none'; readonly problem: string }

/** Files that have no extension and need none. */
const bareNames = new Set(['Makefile', 'Dockerfile', 'Containerfile', 'Procfile', 'LICENSE'])

/**
 * Makes the function that reads the files of one answer, one after the other.
 * Guarantees about a file: a safe path that fits the project; hidden only when the request names it; never a folder, and
 * never below a file, of the repository, the request or an earlier file of the same answer.
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
