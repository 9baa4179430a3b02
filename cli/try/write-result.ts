// Leaves the result in the person's work tree, wholly or not at all.
//
// The files are made by git (`checkout-index`), so they have the line ends and encoding that the
// person's attributes and settings give to a checked out file, and then put in place one by one,
// each by a rename. The person's index is not touched: new files are untracked, as files are that a
// person makes. An entry of ours in it would get in the way of `git stash`.
import { constants } from 'node:fs'
import { chmod, copyFile, lstat, mkdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { counted } from '../../core/api/plain-text.ts'
import { parseListing } from '../../agent-image/agent/workspace/tree-listing.ts'
import { type Checkout, obstacleAt } from './checkout.ts'
import type { LocalForge } from './run-plan.ts'
import { quoted } from '../terminal.ts'
import { TryTrouble } from '../failure.ts'
import type { Abortable } from '../../core/base/wait.ts'

/** Paths that differ between two commits of the forge, sorted. */
export async function changedPaths(
  checkout: Checkout,
  forge: LocalForge,
  commit: string,
  options: Abortable,
): Promise<readonly string[]> {
  const args = ['diff-tree', '-r', '-z', '--name-only', '--no-renames', forge.base, commit]
  const text = (await checkout.git(args, { ...options, env: forge.env })).toString('utf8')
  return text.split('\0').filter(Boolean).toSorted()
}

/** The change as a patch that `git apply` takes, byte for byte. */
export async function patchOf(
  checkout: Checkout,
  forge: LocalForge,
  commit: string,
  options: Abortable,
): Promise<Buffer> {
  const args = ['diff', '--no-color', '--no-ext-diff', '--no-textconv', '--no-renames', '--binary']
  const prefixes = ['--src-prefix=a/', '--dst-prefix=b/']
  const whole = [...args, ...prefixes, forge.base, commit]
  return checkout.git(whole, { ...options, env: forge.env })
}

/**
 * Puts the files of `commit` that differ from the base into the work tree, and returns which of
 * them are new there.
 * Guarantees: after an error the work tree is as it was; the index is never changed. Errors:
 * `TryTrouble` Conflict when it would overwrite a file that the person changed meanwhile. `scratch`
 * is an empty folder. Not interruptible: a half of a change is worse.
 */
export async function leaveInTree(
  checkout: Checkout,
  forge: LocalForge,
  commit: string,
  scratch: string,
): Promise<LeftFiles> {
  const options = { signal: new AbortController().signal }
  const paths = await changedPaths(checkout, forge, commit, options)
  await refuseConflicts(checkout, paths, options)
  await makeFiles(checkout, forge, commit, { paths, scratch }, options)
  const listing = parseListing(
    await checkout.git(['ls-tree', '-r', '-l', '-z', commit], { ...options, env: forge.env }),
  )
  const done: Undo[] = []
  try {
    for (const [index, path] of paths.entries()) {
      const executable = listing.get(path)?.mode === '100755'
      const kept = join(scratch, `old-${index}`)
      const made = join(scratch, 'new', path)
      await putInPlace(checkout.root, path, made, { executable, kept, done })
    }
  } catch (error) {
    for (const undo of done.toReversed()) await undo().catch(() => undefined)
    throw error
  }
  const created = paths.filter((path) => !checkout.listing.has(path))
  return { paths, created, ignored: await ignoredOf(checkout, created, options) }
}

/** Those of new files that the person's settings have git overlook. */
async function ignoredOf(
  { git }: Checkout,
  created: readonly string[],
  options: Abortable,
): Promise<readonly string[]> {
  if (created.length === 0) return []
  const args = ['ls-files', '--others', '--ignored', '--exclude-standard', '-z', '--', ...created]
  const found = git(args, { ...options, env: { GIT_LITERAL_PATHSPECS: '1' } })
  // The work is in its place already; a failure to look at it is not a reason to take it back.
  return found.then(
    (listed) => listed.toString('utf8').split('\0').filter(Boolean),
    () => [],
  )
}

/**
 * The sentences about a change in the work tree, and the command that shows the whole of it as a
 * diff.
 */
export function leftInWords(
  root: string,
  { paths, created, ignored }: LeftFiles,
): { readonly sentence: string; readonly next: string } {
  const verb = created.length === 1 ? 'is' : 'are'
  const news =
    created.length === 0 ? '' : `, ${counted(created.length, 'new file')} ${verb} untracked`
  const hidden =
    ignored.length === 0
      ? ''
      : `; git was told to ignore ${ignored.join(', ')}, so it shows only what is added with -f`
  const add = ['add', ...(ignored.length === 0 ? [] : ['-f']), '--', ...paths.map(quoted)].join(' ')
  const next =
    created.length === 0
      ? `git -C ${quoted(root)} diff`
      : `git -C ${quoted(root)} ${add} && git -C ${quoted(root)} diff --cached -- ${paths.map(quoted).join(' ')}`
  return {
    sentence: `the change is in the work tree of ${root}: nothing is staged${news}, git status shows it${hidden}`,
    next,
  }
}

/**
 * The files that were put into the work tree: all paths, new paths, and new paths that git ignores.
 */
interface LeftFiles {
  readonly paths: readonly string[]
  readonly created: readonly string[]
  readonly ignored: readonly string[]
}

type Undo = () => Promise<void>

async function refuseConflicts(
  checkout: Checkout,
  paths: readonly string[],
  options: Abortable,
): Promise<void> {
  const now = (await checkout.git(['rev-parse', 'HEAD'], options)).toString('utf8').trim()
  const moved =
    now === checkout.head
      ? []
      : (
          await checkout.git(
            ['diff-tree', '-r', '-z', '--name-only', '--no-renames', checkout.head, now],
            options,
          )
        )
          .toString('utf8')
          .split('\0')
  for (const path of paths) {
    const why = moved.includes(path)
      ? `${path} is another one since HEAD moved.`
      : (await obstacleAt(checkout, path, options))?.why
    if (why !== undefined)
      throw new TryTrouble('Conflict', `the work is done and cannot be left in the tree: ${why}`)
  }
}

/** Has git write the files below `scratch/new`, as it would check them out. */
async function makeFiles(
  checkout: Checkout,
  forge: LocalForge,
  commit: string,
  { paths, scratch }: { readonly paths: readonly string[]; readonly scratch: string },
  options: Abortable,
): Promise<void> {
  // An index of its own: that of the person is not touched, and its attributes are those of the
  // result.
  const env = { ...forge.env, GIT_INDEX_FILE: join(scratch, 'index') }
  await mkdir(scratch, { recursive: true })
  await checkout.git(['read-tree', commit], { ...options, env })
  const args = ['checkout-index', '--quiet', `--prefix=${join(scratch, 'new')}/`, '-z', '--stdin']
  await checkout.git(args, { ...options, env, input: paths.join('\0') })
}

async function putInPlace(
  root: string,
  path: string,
  made: string,
  { executable, kept, done }: { executable: boolean; kept: string; done: Undo[] },
): Promise<void> {
  const target = join(root, path)
  await makeFolders(root, dirname(path), done)
  const before = await lstat(target).catch(() => undefined)
  if (before === undefined) {
    done.push(() => rm(target, { force: true }))
    return replace(made, target)
  }
  await copyFile(target, kept)
  done.push(() => replace(kept, target, before.mode))
  const execute = executable ? (before.mode & 0o444) >> 2 : 0
  await replace(made, target, (before.mode & 0o666) | execute)
}

/**
 * A rename within one folder happens whole or not at all, and leaves other links to the old file
 * alone.
 */
async function replace(from: string, target: string, mode?: number): Promise<void> {
  const beside = `${target}.guild-try`
  try {
    await copyFile(from, beside, constants.COPYFILE_EXCL)
    if (mode !== undefined) await chmod(beside, mode & 0o777)
    await rename(beside, target)
  } finally {
    await rm(beside, { force: true })
  }
}

async function makeFolders(root: string, folder: string, done: Undo[]): Promise<void> {
  if (folder === '.') return
  const path = join(root, folder)
  if ((await lstat(path).catch(() => undefined)) !== undefined) return
  await makeFolders(root, dirname(folder), done)
  await mkdir(path)
  done.push(() => rmdir(path))
}
