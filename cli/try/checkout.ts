// The repository of the person at the keyboard: read with git, and written to only at the very end
// (write-result.ts).
import { existsSync } from 'node:fs'
import { lstat, realpath, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { execa } from 'execa'
import {
  type CommitTree,
  contentState,
  entryState,
  filesOf,
  parseListing,
} from '../../agent-image/agent/workspace/tree-listing.ts'
import type { RepositoryReader } from '../../core/planner/facts.ts'
import { CliError, TryTrouble, exitCodes } from '../failure.ts'
import { quoted } from '../terminal.ts'
import type { Abortable } from '../../core/base/wait.ts'

interface GitCall extends Abortable {
  readonly input?: string | Uint8Array
  readonly env?: Readonly<Record<string, string>>
}

/** A checkout that can be worked on. */
export interface Checkout {
  /** Its top folder, without links. */
  readonly root: string
  /** The commit it stands at. */
  readonly head: string
  /** The folder of its objects. */
  readonly objects: string
  /** Every entry of `head`. */
  readonly listing: CommitTree
  /** Paths with changes that are in no commit, as `git status` lists them. */
  readonly changed: readonly string[]
  /** `head` as the planner reads it. */
  readonly reader: RepositoryReader
  /** Runs git here; throws `CliError` with git's words when it fails. */
  readonly git: (args: readonly string[], options: GitCall) => Promise<Buffer>
}

/** The planner reads no larger files, in bytes. */
const maxReadBytes = 256 * 1024
/** As many as the forge lists. */
const maxFiles = 2000

/**
 * Opens the checkout in `folder`. Reads only: not even the index is refreshed.
 * Errors: `CliError` (usage) for a folder that is not a checkout, `TryTrouble` for one whose state
 * has to be mended first.
 */
export async function openCheckout(folder: string, options: Abortable): Promise<Checkout> {
  const found = await stat(folder).catch(() => undefined)
  if (found?.isDirectory() !== true)
    throw usage(
      found === undefined ? `there is no directory ${folder}` : `${folder} is not a directory`,
    )
  const root = await realpath(folder)
  const git = bindGit(root, await filtersOff(bindGit(root), options))
  const line = async (...args: string[]): Promise<string> =>
    (await git(args, options)).toString('utf8').replace(/\n$/, '')
  await refuseNoCheckout(folder, root, line)
  await refuseUnfinished(folder, root, line)
  const head = await line('rev-parse', '--verify', '--quiet', 'HEAD^{commit}').catch((cause) => {
    options.signal.throwIfAborted()
    throw usage(`${folder} has no commit yet, and work starts from one`, firstCommit(root), cause)
  })
  const listing = parseListing(await git(['ls-tree', '-r', '-l', '-z', head], options))
  const status = ['status', '--porcelain', '-z', '--no-renames', '--ignore-submodules=all']
  const changed = (await git(status, options)).toString('utf8').split('\0').filter(Boolean)
  return {
    root,
    head,
    objects: resolve(root, await line('rev-parse', '--git-path', 'objects')),
    listing,
    changed: changed.map((entry) => entry.slice(3)),
    reader: readerOf(listing, git),
    git,
  }
}

async function refuseNoCheckout(
  folder: string,
  root: string,
  line: (...args: string[]) => Promise<string>,
): Promise<void> {
  const inside = await line('rev-parse', '--is-inside-work-tree').catch((error: unknown) => {
    const why = error instanceof CliError ? error.message : ''
    if (/not a git repository/i.test(why) || why === '')
      throw usage(
        `${folder} is not a git repository`,
        `${gitIn(root)} init && ${firstCommit(root)}`,
      )
    throw error
  })
  if (inside !== 'true')
    throw usage(
      `${folder} has no work tree: it is a bare repository, or the git directory of one`,
      `git clone ${quoted(folder)} ../work   (then: guild try --repo ../work …)`,
    )
  const top = await realpath(await line('rev-parse', '--show-toplevel'))
  if (top !== root)
    throw usage(
      `${folder} is a folder inside the repository ${top}`,
      `guild try --repo ${quoted(top)} …   (--files takes paths from there)`,
    )
  const around = await line('rev-parse', '--show-superproject-working-tree')
  if (around !== '')
    throw usage(
      `${folder} is a submodule of ${around}`,
      'clone its repository by itself and try there: the repository around it would change, too',
    )
  if ((await line('rev-parse', '--show-object-format')) !== 'sha1')
    throw usage(`${folder} names its objects by SHA-256, which the agents do not read`)
}

const unfinished: readonly (readonly [string, string, string])[] = [
  ['MERGE_HEAD', 'a merge', 'merge'],
  ['rebase-merge', 'a rebase', 'rebase'],
  ['rebase-apply', 'a rebase', 'rebase'],
  ['CHERRY_PICK_HEAD', 'a cherry-pick', 'cherry-pick'],
  ['REVERT_HEAD', 'a revert', 'revert'],
]

async function refuseUnfinished(
  folder: string,
  root: string,
  line: (...args: string[]) => Promise<string>,
): Promise<void> {
  const at = async (name: string): Promise<string> =>
    resolve(root, await line('rev-parse', '--git-path', name))
  for (const [name, what, command] of unfinished)
    if (existsSync(await at(name)))
      throw new TryTrouble('Unsupported', `${folder} is in the middle of ${what}`, {
        next: `${gitIn(root)} ${command} --continue   (or: ${gitIn(root)} ${command} --abort)`,
      })
  if ((await line('ls-files', '--unmerged')) !== '')
    throw new TryTrouble('Unsupported', `${folder} has files with unresolved conflicts`, {
      next: `${gitIn(root)} status   (resolve them, then: ${gitIn(root)} add FILE)`,
    })
  const lock = await at('index.lock')
  if (existsSync(lock))
    throw new TryTrouble('Unsupported', `another git works in ${folder}: ${lock} is there`, {
      next: 'wait for it; remove the file when no git runs any more',
    })
}

function readerOf(listing: CommitTree, git: Checkout['git']): RepositoryReader {
  const files = filesOf(listing)
  return {
    readTree: async () => ({
      files: files
        .slice(0, maxFiles)
        .map((path) => ({ path, bytes: listing.get(path)?.size ?? 0 })),
      truncated: files.length > maxFiles,
    }),
    readFile: async (path, options) => {
      const entry = listing.get(path)
      if (entry === undefined || entry.size > maxReadBytes) return ''
      const bytes = await git(['cat-file', 'blob', entry.oid], options)
      return bytes.includes(0) ? '' : bytes.toString('utf8')
    },
  }
}

/** An obstacle to writing a file: a sentence that names its path, and the remedy. */
interface Obstacle {
  readonly why: string
  readonly next: string
}

/**
 * Why a file cannot be written in the checkout without losing something of the person's; undefined
 * when it can. What is looked at: HEAD, the index, the work tree, every folder on the way, what git
 * would do to its bytes, and for files that are `written`, not only run, whether those are text.
 */
export async function obstacleAt(
  checkout: Checkout,
  path: string,
  options: Abortable,
  use: 'written' | 'run' = 'written',
): Promise<Obstacle | undefined> {
  const { root, listing, git } = checkout
  const at = gitIn(root)
  const example = path === 'src/slug.js' ? 'src/words.js' : 'src/slug.js'
  const another = `guild try … --files ${example}   (name a file that can be written)`
  const state = entryState(listing, path)
  if (state.kind === 'unreadable') return { why: state.why, next: another }
  for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) {
    if (existsSync(join(root, folder, '.git')))
      return {
        why: `${path} would lie in ${folder}, which is a repository of its own.`,
        next: `guild try --repo ${quoted(join(root, folder))} …`,
      }
    const there = await lstat(join(root, folder)).catch(() => undefined)
    if (there !== undefined && !there.isDirectory())
      return {
        why: `${path} would lie behind ${folder}, which is ${there.isSymbolicLink() ? 'a symbolic link' : 'no folder'}.`,
        next: another,
      }
  }
  const literal = { ...options, env: { GIT_LITERAL_PATHSPECS: '1' } }
  const there = await lstat(join(root, path)).catch(() => undefined)
  const status = ['status', '--porcelain', '-z', '--no-renames', '--ignored', '--', path]
  const differs = (await git(status, literal)).length > 0
  const save = `${at} status   (commit, stash or move what is there)`
  if (state.kind === 'absent' && there !== undefined)
    return { why: `${path} is there and in no commit.`, next: save }
  if (differs) return { why: `${path} has changes that are in no commit.`, next: save }
  if (state.kind === 'blob' && there === undefined)
    return {
      why: `${path} is in the commit and not checked out.`,
      next: `${at} sparse-checkout add ${quoted(dirname(path))}   (or: ${at} checkout -- ${quoted(path)})`,
    }
  const listed = (await git(['ls-files', '-v', '-z', '--', path], literal)).toString('utf8')
  if (listed !== '' && !listed.startsWith('H '))
    return {
      why: `git was told not to look at ${path} (git ls-files -v), so nobody can say whether it has changes.`,
      next: `${at} update-index --no-assume-unchanged --no-skip-worktree ${quoted(path)}`,
    }
  const filtered = await filterAt(path, git, literal)
  if (filtered !== undefined) return { why: filtered, next: another }
  if (state.kind !== 'blob' || use === 'run') return undefined
  const content = contentState(path, await git(['cat-file', 'blob', state.oid], options))
  return content.kind === 'unreadable' ? { why: content.why, next: another } : undefined
}

