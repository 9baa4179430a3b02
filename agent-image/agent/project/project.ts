// What kind of project it is: read from file names, package.json and the text of test files, never
// by running anything.
import { basename, dirname, posix } from 'node:path'
import type { Assignment } from '../../../core/api/agent-protocol.ts'
import { isTestPath, mayBeTest } from '../../../core/api/test-paths.ts'
import type { ModuleKind } from '../code/modules.ts'
import { readPackageJson } from './package-json.ts'
import {
  linkedPackages,
  linkingFiles,
  objectOf,
  pythonManifests,
  wordsOfManifests,
} from './packages.ts'

export { isTestPath }

type Language = 'node' | 'python' | 'unknown'

/** A package.json and what it says. */
export interface NodePackage {
  /** Its folder; empty for the project's own. */
  readonly folder: string
  /** `type`; undefined without one, in which case Node looks at each file. */
  readonly type: ModuleKind | undefined
  /** `main`: the file that stands for the folder when it is required. */
  readonly main?: string | undefined
  readonly scripts: Readonly<Record<string, string>>
  /** Names of everything it depends on. */
  readonly dependencies: readonly string[]
  /** Why Node may refuse it; see `readPackageJson`. Left out where it is in order. */
  readonly fault?: string
}

/** A file that looks like tests and that none of our runners can run. */
interface UnjudgedTest {
  readonly file: string
  /** The end of a sentence that says what the file needs. */
  readonly why: string
}

export interface Project {
  readonly language: Language
  /**
   * Test files for our runners, sorted. The runners may find that they need something that is not
   * here.
   */
  readonly testFiles: readonly string[]
  /** Test files for which there is no runner. */
  readonly unjudgedTests: readonly UnjudgedTest[]
  /** Every package.json, the deepest folder first. */
  readonly packages: readonly NodePackage[]
  /** Folders of the packages of a monorepo that its package manager links, by their names. */
  readonly linked: ReadonlyMap<string, string>
  /**
   * Words of the files in which Python projects name the packages they depend on; see `dependsOn`.
   */
  readonly pythonWords: ReadonlySet<string>
  /** `scripts` of the project's own package.json. */
  readonly scripts: Readonly<Record<string, string>>
  readonly files: readonly string[]
}

/** Reads one file of the commit; undefined for a file that is not text. */
type ReadFile = (path: string) => Promise<string | undefined>

const ignored =
  /(^|\/)(node_modules|\.venv|venv|dist|build|out|coverage|vendor|fixtures?|__mocks__)\//
