import { isTestPath } from '../api/test-paths.ts'
import { isRecord } from '../models/answers/schema.ts'
import { extensionOf, isCode, isTest, type Language, languageOf } from './language.ts'

/** How the planner reads a repository at one commit; the forge client fits. */
export interface RepositoryReader {
  readTree(options: { readonly signal: AbortSignal }): Promise<{
    readonly files: readonly { readonly path: string; readonly bytes: number }[]
    readonly truncated: boolean
  }>
  /** The text of one file. */
  readFile(path: string, options: { readonly signal: AbortSignal }): Promise<string>
}

/** Facts about a repository that are found without a model. */
export interface RepositoryFacts {
  /** Sorted paths, at most 2,000. */
  readonly files: readonly string[]
  readonly truncated: boolean
  readonly language: Language
  /** Neither the files nor the request show the language. */
  readonly languageAssumed: boolean
  /** One line, e.g. `package.json: name text-tools, ES modules, test: node --test`. */
  readonly manifest: string
  /** The first lines of the README. */
  readonly readme: string
  readonly symbols: readonly { readonly file: string; readonly names: readonly string[] }[]
  /** Sentences about tests that the agents will not be able to run. */
  readonly unjudged?: readonly string[]
}

const mostRead = 30
const largestRead = 65_536
const readmeChars = 600

/**
 * Reads the facts that a plan needs: the tree, the manifest, the head of the README, the exported
 * names.
 */
export async function readFacts(
  reader: RepositoryReader,
  request: string,
  options: { readonly signal: AbortSignal },
): Promise<RepositoryFacts> {
  const tree = await reader.readTree(options)
  const files = tree.files.map((file) => file.path)
  const language = languageOf(files, request)
  const read = async (path: string | undefined) =>
    path === undefined ? '' : await reader.readFile(path, options)
  const manifestPath = ['package.json', 'pyproject.toml'].find((path) => files.includes(path))
  const readmePath = files.find((path) => /^readme(?:\.\w+)?$/i.test(path))
  const sources = tree.files
    .filter((file) => isCode(file.path) && !isTest(file.path) && file.bytes <= largestRead)
    .slice(0, mostRead)
  const symbols: { file: string; names: readonly string[] }[] = []
  for (const { path } of sources) {
    const names = exportsOf(path, await read(path))
    if (names.length > 0) symbols.push({ file: path, names })
  }
  const manifest = await read(manifestPath)
  return {
    files,
    unjudged: unjudgedTests(files, manifestPath === 'package.json' ? manifest : ''),
    truncated: tree.truncated,
    language: language ?? 'node',
    languageAssumed: language === undefined,
    manifest: manifestLine(manifestPath, manifest),
    readme: (await read(readmePath)).slice(0, readmeChars),
    symbols,
  }
}

const frameworks =
  /"(vitest|jest|mocha|jasmine|ava|tap|uvu|qunit|karma|@playwright\/test|cypress)"\s{0,20}:/g
const otherTests = /\.(?:[jt]sx|go|java|kt|rb|cs|swift|php|scala)$/

/**
 * Warnings before anything is run: test frameworks that are not installed, and languages without a
 * runner.
 */
function unjudgedTests(files: readonly string[], manifest: string): readonly string[] {
  const tests = files.filter((path) => isTestPath(path) && isCode(path) && !otherTests.test(path))
  const others = files.filter((path) => isTestPath(path) && otherTests.test(path))
  const named = [...new Set([...manifest.matchAll(frameworks)].map(([, name]) => name ?? ''))]
  const many = (count: number): string => (count === 1 ? '1 test file' : `${count} test files`)
  return [
    ...(named.length === 0 || tests.length === 0
      ? []
      : [
          `package.json names ${named.join(', ')}, which is not installed in the agents: of ${many(tests.length)} only those that do without it can be run, and the others are not checked`,
        ]),
    ...(others.length === 0
      ? []
      : [
          `${many(others.length)} cannot be run, because the agents have no runner for such files (${others.slice(0, 3).join(', ')}); they are not checked`,
        ]),
  ]
}

function manifestLine(path: string | undefined, text: string): string {
  if (path === undefined) return ''
  if (path !== 'package.json') {
    const name = /^name[ \t]*=[ \t]*["']([^"'\n]+)/m.exec(text)?.[1] ?? 'without a name'
    return `${path}: name ${name}`
  }
  try {
    const parsed: unknown = JSON.parse(text)
    if (!isRecord(parsed)) return path
    const scripts = isRecord(parsed['scripts']) ? parsed['scripts'] : {}
    const modules = parsed['type'] === 'module' ? 'ES modules' : 'CommonJS'
    const test = typeof scripts['test'] === 'string' ? scripts['test'] : 'none'
    const name = typeof parsed['name'] === 'string' ? parsed['name'] : 'without a name'
    return `${path}: name ${name}, ${modules}, test: ${test}`
  } catch {
    return `${path} (cannot be read)`
  }
}

/** The facts in the words of a prompt: short, most useful first. */
export function factsInWords(facts: RepositoryFacts): string {
  const language = facts.language === 'node' ? 'JavaScript for Node' : 'Python'
  const shown = facts.files.slice(0, 60)
  const more = facts.files.length - shown.length
  return [
    `Language: ${language}. No packages can be installed; use only what comes with it.`,
    ...(facts.manifest === '' ? [] : [facts.manifest]),
    `Files: ${shown.join(', ') || 'none'}${more > 0 ? ` and ${more} more` : ''}`,
    ...facts.symbols.slice(0, 20).map(({ file, names }) => `${file} exports ${names.join(', ')}`),
  ].join('\n')
}

const javascript = [
  /^export[ \t]+(?:default[ \t]+)?(?:async[ \t]+)?(?:function\*?|class|const|let|var|interface|type|enum)[ \t]+([A-Za-z_$][\w$]*)/gm,
  /^(?:module\.)?exports\.([A-Za-z_$][\w$]*)[ \t]*=/gm,
]
const javascriptLists = [/^export[ \t]*\{/gm, /^module\.exports[ \t]*=[ \t]*\{/gm]
const python = [
  /^(?:async[ \t]+)?(?:def|class)[ \t]+([A-Za-z]\w*)/gm,
  /^([A-Z][A-Z0-9_]+)[ \t]*=/gm,
]
const most = 20

/**
 * Names that a source file exports, in order, at most 20. They are found by pattern: good enough
 * for a prompt, not for a compiler.
 */
export function exportsOf(path: string, text: string): string[] {
  const isPython = extensionOf(path) === 'py'
  const single = isPython ? python : javascript
  const names = [
    ...single.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1] ?? '')),
    ...(isPython ? [] : javascriptLists.flatMap((opening) => listed(text, opening))),
  ]
  return [...new Set(names.filter((name) => /^[\w$]+$/.test(name)))].slice(0, most)
}

/**
 * The names in the braces that `opening` ends with. A brace that never closes is searched for once.
 */
function listed(text: string, opening: RegExp): string[] {
  const names: string[] = []
  let from = 0
  for (const { 0: head, index } of text.matchAll(opening)) {
    if (index < from) continue
    const close = text.indexOf('}', index + head.length)
    if (close === -1) break
    names.push(
      ...text
        .slice(index + head.length, close)
        .split(',')
        .map(nameOf),
    )
    from = close
  }
  return names
}

/** `a as b` exports b, `a: b` exports a. */
function nameOf(part: string): string {
  const [first = ''] = part.split(':')
  const words = first.trim().split(/\s+/)
  return words.length === 3 && words[1] === 'as' ? (words[2] ?? '') : first.trim()
}
