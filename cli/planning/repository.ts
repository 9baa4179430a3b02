import { lstat, readdir, readFile, realpath, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import type { RepositoryReader } from '../../core/planner/facts.ts'
import { CliError, exitCodes } from '../failure.ts'
import { git } from '../forge/git.ts'

/**
 * As many as the forge lists, so that a plan made here knows what a plan made in the cluster knows.
 */
const maxFiles = 2000
/** Largest file whose text is read, in bytes; the forge's limit. */
const maxReadBytes = 256 * 1024
/** A walk ends here: a person who names their home directory must not wait for all of it. */
const maxVisited = 20_000
const notWalked = new Set(['.git', 'node_modules', '__pycache__', '.venv'])

/**
 * Opens a directory of this machine for the planner. In a git checkout: the tracked files, and new
 * ones that are not ignored. Elsewhere: the files of a bounded walk.
 * Guarantees: regular files only, at most 2,000, sorted; no symbolic link is followed; a file that
 * is huge or not a text reads as empty. Errors: `CliError` (usage) when there is no such directory.
 */
export async function openRepository(
  folder: string,
  options: { readonly signal: AbortSignal },
): Promise<RepositoryReader> {
  const root = await existingDirectory(folder)
  const paths = (await trackedPaths(root, options)) ?? (await walkedPaths(root, options))
  return {
    readTree: async ({ signal }) => {
      const files: { path: string; bytes: number }[] = []
      for (const path of paths) {
        signal.throwIfAborted()
        if (files.length > maxFiles) break
        // git also lists links, submodules and files that were deleted meanwhile.
        const found = await lstat(join(root, path)).catch(() => undefined)
        if (found?.isFile() === true) files.push({ path, bytes: found.size })
      }
      return { files: files.slice(0, maxFiles), truncated: files.length > maxFiles }
    },
    readFile: async (path) => textAt(root, path),
  }
}

async function existingDirectory(folder: string): Promise<string> {
  const found = await stat(folder).catch(() => undefined)
  if (found?.isDirectory() === true) return realpath(folder)
  const what = found === undefined ? 'there is no directory' : 'this is not a directory:'
  throw new CliError(`${what} ${folder}`, {
    next: 'guild plan --help   (--repo takes the directory of a project)',
    exitCode: exitCodes.usage,
  })
}

/** What git lists below `root`; undefined where git knows no checkout. */
async function trackedPaths(
  root: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<readonly string[] | undefined> {
  // A checkout that somebody sent may name a program to run here.
  const args = ['-c', 'core.fsmonitor=false', 'ls-files', '-z']
  const listed = await git([...args, '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    signal,
  }).catch((error: unknown) => {
    if (signal.aborted) throw error
    return undefined
  })
  const paths = sorted((listed ?? '').split('\0').filter((path) => path !== ''))
  if (paths.length > 0) return paths
  // A directory that the checkout around it ignores has nothing in that checkout, yet the person
  // may mean it.
  const own = await lstat(join(root, '.git')).catch(() => undefined)
  return listed === undefined || own === undefined ? undefined : []
}

async function walkedPaths(
  root: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const paths: string[] = []
  const waiting = [root]
  let visited = 0
  for (let folder = waiting.shift(); folder !== undefined; folder = waiting.shift()) {
    signal.throwIfAborted()
    // A folder that may not be read is none of the planner's business.
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
    for (const entry of entries.toSorted((one, other) => (one.name < other.name ? -1 : 1))) {
      if (++visited > maxVisited) return sorted(paths)
      const path = join(folder, entry.name)
      if (entry.isFile()) paths.push(relative(root, path).split(sep).join('/'))
      else if (entry.isDirectory() && !notWalked.has(entry.name)) waiting.push(path)
    }
  }
  return sorted(paths)
}

async function textAt(root: string, path: string): Promise<string> {
  const file = join(root, path)
  const real = await realpath(file)
  const { size } = await stat(real)
  // A link may have taken the place of a listed file.
  if (!real.startsWith(`${root}${sep}`) || size > maxReadBytes) return ''
  const bytes = await readFile(real)
  return bytes.includes(0) ? '' : bytes.toString('utf8')
}

/** The files of a template as the forge starts a repository from it, in memory. */
export async function openTemplate(
  template: 'empty' | 'node' | 'python',
  title: string,
): Promise<RepositoryReader> {
  const root = join(import.meta.dirname, '../../forge/templates', template)
  const texts = new Map<string, string>()
  for (const name of (await readdir(root)).toSorted()) {
    const text = await readFile(join(root, name), 'utf8')
    texts.set(name, text.replaceAll(/\{\{(?:title|name)\}\}/g, title))
  }
  return {
    readTree: async () => ({
      files: [...texts].map(([path, text]) => ({ path, bytes: Buffer.byteLength(text) })),
      truncated: false,
    }),
    readFile: async (path) => texts.get(path) ?? '',
  }
}

function sorted(paths: readonly string[]): readonly string[] {
  return [...new Set(paths)].toSorted((one, other) => (one < other ? -1 : 1))
}