/**
 * A filter keeps something else in commits than in the work tree (LFS a pointer, git-crypt a
 * secret): agents see commits.
 */
async function filterAt(
  path: string,
  git: Checkout['git'],
  options: GitCall,
): Promise<string | undefined> {
  const [, , filter = ''] = (await git(['check-attr', '-z', 'filter', '--', path], options))
    .toString('utf8')
    .split('\0')
  if (['', 'unspecified', 'unset', 'set'].includes(filter)) return undefined
  const defined = ['config', '--get-regexp', `^filter\\.${filter.replaceAll(/\W/g, '.')}\\.`]
  const found = await git(defined, options).catch(() => undefined)
  options.signal.throwIfAborted()
  return found === undefined ? undefined : `${path} is kept in commits by the filter ${filter}.`
}

/**
 * What must not reach the git that is run here: another repository, when this runs inside of a
 * hook.
 */
const foreign =
  /^GIT_(?:DIR|WORK_TREE|IMPLICIT_WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR|NAMESPACE|PREFIX|GRAFT_FILE|SHALLOW_FILE|CONFIG|CONFIG_PARAMETERS|EXTERNAL_DIFF|\w+_PATHSPECS)$/

/**
 * Whatever the person set: no hook runs, nothing is watched, no submodule is entered, nothing is
 * fetched.
 */
