// How the files of a project find each other: whether Node takes a file for an ES module or for
// CommonJS, and to which file an import leads, in Node and in the Python runner.
import { isTestPath, languageOf } from '../project/project.ts'
import type { CodeFacts, ImportFact } from './facts.ts'
import { readJavaScript } from './javascript/read.ts'
import { dirname, posix } from 'node:path'

export type ModuleKind = 'module' | 'commonjs'

/**
 * The module system in which Node runs a file. It goes by the file's ending, then by `type` of the
 * nearest package.json, then by the text, where any sign of an ES module decides. `facts` of a file
 * that does not exist yet are undefined: then the kinds of its neighbours decide by majority, and
 * `otherwise` where there are none.
 */
export function moduleKindOf(
  path: string,
  facts: Pick<CodeFacts, 'markers' | 'parsed'> | undefined,
  nearestType: ModuleKind | undefined,
  neighbours: readonly ModuleKind[] = [],
  otherwise: ModuleKind = 'module',
): ModuleKind {
  if (/\.m[jt]s$/.test(path)) return 'module'
  if (/\.c[jt]s$/.test(path)) return 'commonjs'
  if (nearestType !== undefined) return nearestType
  if (facts !== undefined && facts.parsed.kind === 'fine') {
    if (facts.markers.esm) return 'module'
    // A file without any sign says nothing about the module system of its project.
    if (facts.markers.commonjs || neighbours.length === 0) return 'commonjs'
  }
  if (neighbours.length === 0) return otherwise
  const modules = neighbours.filter((kind) => kind === 'module').length
  return modules * 2 < neighbours.length ? 'commonjs' : 'module'
}

/**
 * The `type` of the package.json that is nearest to `path`, among `manifests` (text by path). A
 * manifest that cannot be read, or says nothing, ends the search, as it does in Node.
 */
export function nearestTypeOf(
  path: string,
  manifests: ReadonlyMap<string, string>,
): ModuleKind | undefined {
  const parts = path.split('/').slice(0, -1)
  for (let length = parts.length; length >= 0; length--) {
    const manifest = manifests.get([...parts.slice(0, length), 'package.json'].join('/'))
    if (manifest === undefined) continue
    try {
      const { type } = Object(JSON.parse(manifest)) as { type?: unknown }
      return type === 'module' || type === 'commonjs' ? type : undefined
    } catch {
      return undefined
    }
  }
  return undefined
}

/** The most files around a new one whose module system is read. */
const mostNeighbours = 12

/**
 * The module system in which Node runs each of `wanted`, or will run it when it is written. `files`
 * are all paths of the project; `read` gives the text of one, or undefined. Where nothing says what
 * a new file will be, it is `otherwise`. Other paths count as ES modules.
 */
export async function moduleKinds(
  wanted: readonly string[],
  files: readonly string[],
  read: (path: string) => Promise<string | undefined>,
  otherwise: ModuleKind = 'module',
): Promise<(file: string) => ModuleKind> {
  const manifests = new Map<string, string>()
  for (const path of files)
    if (/(?:^|\/)package\.json$/.test(path) && wanted.some((file) => isBelow(file, path)))
      manifests.set(path, (await read(path)) ?? '')
  const kinds = new Map<string, ModuleKind>()
  for (const file of wanted) {
    if (languageOf(file) !== 'node') continue
    const nearest = nearestTypeOf(file, manifests)
    const text = await read(file)
    const facts = text === undefined ? undefined : readJavaScript(file, text)
    const says = facts !== undefined && (facts.markers.esm || facts.markers.commonjs)
    const neighbours = says || nearest !== undefined ? [] : await neighboursOf(file, files, read)
    kinds.set(file, moduleKindOf(file, facts, nearest, neighbours, otherwise))
  }
  return (file) => kinds.get(file) ?? 'module'
}

function isBelow(file: string, manifest: string): boolean {
  return file.startsWith(manifest.slice(0, -'package.json'.length))
}

/**
 * The module systems of the files that are nearest to one, as far as their texts tell. Where no
 * code tells, tests are read: those that were just written for a new file, for example.
 */
async function neighboursOf(
  file: string,
  files: readonly string[],
  read: (path: string) => Promise<string | undefined>,
): Promise<readonly ModuleKind[]> {
  const shared = (other: string): number => {
    const own = file.split('/')
    return other.split('/').findIndex((part, index) => part !== own[index])
  }
  const others = files
    .filter((other) => other !== file && /\.[jt]s$/.test(other))
    .filter((other) => !/(?:^|\/)(?:node_modules|dist|build)\/|\.config\.[jt]s$/.test(other))
    .toSorted((a, b) => shared(b) - shared(a))
  const kinds: ModuleKind[] = []
  const ask = async (paths: readonly string[]): Promise<void> => {
    for (const other of paths.slice(0, mostNeighbours)) {
      const text = await read(other)
      const markers = text === undefined ? undefined : readJavaScript(other, text).markers
      if (markers?.esm) kinds.push('module')
      else if (markers?.commonjs) kinds.push('commonjs')
    }
  }
  await ask(others.filter((other) => !isTestPath(other)))
  if (kinds.length === 0) await ask(others.filter((other) => isTestPath(other)))
  return kinds
}

