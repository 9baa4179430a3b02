import { isTestPath, mayBeTest } from '../api/test-paths.ts'

/** The languages whose projects work without packages; others are worked on as one of these. */
export type Language = 'node' | 'python'

const codeExtensions: Readonly<Record<Language, ReadonlySet<string>>> = {
  node: new Set(['js', 'mjs', 'cjs', 'ts', 'mts', 'cts', 'jsx', 'tsx']),
  python: new Set(['py', 'pyi']),
}
const plainExtensions = new Set(
  'json html css sql yaml yml toml txt csv ini cfg env svg xml sh graphql proto md'.split(' '),
)

/**
 * The language of a project, from its files, else from the words of the request; undefined when
 * neither shows it.
 */
export function languageOf(files: readonly string[], request: string): Language | undefined {
  const count = (language: Language) =>
    files.filter((file) => codeExtensions[language].has(extensionOf(file))).length
  const node = count('node') + (files.includes('package.json') ? 10 : 0)
  const python = count('python') + (files.some(isPythonManifest) ? 10 : 0)
  if (node !== python) return node > python ? 'node' : 'python'
  if (/\bpython\b|\.py\b/i.test(request)) return 'python'
  if (/\bnode(?:\.js)?\b|\bjavascript\b|\btypescript\b|\.m?[jt]s\b/i.test(request)) return 'node'
  return undefined
}

function isPythonManifest(file: string): boolean {
  return file === 'pyproject.toml' || file === 'setup.py' || file === 'requirements.txt'
}

/** Lower-case extension without the dot; empty when there is none. */
export function extensionOf(path: string): string {
  return /\.([A-Za-z0-9]+)$/.exec(path)?.[1]?.toLowerCase() ?? ''
}

/** Whether the file holds code of some language we know. */
export function isCode(path: string): boolean {
  const extension = extensionOf(path)
  return Object.values(codeExtensions).some((extensions) => extensions.has(extension))
}

/**
 * Whether a file is plausible in a project of this language: its own code, or data of any kind.
 */
export function isPlausible(path: string, language: Language): boolean {
  const extension = extensionOf(path)
  return (
    extension === '' || codeExtensions[language].has(extension) || plainExtensions.has(extension)
  )
}

/** The file for new code when the request names none. `name` is a DNS label. */
export function defaultFile(name: string, language: Language, files: readonly string[]): string {
  // A file that is named after a request for tests would be taken for a test.
  const words = name.split('-').filter((word) => !/^(?:tests?|specs?)$/.test(word))
  const plain = words.join('-') || 'unit'
  if (language === 'node') return `src/${plain}.js`
  // A Python package is the folder with the __init__.py; without one, modules stand at the top.
  const init = files.find(
    (file) => /^[^/.]+(?:\/[^/.]+)?\/__init__\.py$/.test(file) && !isTest(file),
  )
  const folder = init === undefined ? '' : init.slice(0, -'__init__.py'.length)
  return `${folder}${plain.replaceAll('-', '_')}.py`
}

/**
 * Whether the path belongs to tests, which have tasks of their own: all paths that the agents take
 * for tests, and more. A name that may be one of code counts as code when the request names it.
 */
export function isTest(path: string, isNamed = false): boolean {
  if (isNamed && mayBeTest(path)) return false
  return (
    isTestPath(path) ||
    mayBeTest(path) ||
    /(?:^|\/)(?:tests?|__tests__|specs?)\//i.test(path) ||
    /(?:^|[/._-])(?:test|spec)\.[a-z]+$/i.test(path) ||
    /(?:^|\/)test-[^/]*\.[mc]?[jt]s$/.test(path) ||
    /(?:^|\/)test_[^/]*\.py$/.test(path)
  )
}

/** Whether the path belongs to documentation, which has a task of its own. */
export function isDocument(path: string): boolean {
  return /\.(?:md|markdown|rst|adoc)$/i.test(path) || /^docs\//i.test(path)
}
