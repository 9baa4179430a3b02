import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** Directories of the forge on its volume. */
export interface DataDirectories {
  /** Bare repositories `<name>.git`. */
  readonly root: string
  /** Repositories in the making. */
  readonly staging: string
  /** HOME of every git process; stays empty. */
  readonly home: string
}

/** Where things are under the data directory. */
export function directoriesUnder(data: string): DataDirectories {
  return {
    root: join(data, 'repositories'),
    staging: join(data, 'staging'),
    home: join(data, 'home'),
  }
}

/**
 * Makes the directories and clears away what a killed process left: drafts, lock files, objects of unfinished pushes.
 * Caveat: only before the server takes requests. The forge is the one process on its volume (a StatefulSet of one), so
 * every lock found then belongs to nobody, and would block its branch for ever.
 * Returns what was removed, relative to the repositories.
 */
export async function recover(directories: DataDirectories): Promise<readonly string[]> {
  const { root, staging, home } = directories
  await rm(staging, { recursive: true, force: true })
  await Promise.all([root, staging, home].map((path) => mkdir(path, { recursive: true })))
  const removed: string[] = []
  for (const repository of await readdir(root)) {
    for (const leftover of await leftovers(join(root, repository))) {
      await rm(join(root, repository, leftover), { recursive: true, force: true })
      removed.push(join(repository, leftover))
    }
  }
  return removed
}

async function leftovers(repository: string): Promise<readonly string[]> {
  const names = async (below: string, recursive: boolean) => {
    const found = await readdir(join(repository, below), { recursive }).catch(() => [])
    return found.map((name) => join(below, name))
  }
  const [top, refs, objects, packs] = await Promise.all([
    names('.', false),
    names('refs', true),
    names('objects', false),
    names('objects/pack', false),
  ])
  return [
    ...[...top, ...refs].filter((path) => path.endsWith('.lock') || path === 'gc.pid'),
    ...objects.filter((path) => /^objects\/(?:tmp_objdir-|incoming-|tmp_obj_)/.test(path)),
    ...packs.filter((path) => /^objects\/pack\/(?:tmp_|\.tmp-)|\.lock$/.test(path)),
  ]
}
