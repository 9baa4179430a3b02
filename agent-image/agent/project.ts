// What kind of project it is: read from file names and package.json, never by running anything.

export type Language = 'node' | 'python' | 'unknown'

export interface Project {
  readonly language: Language
  /** Test files of the languages we can run, sorted; those that want a test framework we lack are in `foreignTests`. */
  readonly testFiles: readonly string[]
  readonly foreignTests: readonly string[]
  /** Whether package.json says that `.js` files are CommonJS. Without a word Node looks at the text itself. */
  readonly commonjs: boolean
  /** `scripts` of package.json. */
  readonly scripts: Readonly<Record<string, string>>
  readonly files: readonly string[]
}

/** Reads a file of the commit that is looked at. */
export type ReadFile = (path: string) => Promise<string | undefined>

const nodeTest = /(^|\/)([^/]+[.\-_]test|test-[^/]+|test)\.(m|c)?(j|t)s$/
const nodeInTestFolder = /(^|\/)tests?\/.*\.(m|c)?(j|t)s$/
const pythonTest = /(^|\/)(test_[^/]*|[^/]*_test)\.py$/
const ignored = /(^|\/)(node_modules|\.venv|venv|dist|build|fixtures)\//
const foreignFramework =
  /from\s+['"](vitest|@jest\/globals|mocha|ava|tap|uvu)['"]|^\s*import pytest\b/m

/** Detects language and tests from the files of a commit. Reads test files to see which framework they want. */
export async function detectProject(files: readonly string[], read: ReadFile): Promise<Project> {
  const manifest = files.includes('package.json') ? parseManifest(await read('package.json')) : {}
  const testFiles: string[] = []
  const foreignTests: string[] = []
  for (const path of files) {
    if (!isTestPath(path)) continue
    const text = (await read(path)) ?? ''
    // A helper in a test folder is not a test.
    if (!nodeTest.test(path) && !pythonTest.test(path) && !text.includes('node:test')) continue
    const list = foreignFramework.test(text) ? foreignTests : testFiles
    list.push(path)
  }
  return {
    language: detectLanguage(files),
    testFiles,
    foreignTests,
    commonjs: manifest.type === 'commonjs',
    scripts: manifest.scripts ?? {},
    files,
  }
}

/** Whether a path looks like a test, which coding tasks must leave alone. */
export function isTestPath(path: string): boolean {
  if (ignored.test(path)) return false
  return nodeTest.test(path) || pythonTest.test(path) || nodeInTestFolder.test(path)
}

/** The language of one file, by its name. */
export function languageOf(path: string): Language {
  if (/\.(m|c)?(j|t)s$/.test(path)) return 'node'
  return path.endsWith('.py') ? 'python' : 'unknown'
}

function detectLanguage(files: readonly string[]): Language {
  if (files.includes('package.json')) return 'node'
  if (files.some((path) => /^(pyproject\.toml|setup\.(py|cfg)|requirements\.txt)$/.test(path)))
    return 'python'
  const counts = { node: 0, python: 0, unknown: 0 }
  for (const path of files) if (!ignored.test(path)) counts[languageOf(path)]++
  if (counts.node === 0 && counts.python === 0) return 'unknown'
  return counts.node >= counts.python ? 'node' : 'python'
}

interface Manifest {
  readonly type?: unknown
  readonly scripts?: Record<string, string>
}

function parseManifest(text: string | undefined): Manifest {
  try {
    const value = JSON.parse(text ?? '{}') as { type?: unknown; scripts?: unknown }
    const scripts = Object.entries(Object(value.scripts) as Record<string, unknown>)
    return {
      type: value.type,
      scripts: Object.fromEntries(
        scripts.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
      ),
    }
  } catch {
    return {}
  }
}

/** Short name of the unit of a task, fit for file names. */
export function unitName(assignment: {
  readonly unit?: string | undefined
  readonly request: string
}): string {
  const name = (assignment.unit ?? assignment.request).toLowerCase().replace(/[^a-z0-9]+/g, '-')
  return name.replace(/^-+|-+$/g, '') || 'unit'
}

/** The unit's own code files: those it may write that are not tests. */
export function codeFiles(files: readonly string[]): readonly string[] {
  return files.filter((path) => !isTestPath(path))
}

/**
 * The one file that holds the spec tests of a unit. Named by the harness, so that every task of the unit finds it: a
 * test file among the task's files, else `test/<unit>.test.js` or `tests/test_<unit>.py`. Undefined for a unit whose
 * files no runner of ours can test.
 */
export function specPath(
  assignment: {
    readonly unit?: string | undefined
    readonly request: string
    readonly files: readonly string[]
  },
  project: Pick<Project, 'language' | 'commonjs'>,
): string | undefined {
  const named = assignment.files.find((path) => isTestPath(path) && languageOf(path) !== 'unknown')
  if (named !== undefined) return named
  const code = codeFiles(assignment.files)
  const first = code.find((path) => languageOf(path) !== 'unknown')
  const language = first === undefined ? 'unknown' : languageOf(first)
  const chosen = code.length === 0 ? project.language : language
  const unit = unitName(assignment)
  if (chosen === 'python') return `tests/test_${unit.replaceAll('-', '_')}.py`
  if (chosen !== 'node') return undefined
  if (first?.endsWith('.ts')) return `test/${unit}.test.ts`
  // Tests are ES modules; where `.js` is not, the name must say so.
  return `test/${unit}.test.${project.commonjs || first?.endsWith('.mjs') ? 'mjs' : 'js'}`
}

/** The spec tests of a task's unit as they lie in the repository; undefined when there are none. */
export function findSpec(
  assignment: Parameters<typeof specPath>[0],
  project: Pick<Project, 'language' | 'commonjs' | 'files'>,
): string | undefined {
  const unit = unitName(assignment)
  const places = [
    specPath(assignment, project),
    ...['js', 'ts', 'mjs'].map((ending) => `test/${unit}.test.${ending}`),
    `tests/test_${unit.replaceAll('-', '_')}.py`,
  ]
  return places.find((path) => path !== undefined && project.files.includes(path))
}
