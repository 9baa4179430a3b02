// Whether Node takes a file for an ES module or for CommonJS.
import { isTestPath, languageOf } from '../project/project.ts'
import type { CodeFacts } from './facts.ts'
import { readNode } from './read-node.ts'

export type ModuleKind = 'module' | 'commonjs'

/**
 * What Node takes a file for: by its ending; then by `type` of the nearest package.json; then by its text, where any
 * sign of an ES module decides. `facts` of a file that does not exist yet are undefined: then the kinds of its
 * neighbours decide by majority, and `otherwise` where there are none.
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
    // A file without any sign says nothing about what its project is written in.
    if (facts.markers.commonjs || neighbours.length === 0) return 'commonjs'
  }
  if (neighbours.length === 0) return otherwise
  const modules = neighbours.filter((kind) => kind === 'module').length
  return modules * 2 < neighbours.length ? 'commonjs' : 'module'
}

/**
 * The `type` of the package.json that is nearest to `path`, among `manifests` (text by path). A manifest that cannot
 * be read, or says nothing, ends the search, as it does in Node.
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

/** How many files beside a new one are asked what they are. */
const mostNeighbours = 12

/**
 * What Node takes each of `wanted` for, or will take it for when it is written. `files` are all paths of the project;
 * `read` gives the text of one, or undefined. Where nothing says what a new file will be, it is `otherwise`. Other paths
 * count as ES modules.
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
    const facts = text === undefined ? undefined : readNode(file, text)
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
 * Kinds of the files that are nearest to one, as far as their text says it. Tests are asked where there is no code that
 * says it: those that were just written for a new file, for one.
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
      const markers = text === undefined ? undefined : readNode(other, text).markers
      if (markers?.esm) kinds.push('module')
      else if (markers?.commonjs) kinds.push('commonjs')
    }
  }
  await ask(others.filter((other) => !isTestPath(other)))
  if (kinds.length === 0) await ask(others.filter((other) => isTestPath(other)))
  return kinds
}
