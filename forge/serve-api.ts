import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type BranchState,
  ensureRepository,
  integrate,
  type TreeListing,
} from '../core/api/forge-protocol.ts'
import { readJson, sendJson } from '../core/base/http.ts'
import { type Identity, judgeWish } from './access.ts'
import type { ForgeParts } from './forge.ts'
import { commitAt, type Git } from './git.ts'
import { ForgeRefusal } from './problem.ts'
import type { Route } from './routes.ts'
import { whoIs } from './serve-git.ts'

type ApiRoute = Exclude<Route, { kind: 'git' | 'health' | 'unknown' }>

/** One request of the JSON API, with who sent it. */
interface ApiCall {
  readonly route: ApiRoute
  readonly identity: Identity
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Aborted when the caller is gone. */
  readonly signal: AbortSignal
}

const maxBytes = 64 * 1024

/** Answers the API of forge-protocol.ts. Errors: `ForgeRefusal`. */
export async function serveApi(forge: ForgeParts, call: ApiCall): Promise<void> {
  const { route, identity, request, response, signal } = call
  const changing = route.kind === 'ensure' || route.kind === 'integrate'
  const decision = judgeWish(identity, changing ? 'change' : 'read')
  if (!decision.allowed) throw new ForgeRefusal('Forbidden', decision.message)
  // Work that was begun is finished even if the caller gives up; asking again finds it done.
  const patience = { signal: forge.signal, caller: signal }
  const { clock, git, log, repositories } = forge
  const { repository: name } = route
  const startedAt = clock.monotonic()
  const audit = () => ({
    who: whoIs(identity),
    repository: name,
    ms: Math.round(clock.monotonic() - startedAt),
  })

  if (route.kind === 'ensure') {
    const body = await readJson(request, ensureRepository, { maxBytes })
    const state = await repositories.ensure(name, body, patience)
    log.info({ ...audit(), ...state }, 'ensure repository')
    return sendJson(response, 200, state)
  }
  if (route.kind === 'integrate') {
    const body = await readJson(request, integrate, { maxBytes })
    const path = await repositories.pathOf(name)
    const result = await forge.integrator.integrate({ name, path }, body, patience)
    const { into, from, commit } = body
    log.info({ ...audit(), into, from, offered: commit, ...result }, 'integrate')
    return sendJson(response, 200, result)
  }
  const shelf = { git, path: await repositories.pathOf(name), signal }
  if (route.kind === 'branch') {
    return sendJson(response, 200, await readBranch(shelf, route.branch, route.base))
  }
  if (route.kind === 'tree') return sendJson(response, 200, await readTree(shelf, route.commit))
  const text = await readBlob(shelf, route.commit, route.path)
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.setHeader('x-content-type-options', 'nosniff')
  response.end(text)
}

/** A bare repository to look into. */
interface Shelf {
  readonly git: Git
  readonly path: string
  readonly signal: AbortSignal
}

const maxFiles = 2000
/** Largest file that is answered, in bytes. */
const maxBlobBytes = 256 * 1024

async function existingCommit(shelf: Shelf, commit: string): Promise<string> {
  const found = await commitAt(shelf.git, shelf.path, commit, shelf)
  if (found === undefined) throw new ForgeRefusal('NotFound', `There is no commit ${commit}.`)
  return found
}

/** Head of a branch, and how many commits it has beyond `base`. Errors: NotFound. */
async function readBranch(
  shelf: Shelf,
  branch: string,
  base: string | undefined,
): Promise<BranchState> {
  const { git, path: repository, signal } = shelf
  const head = await commitAt(git, repository, `refs/heads/${branch}`, { signal })
  if (head === undefined) throw new ForgeRefusal('NotFound', `There is no branch ${branch}.`)
  const without = base === undefined ? [] : ['--not', await existingCommit(shelf, base)]
  const args = ['rev-list', '--count', head, ...without]
  const { stdout } = await git.run(args, { repository, signal })
  return { branch, head, commits: Number(stdout) }
}

interface TreeEntry {
  readonly path: string
  readonly mode: string
  readonly bytes: number
  readonly id: string
}

/** Entries in the format of `git ls-tree -r -z --long`. */
function readEntries(text: string): readonly TreeEntry[] {
  return text.split('\0').flatMap((line) => {
    const [, mode, id, size, path] = /^(\d+) \w+ ([0-9a-f]+) +(\d+|-)\t([^]+)$/.exec(line) ?? []
    if (mode === undefined || id === undefined || path === undefined) return []
    return [{ path, mode, id, bytes: Number(size) || 0 }]
  })
}

const isRegular = ({ mode }: TreeEntry) => mode === '100644' || mode === '100755'

/** The regular files of a commit, sorted by path; at most 2,000. Errors: NotFound. */
async function readTree(shelf: Shelf, commit: string): Promise<TreeListing> {
  const { git, path: repository, signal } = shelf
  const found = await existingCommit(shelf, commit)
  const args = ['ls-tree', '-r', '-z', '--long', '--full-tree', found]
  const { stdout } = await git.run(args, { repository, signal })
  const files = readEntries(stdout)
    .filter(isRegular)
    .map(({ path, bytes }) => ({ path, bytes }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
  return {
    commit: found,
    files: files.slice(0, maxFiles),
    truncated: files.length > maxFiles,
  }
}

/**
 * The text of one regular file. Errors: NotFound; BadRequest (413) for more than 256 KiB: half a
 * file would be a lie.
 */
async function readBlob(shelf: Shelf, commit: string, path: string): Promise<string> {
  const { git, path: repository, signal } = shelf
  const found = await existingCommit(shelf, commit)
  const args = ['ls-tree', '-z', '--long', '--full-tree', found, '--', path]
  const { stdout } = await git.run(args, {
    repository,
    signal,
    environment: { GIT_LITERAL_PATHSPECS: '1' },
  })
  const entry = readEntries(stdout).find((each) => each.path === path)
  if (entry === undefined || !isRegular(entry)) {
    throw new ForgeRefusal('NotFound', `There is no file ${path} in ${found}.`)
  }
  if (entry.bytes > maxBlobBytes) {
    throw new ForgeRefusal('BadRequest', `${path} is larger than 256 KiB; clone the repository.`, {
      status: 413,
    })
  }
  return (await git.run(['cat-file', 'blob', entry.id], { repository, signal })).stdout
}
