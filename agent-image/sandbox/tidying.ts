// Removes the files that commands leave, with the system's own tools: they go down by descriptors,
// so neither the depth of a tree nor names that are not text stop them, as they stop node:fs.
import { spawn } from 'node:child_process'
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { textOfFile } from './processes.ts'

/** The places where commands leave temporary files. */
export interface Scratch {
  /** A folder of this sandbox's own that holds the private folder of each command. */
  readonly root: string
  /**
   * The private folder of the last command; undefined when it is missing or is no longer a folder.
   */
  left(): Promise<string | undefined>
  /** Removes everything of earlier commands. Never throws. */
  clear(): Promise<void>
  /** Clears and removes the root. Never throws. */
  close(): Promise<void>
}

/** Stands among the places for shared memory, semaphores and message queues of System V. */
const ipcTables = '/proc/sysvipc'

/**
 * A fresh root below the folder for temporary files. `places` are folders in which everything of
 * our user is left by commands (see `own_places` in sandbox-init.py); on a shared machine there are
 * none, because others have files there. In them `socketPath` is kept.
 */
export function scratchOf(places: readonly string[], socketPath: string): Scratch {
  const root = mkdtempSync(join(realpathSync(tmpdir()), 'sandbox-'))
  const clearPlaces = async (kept: readonly string[]): Promise<void> => {
    for (const place of places)
      await (place === ipcTables ? removeIpc() : removeOwnEntries(place, kept))
  }
  return {
    root,
    async left() {
      const names = isFolder(root)
        ? readdirSync(root).filter((name) => name.startsWith('exec-'))
        : []
      const [folder] = names.map((name) => join(root, name)).filter(isFolder)
      return names.length === 1 ? folder : undefined
    },
    async clear() {
      await clearPlaces([socketPath, root])
      await emptyFolder(root)
      // A command may have removed the folder, or put something else in its place.
      if (!isFolder(root)) mkdirSync(root, { recursive: true, mode: 0o700 })
    },
    async close() {
      await clearPlaces([socketPath, root])
      await removeTree(root)
    },
  }
}

/** Removes a folder or whatever has its name, a link itself and not its target. Never throws. */
export async function removeTree(path: string): Promise<void> {
  if (isFolder(path)) await unlock(path, [])
  await run('rm', ['-rf', '--', path])
}

/**
 * Removes the entries of a folder; anything that is not a folder is removed itself. Never throws.
 */
export async function emptyFolder(path: string): Promise<void> {
  if (!isFolder(path)) return removeTree(path)
  if (isEmpty(path)) return
  await unlock(path, [])
  await run('find', ['-P', path, '-mindepth', '1', '-delete'])
}

/** Removes everything of our own user anywhere below a folder. Never throws. */
export async function removeOwn(path: string): Promise<void> {
  if (!isFolder(path) || isEmpty(path)) return
  await unlock(path, ['-uid', ownUser()])
  await run('find', ['-P', path, '-mindepth', '1', '-uid', ownUser(), '-delete'])
}

/**
 * Removes the entries of our own user in a folder with all they hold, except the paths `kept`. Does
 * not look into folders of other users.
 */
async function removeOwnEntries(path: string, kept: readonly string[]): Promise<void> {
  if (!hasOwnEntries(path, kept)) return
  const entries = ['-mindepth', '1', '-maxdepth', '1', '-uid', ownUser()]
  const but = kept
    .filter((entry) => dirname(entry) === path)
    .flatMap((entry) => ['!', '-name', basename(entry)])
  const strangers = ['-mindepth', '1', '!', '-uid', ownUser(), '-prune', '-o']
  await run('find', ['-P', path, ...strangers, ...locked, ...openUp])
  await run('find', ['-P', path, ...entries, ...but, '-exec', 'rm', '-rf', '--', '{}', '+'])
}

const locked = ['-type', 'd', '!', '-perm', '-700']
// -execdir names the folder from its parent: the whole path of a deep tree is longer than a system
// call takes.
const openUp = ['-execdir', 'chmod', 'u+rwx', '{}', ';']

/**
 * Opens the folders that their owner may not enter, because they hide their entries from the
 * removal. `find` sees a folder before it enters it.
 */
async function unlock(path: string, which: readonly string[]): Promise<void> {
  await run('find', ['-P', path, ...which, ...locked, ...openUp])
}

/** Shared memory, semaphores and message queues outlive their processes. */
async function removeIpc(): Promise<void> {
  const lines = ['shm', 'sem', 'msg'].map((kind) => textOfFile(`${ipcTables}/${kind}`).split('\n'))
  // Each table begins with a line of titles.
  if (lines.some((table) => table.filter((line) => line !== '').length > 1))
    await run('ipcrm', ['--all'])
}

/**
 * Longer than any tree takes that the volumes hold; a file system that hangs must not keep the
 * sandbox.
 */
const patienceMs = 60_000

function run(program: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: '/',
      // find refuses -execdir where a search path is not absolute.
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
      // The agent's files in folders of its own cannot be removed from here; the agent removes
      // them.
      stdio: 'ignore',
      timeout: patienceMs,
      killSignal: 'SIGKILL',
    })
    child.once('error', () => resolve())
    child.once('exit', () => resolve())
  })
}

function isFolder(path: string): boolean {
  try {
    return lstatSync(path).isDirectory()
  } catch {
    return false
  }
}

function isEmpty(path: string): boolean {
  return entriesOf(path)?.length === 0
}

/** Most often there are none, and then no program has to be started. */
function hasOwnEntries(path: string, kept: readonly string[]): boolean {
  return (entriesOf(path) ?? []).some((name) => {
    const entry = Buffer.concat([Buffer.from(`${path}/`), name])
    try {
      return lstatSync(entry).uid === Number(ownUser()) && !kept.includes(entry.toString())
    } catch {
      return false
    }
  })
}

function entriesOf(path: string): readonly Buffer[] | undefined {
  try {
    return readdirSync(path, { encoding: 'buffer' })
  } catch {
    return undefined
  }
}

function ownUser(): string {
  return String(process.getuid?.() ?? -1)
}