const nodeName = /(^|\/)([^/]+[.\-_](test|spec)|test-[^/]+|tests?)\.[mc]?[jt]s$/
/** Marks of tests in a file whose name may be one of code. */
const declaresTests =
  /^[ \t]{0,40}(?:test|it|describe|suite)(?:\.\w{1,20})?[ \t]{0,8}\(\s{0,40}['"`]|^[ \t]{0,40}(?:async )?def test_|^class Test\w*\b.*TestCase/m
const pythonName = /(^|\/)(test_[^/]*|[^/]*_test|tests)\.py$/
/** Marks of tests in a file of a test folder, which may be a helper. */
const callsTests =
  /\b(?:test|it|describe|suite)(?:\.\w{1,20})?[ \t]{0,8}\(|node:test|\bunittest\b|^[ \t]{0,40}(?:async )?def test|^class Test/m

/**
 * The files whose text shows what a project is: manifests, and files in folders of tests that may
 * be helpers.
 */
function telling(files: readonly string[]): readonly string[] {
  const linking = linkingFiles.filter((path) => files.includes(path))
  return [...packageFiles(files), ...linking, ...pythonManifests(files), ...unclearTests(files)]
}

/** `detectProject` with one reading of all the files that it looks into. */
export async function detectAtOnce(
  files: readonly string[],
  readAll: (paths: readonly string[]) => Promise<ReadonlyMap<string, string>>,
): Promise<Project> {
  const texts = await readAll(telling(files))
  return detectProject(files, (path) => Promise.resolve(texts.get(path)))
}

/**
 * Detects language and tests from the files of a commit. Reads files in test folders to distinguish
 * tests from helpers.
 */
export async function detectProject(files: readonly string[], read: ReadFile): Promise<Project> {
  const paths = telling(files)
  const texts = new Map(
    await Promise.all(paths.map(async (path) => [path, (await read(path)) ?? ''] as const)),
  )
  const { packages, linked } = readPackages(files, texts)
  const isTestFile = (path: string): boolean =>
    isTestName(path) || (mayBeTest(path) ? declaresTests : callsTests).test(texts.get(path) ?? '')
  const candidates = testCandidates(files).filter((path) => !mayBeTest(path) || isTestFile(path))
  return {
    language: detectLanguage(files),
    testFiles: candidates.filter((path) => languageOf(path) !== 'unknown' && isTestFile(path)),
    unjudgedTests: candidates.flatMap((file) => {
      const why = languageOf(file) === 'unknown' ? whyUnjudged(file) : undefined
      return why === undefined ? [] : [{ file, why }]
    }),
    packages,
    linked,
    pythonWords: wordsOfManifests(pythonManifests(files).map((path) => texts.get(path) ?? '')),
    scripts: packages.find(({ folder }) => folder === '')?.scripts ?? {},
    files,
  }
}

/** The package that a path belongs to; undefined where there is no package.json at or above it. */
export function packageOf(
  { packages }: Pick<Project, 'packages'>,
  path: string,
): NodePackage | undefined {
  return packages.find(({ folder }) => folder === '' || path.startsWith(`${folder}/`))
}

/** The language of one file, by its name, when one of our runners can load it. */
export function languageOf(path: string): Language {
  if (/\.[mc]?[jt]s$/.test(path)) return 'node'
  return path.endsWith('.py') ? 'python' : 'unknown'
}

const others: readonly (readonly [RegExp, string])[] = [
  [/\.[jt]sx$/, 'it holds JSX, which Node cannot run'],
  [/\.go$/, 'there is no Go in the agent image'],
  [/\.(java|kt|kts|scala|groovy)$/, 'there is no Java in the agent image'],
  [/\.rb$/, 'there is no Ruby in the agent image'],
  [/\.cs$/, 'there is no .NET in the agent image'],
  [/\.swift$/, 'there is no Swift in the agent image'],
  [/\.php$/, 'there is no PHP in the agent image'],
  [/\.rs$/, 'there is no Rust in the agent image'],
  [/\.(c|cc|cpp|cxx|zig)$/, 'there is no compiler for it in the agent image'],
  [
    /\.(exs?|erl|hs|ml|clj|cljs|dart|lua|jl|r|nim|cr|fs|fsx|vb|elm)$/i,
    'its language is not in the agent image',
  ],
  [/\.(t|pl|pm)$/, 'there is no runner for Perl in the agent image'],
  [/\.bats$/, 'there is no bats in the agent image'],
  [/\.coffee$/, 'it is written in CoffeeScript'],
]

/**
 * Why a file of tests in another language is not run; undefined for a file that is not code (data,
 * snapshots).
 */
function whyUnjudged(path: string): string | undefined {
  return others.find(([pattern]) => pattern.test(path))?.[1]
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

const packageFiles = (files: readonly string[]): readonly string[] =>
  files.filter((path) => basename(path) === 'package.json' && !ignored.test(path))

const testCandidates = (files: readonly string[]): readonly string[] =>
  files.filter((path) => (isTestPath(path) || mayBeTest(path)) && !ignored.test(path))

const isTestName = (path: string): boolean =>
  !mayBeTest(path) && (nodeName.test(path) || pythonName.test(path))

/** Files in folders of tests that may be helpers, and files whose names may be those of code. */
const unclearTests = (files: readonly string[]): readonly string[] =>
  testCandidates(files).filter((path) => languageOf(path) !== 'unknown' && !isTestName(path))

function readPackages(
  files: readonly string[],
  texts: ReadonlyMap<string, string>,
): Pick<Project, 'packages' | 'linked'> {
  const manifests = packageFiles(files)
    .map((path) => ({
      folder: dirname(path) === '.' ? '' : dirname(path),
      ...readPackageJson(texts.get(path) ?? '{}'),
    }))
    .toSorted((a, b) => b.folder.length - a.folder.length)
  return {
    packages: manifests.map(({ folder, value, fault }) => ({
      folder,
      ...parseManifest(value),
      ...(fault === undefined ? {} : { fault }),
    })),
    linked: linkedPackages(manifests, texts),
  }
}

function parseManifest(value: Record<string, unknown>): Omit<NodePackage, 'folder'> {
  const { type, main } = value
  const scripts = Object.entries(objectOf(value['scripts'])).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  )
  const dependencies = ['dependencies', 'devDependencies', 'peerDependencies'].flatMap((key) =>
    Object.keys(objectOf(value[key])),
  )
  return {
    type: type === 'module' || type === 'commonjs' ? type : undefined,
    main: typeof main === 'string' && main !== '' ? main : undefined,
    scripts: Object.fromEntries(scripts),
    dependencies,
  }
}

/** Short name of the unit of a task, fit for file names. */
function unitName(assignment: {
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
 * Where the spec tests of a unit go: the place of the spec that this request wrote for it before,
 * else a test file that the task names, else `test/<unit>.test.js` or `tests/test_<unit>.py` in the
 * unit's package, each with a number when the project has a file of that name. `kind` is the module
 * system of the tests, for Node; see `holdsKind`. Undefined for a unit whose files no runner of
 * ours can test.
 */
export function specPath(
  assignment: Pick<Assignment, 'request' | 'files' | 'specs'> & {
    readonly unit?: string | undefined
  },
  project: Pick<Project, 'language' | 'packages' | 'files'>,
  kind: ModuleKind = 'module',
): string | undefined {
  const before = findSpec(assignment)
  if (before !== undefined) return before
  const named = assignment.files.find((path) => isTestPath(path) && languageOf(path) !== 'unknown')
  const wanted = named ?? defaultSpecPath(assignment, project, kind)
  return wanted === undefined ? undefined : freeName(wanted, project.files)
}

/**
 * Whether Node takes a file of this name for a module of `kind`. Without `type`, the text of the
 * file decides.
 */
export function holdsKind(
  path: string,
  kind: ModuleKind,
  project: Pick<Project, 'packages'>,
): boolean {
  if (/\.m[jt]s$/.test(path)) return kind === 'module'
  if (/\.c[jt]s$/.test(path)) return kind === 'commonjs'
  return (packageOf(project, path)?.type ?? kind) === kind
}

/**
 * The one file that decides about a unit: the one that a spec task of this request wrote for it,
 * and no other file of that name.
 */
export function findSpec({
  unit,
  specs,
}: Pick<Assignment, 'specs'> & { readonly unit?: string | undefined }): string | undefined {
  return specs.find((spec) => spec.unit === unit)?.path
}

/** Every file that decides about a unit. */
export function findSpecs({
  unit,
  specs,
}: Pick<Assignment, 'specs'> & { readonly unit?: string | undefined }): readonly string[] {
  return specs.filter((spec) => spec.unit === unit).map(({ path }) => path)
}

/**
 * Deciding files that were there when the request began: a person wrote them and said that they
 * decide.
 */
export function namedSpecs({
  specs,
  base,
}: Pick<Assignment, 'specs' | 'base'>): ReadonlySet<string> {
  return new Set(specs.filter(({ commit }) => commit === base).map(({ path }) => path))
}

function defaultSpecPath(
  assignment: Parameters<typeof specPath>[0],
  project: Pick<Project, 'language' | 'packages' | 'files'>,
  kind: ModuleKind,
): string | undefined {
  const code = codeFiles(assignment.files)
  const first = code.find((path) => languageOf(path) !== 'unknown')
  const language = first === undefined ? 'unknown' : languageOf(first)
  const chosen = code.length === 0 ? project.language : language
  const unit = unitName(assignment)
  if (chosen === 'python')
    return `${pythonTestFolder(project.files)}/test_${unit.replaceAll('-', '_')}.py`
  if (chosen !== 'node') return undefined
  const { folder, type } = packageOf(project, first ?? 'index.js') ?? { folder: '', type: 'module' }
  const typed = first !== undefined && /\.[mc]?ts$/.test(first)
  // The ending says the kind where Node would not take a plain name for it, or only by guessing.
  const plain = { module: type === 'module' ? '' : 'm', commonjs: type === 'module' ? 'c' : '' }
  return posix.join(folder, 'test', `${unit}.test.${plain[kind]}${typed ? 'ts' : 'js'}`)
}

/** The folder that the project has its Python tests in. */
function pythonTestFolder(files: readonly string[]): string {
  const has = (folder: string): boolean =>
    files.some((path) => path.startsWith(`${folder}/`) && path.endsWith('.py'))
  return has('test') && !has('tests') ? 'test' : 'tests'
}

/**
 * `path`, or the first of `a-2.test.js`, `a-3.test.js` … (`test_a_2.py`) that no file has, in upper
 * or lower case.
 */
function freeName(path: string, files: readonly string[]): string {
  const taken = new Set(files.map((file) => file.toLowerCase()))
  const [, stem = '', ending = ''] = /^(.*?)((?:[._-](?:test|spec))?\.\w+)$/i.exec(path) ?? [
    undefined,
    path,
    '',
  ]
  const joint = ending === '.py' ? '_' : '-'
  for (let number = 1; ; number++) {
    const name = number === 1 ? path : `${stem}${joint}${number}${ending}`
    if (!taken.has(name.toLowerCase())) return name
  }
}