const settings: Settings = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.quotePath', 'false'],
  ['core.pager', 'cat'],
  ['submodule.recurse', 'false'],
  ['protocol.allow', 'never'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
]

type Settings = readonly (readonly [string, string])[]

/**
 * Filters are programs of the person's: git would run them over files that were touched. An empty
 * command is none.
 */
async function filtersOff(git: Checkout['git'], options: Abortable): Promise<Settings> {
  const found = await git(
    [
      'config',
      '-z',
      '--name-only',
      '--get-regexp',
      '^filter\\..*\\.(clean|smudge|process|required)$',
    ],
    options,
  ).catch(() => Buffer.alloc(0))
  options.signal.throwIfAborted()
  const names = new Set(found.toString('utf8').split('\0').filter(Boolean))
  return [...names].map((name) => [name, name.endsWith('.required') ? 'false' : ''] as const)
}

function bindGit(root: string, more: Settings = []): Checkout['git'] {
  return async (args, { signal, input, env }) => {
    const result = await execa('git', [...args], {
      cwd: root,
      extendEnv: false,
      env: { ...environment([...settings, ...more]), ...env },
      input: input ?? '',
      cancelSignal: signal,
      // A terminal sends Ctrl-C to the whole group; only `signal` may end this git, and not while
      // it must not be ended.
      detached: true,
      reject: false,
      stripFinalNewline: false,
      encoding: 'buffer',
      maxBuffer: 256 * 1024 * 1024,
    })
    signal.throwIfAborted()
    if (result.exitCode === 0) return Buffer.from(result.stdout)
    if (result.code === 'ENOENT')
      throw new CliError('git is not installed', { next: 'apt-get install git' })
    const said = Buffer.from(result.stderr ?? [])
      .toString('utf8')
      .trim()
    const words = said.split('\n').slice(-4).join(' ')
    throw new CliError(`git ${args[0] ?? ''} failed in ${root}: ${words || result.shortMessage}`, {
      next: `${gitIn(root)} status`,
    })
  }
}

function environment(settings: Settings): Record<string, string> {
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env))
    if (value !== undefined && !foreign.test(name)) env[name] = value
  // The person may have given settings in the same way; ours come after theirs, and the last one
  // counts.
  const before = Number(env['GIT_CONFIG_COUNT'] ?? 0) || 0
  for (const [index, [key, value]] of settings.entries()) {
    env[`GIT_CONFIG_KEY_${before + index}`] = key
    env[`GIT_CONFIG_VALUE_${before + index}`] = value
  }
  return {
    ...env,
    GIT_CONFIG_COUNT: String(before + settings.length),
    GIT_OPTIONAL_LOCKS: '0',
    GIT_TERMINAL_PROMPT: '0',
    GIT_NO_LAZY_FETCH: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    LC_ALL: 'C',
  }
}

/** git as a person types it, wherever they stand. */
export const gitIn = (folder: string): string => `git -C ${quoted(folder)}`

const firstCommit = (root: string): string =>
  `${gitIn(root)} add --all && ${gitIn(root)} commit -m 'Begin'`

function usage(sentence: string, next?: string, cause?: unknown): CliError {
  return new CliError(sentence, {
    cause,
    next: next ?? 'guild try --help   (--repo takes the top folder of a git checkout)',
    exitCode: exitCodes.usage,
  })
}
