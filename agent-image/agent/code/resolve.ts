// Where imports lead: to which file of the project, as Node and the Python runner find it.
import { dirname, posix } from 'node:path'
import { languageOf } from '../project/project.ts'
import type { ImportFact } from './facts.ts'

/**
 * Folders that the Python runner puts on its path, the root first: `src`, and top-level folders that hold packages and
 * are none themselves. '' is the root.
 */
export function pythonRoots(files: readonly string[]): readonly string[] {
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

/** How a spec at `spec` names `file` in an import: `../src/slug.js`, `app.store`. `files` are the project's. */
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
 * The project's file that an import leads to. `folder` says that it leads to a folder of Python modules; undefined is
 * an import that leads to no file of the project. `mains` is `main` of each package.json, by folder, for `require('..')`.
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

/** Where `require` looks, in its order. What is named as a folder (`..`, `./lib/`) is none but that. */
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

/** The path in a URL; what is no well-formed escape stays as it is, and leads nowhere then. */
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
