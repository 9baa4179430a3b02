// Packages of a monorepo that the project's package manager links into node_modules, by name: npm, yarn and bun by `workspaces`,
// pnpm and lerna by a file of theirs, and any by `file:` and its like.
import { posix } from 'node:path'
import { parse } from 'yaml'

/** What a package.json says that matters for links; everything may be missing or of another type. */
export interface Manifest {
  readonly folder: string
  readonly value: Readonly<Record<string, unknown>>
}

/** Files besides package.json that say which folders are linked. */
export const linkingFiles = ['pnpm-workspace.yaml', 'lerna.json'] as const

/** Names of the packages that are linked, with their folders. `texts` are those of `linkingFiles` that are there. */
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

/** `["packages/*"]`, or `{ "packages": […] }` as yarn has it. Patterns that leave something out are passed over. */
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
