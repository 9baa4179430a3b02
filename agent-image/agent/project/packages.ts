// Packages: which ones a project says it depends on, and which of its own folders its package
// manager links by name.
import { posix } from 'node:path'
import { parse } from 'yaml'
import type { NodePackage } from './project.ts'

const pythonFiles =
  /^(?:pyproject\.toml|setup\.(?:py|cfg)|Pipfile|environment\.ya?ml|(?:requirements\/)?[\w.-]*requirements[\w.-]*\.(?:txt|in)|requirements\/[\w.-]+\.(?:txt|in))$/

/** Packages whose modules have another name, by the name of the module. */
const distributions: Readonly<Record<string, string>> = {
  attr: 'attrs',
  bs4: 'beautifulsoup4',
  cv2: 'opencv_python',
  dateutil: 'python_dateutil',
  dotenv: 'python_dotenv',
  jwt: 'pyjwt',
  magic: 'python_magic',
  pil: 'pillow',
  psycopg2: 'psycopg2_binary',
  pymysql: 'pymysql',
  serial: 'pyserial',
  sklearn: 'scikit_learn',
  yaml: 'pyyaml',
}

/** The files of a project that may name Python packages. */
export function pythonManifests(files: readonly string[]): readonly string[] {
  return files.filter((path) => pythonFiles.test(path))
}

/**
 * Every word of such files that may be the name of a package, as Python compares names. Words that
 * are not names do no harm: only packages that could not be imported are looked up here.
 */
export function wordsOfManifests(texts: Iterable<string>): ReadonlySet<string> {
  const words = new Set<string>()
  for (const text of texts)
    for (const line of text.split('\n'))
      for (const [word] of line.replace(/(?:^|\s)#.*$/, '').matchAll(/[A-Za-z][\w.-]*/g))
        words.add(compared(word))
  return words
}

/** Whether a package that could not be imported is one that the project says it depends on. */
export function dependsOn(
  project: {
    readonly packages: readonly Pick<NodePackage, 'dependencies'>[]
    readonly linked: ReadonlyMap<string, string>
    readonly pythonWords: ReadonlySet<string>
  },
  name: string,
): boolean {
  if (project.packages.some(({ dependencies }) => dependencies.includes(name))) return true
  // One package of a monorepo finds another by its name even without a dependency on it.
  if (project.linked.has(name)) return true
  // An alias for a folder of the project, from its tsconfig.json or its bundler, is not a package
  // that could be installed.
  if (isAlias(name)) return true
  const module = compared(name)
  const known = [
    module,
    `python_${module}`,
    `${module}_python`,
    `py${module}`,
    distributions[module],
  ]
  return known.some((word) => word !== undefined && project.pythonWords.has(word))
}

/** `@/low` and `~/low`: npm allows no such names. */
function isAlias(name: string): boolean {
  return /^[@~]\//.test(name)
}

function compared(name: string): string {
  return name.toLowerCase().replace(/[-_.]+/g, '_')
}

/** The parts of a package.json that matter for links; each may be missing or of another type. */
interface Manifest {
  readonly folder: string
  readonly value: Readonly<Record<string, unknown>>
}

/** Files besides package.json that say which folders are linked. */
export const linkingFiles = ['pnpm-workspace.yaml', 'lerna.json'] as const

/**
 * Names of the packages that are linked, with their folders. `texts` are those of `linkingFiles`
 * that are there.
 */
export function linkedPackages(
  manifests: readonly Manifest[],
  texts: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const patterns = [
    ...patternsOf(parsed(texts.get('pnpm-workspace.yaml'))['packages']),
    ...patternsOf(parsed(texts.get('lerna.json'))['packages']),
  ].map((pattern) => ({ folder: '', pattern }))
  for (const { folder, value } of manifests)
    for (const pattern of patternsOf(value['workspaces'])) patterns.push({ folder, pattern })
  const pointed = new Set(manifests.flatMap(foldersPointedAt))
  const linked = new Map<string, string>()
  for (const { folder, value } of manifests) {
    const name = value['name']
    const isMember =
      pointed.has(folder) ||
      patterns.some((one) => posix.matchesGlob(folder, posix.join(one.folder, one.pattern)))
    if (typeof name === 'string' && name !== '' && isMember) linked.set(name, folder)
  }
  return linked
}

/** The name of the package that an import is of: `@x/b` of `@x/b/sub`. */
export function packageName(specifier: string): string | undefined {
  return /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0]
}

/**
 * `["packages/*"]`, or `{ "packages": […] }` as yarn has it. Patterns that leave something out are
 * passed over.
 */
function patternsOf(value: unknown): readonly string[] {
  const list: unknown = Array.isArray(value) ? value : objectOf(value)['packages']
  if (!Array.isArray(list)) return []
  return list
    .filter((one): one is string => typeof one === 'string' && !one.startsWith('!'))
    .map((pattern) => pattern.replace(/\/$/, ''))
}

/** Folders that dependencies name: `file:../b`, `link:../b`, `portal:../b`. */
function foldersPointedAt({ folder, value }: Manifest): readonly string[] {
  return ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((key) => {
    return Object.values(objectOf(value[key])).flatMap((version) => {
      const path = /^(?:file|link|portal):(.+)$/.exec(String(version))?.[1]
      return path === undefined ? [] : [posix.join(folder, path).replace(/\/$/, '')]
    })
  })
}

function parsed(text: string | undefined): Readonly<Record<string, unknown>> {
  try {
    return objectOf(parse(text ?? ''))
  } catch {
    return {}
  }
}

/** The value as an object of JSON; an empty one where it is a list, a word or nothing. */
export function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {}
}