/**
 * Folders that the Python runner puts on its path, the root first: `src`, and top-level folders
 * that hold packages and are not packages themselves. '' is the root.
 */
function pythonRoots(files: readonly string[]): readonly string[] {
  const roots = new Set<string>()
  const packages = new Set<string>()
  for (const file of files) {
    const [top = '', second, ...rest] = file.split('/')
    if (second === undefined || !file.endsWith('.py')) continue
    if (second === '__init__.py') packages.add(top)
    if (top === 'src' || (rest.length === 1 && rest[0] === '__init__.py' && !/^tests?$/.test(top)))
      roots.add(top)
  }
  // `src` is always on the path; another folder is not when it is a package itself.
  return ['', ...[...roots].filter((root) => root === 'src' || !packages.has(root)).toSorted()]
}

/**
 * How a spec at `spec` names `file` in an import: `../src/slug.js`, `app.store`. `files` are the
 * project's.
 */
export function specifierFor(
  spec: string,
  file: string,
  files: readonly string[] = [file],
): string {
  if (languageOf(spec) !== 'python') {
    const relative = posix.relative(dirname(spec), file)
    // An import is a URL, in which these signs mean something else; require takes a path.
    const written = /\.c[jt]s$/.test(spec)
      ? relative
      : relative.replace(/[%?#]/g, encodeURIComponent)
    return written.startsWith('.') ? written : `./${written}`
  }
  const [top = ''] = file.split('/')
  const isRoot = top !== '' && pythonRoots(files).includes(top) && file !== `${top}/__init__.py`
  // A `src` that is a package is imported by that name by the rest of the project.
  const strips = isRoot && !files.includes(`${top}/__init__.py`)
  const below = strips ? file.slice(top.length + 1) : file
  return below.replace(/(?:^|\/)__init__\.py$|\.py$/, '').replaceAll('/', '.')
}

/** `main` of each package.json that has one, by folder; the project's own folder is ''. */
export type Mains = ReadonlyMap<string, string>

/**
 * The project's file that an import leads to. `folder` says that it leads to a folder of Python
 * modules; undefined is an import that leads to no file of the project. `mains` is `main` of each
 * package.json, by folder, for `require('..')`.
 */
export function resolveImport(
  from: string,
  specifier: string,
  known: ReadonlySet<string>,
  how: ImportFact['how'] = 'static',
  mains: Mains = new Map(),
): { readonly file: string } | { readonly folder: string } | undefined {
  return languageOf(from) === 'python'
    ? resolvePython(from, specifier, known)
    : resolveNode(from, specifier, known, how, mains)
}

function resolveNode(
  from: string,
  specifier: string,
  known: ReadonlySet<string>,
  how: ImportFact['how'],
  mains: Mains,
): { readonly file: string } | undefined {
  if (!/^\.{1,2}(\/|$)/.test(specifier)) return undefined
  const meant = how === 'require' ? specifier : unescaped(specifier.replace(/[?#].*$/s, ''))
  const path = posix.normalize(posix.join(dirname(from), meant))
  // An import says the whole name; only require tries endings and folders.
  const places = how === 'require' ? requiredPlaces(path, mains) : [path]
  const file = places.find((place) => known.has(place))
  return file === undefined ? undefined : { file }
}

const endings = ['.js', '.json', '.node']

/**
 * The places where `require` looks, in its order. A specifier that names a folder (`..`, `./lib/`)
 * never leads to a file of that name.
 */
function requiredPlaces(path: string, mains: Mains): readonly string[] {
  const folder = path.replace(/^\.?\/?$|\/$/, '')
  const isFolder = folder !== path || /(?:^|\/)\.\.$/.test(path)
  const file = (stem: string): string[] => [stem, ...endings.map((ending) => `${stem}${ending}`)]
  const index = (place: string): string[] =>
    endings.map((ending) => posix.join(place, `index${ending}`))
  const main = mains.get(folder)
  const target = main === undefined ? undefined : posix.join(folder, main).replace(/\/$/, '')
  return [
    ...(isFolder ? [] : file(path)),
    ...(target === undefined ? [] : [...file(target), ...index(target)]),
    ...index(folder),
  ]
}

/** The path in a URL. An escape that is not well-formed stays as it is, and then leads nowhere. */
function unescaped(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

function resolvePython(
  from: string,
  specifier: string,
  known: ReadonlySet<string>,
): { readonly file: string } | { readonly folder: string } | undefined {
  const level = /^\.*/.exec(specifier)?.[0].length ?? 0
  const parts = specifier.slice(level).split('.').filter(Boolean)
  const files = [...known]
  const own = dirname(from)
    .split('/')
    .filter((part) => part !== '.')
  if (level > own.length + 1) return undefined
  const roots = level > 0 ? [own.slice(0, own.length - level + 1).join('/')] : pythonRoots(files)
  for (const root of roots) {
    const path = [root, ...parts].filter(Boolean).join('/')
    for (const file of [`${path}.py`, path === '' ? '__init__.py' : `${path}/__init__.py`])
      if (known.has(file)) return { file }
  }
  for (const root of roots) {
    const path = [root, ...parts].filter(Boolean).join('/')
    if (path !== '' && files.some((file) => file.startsWith(`${path}/`) && file.endsWith('.py')))
      return { folder: path }
  }
  return undefined
}
