import type { GitService } from './git-http.ts'
import { isCommitId, isRefName, isRepositoryName, isTreePath } from './ref-names.ts'

/** What a request asks for, with every name checked. */
export type Route =
  | { readonly kind: 'health' }
  | {
      readonly kind: 'git'
      readonly repository: string
      readonly service: GitService
      readonly advertise: boolean
    }
  | { readonly kind: 'ensure'; readonly repository: string }
  | { readonly kind: 'integrate'; readonly repository: string }
  | {
      readonly kind: 'branch'
      readonly repository: string
      readonly branch: string
      readonly base: string | undefined
    }
  | { readonly kind: 'tree'; readonly repository: string; readonly commit: string }
  | {
      readonly kind: 'blob'
      readonly repository: string
      readonly commit: string
      readonly path: string
    }
  | { readonly kind: 'unknown'; readonly status: 400 | 404 | 405; readonly message: string }

const unknown = (status: 400 | 404 | 405, message: string): Route => ({
  kind: 'unknown',
  status,
  message,
})
const nothing = unknown(404, 'There is nothing at this address.')
const wrongMethod = unknown(405, 'This address does not take that method.')

function serviceOf(name: string | null): GitService | undefined {
  return name === 'git-upload-pack' || name === 'git-receive-pack' ? name : undefined
}

/**
 * Reads method and URL. Anything that is not one of the few known addresses is `unknown`; names are
 * never repaired.
 */
export function routeOf(method: string, target: string): Route {
  const [rawPath, rawQuery] = splitOnce(target, '?')
  const query = new URLSearchParams(rawQuery)
  const parts: string[] = []
  for (const part of rawPath.split('/').slice(1)) {
    try {
      parts.push(decodeURIComponent(part))
    } catch {
      return unknown(400, 'The address is not valid.')
    }
  }
  if (rawPath === '/healthz') return method === 'GET' ? { kind: 'health' } : wrongMethod
  if (parts[0] === 'api' && parts[1] === 'repositories') {
    return apiRoute(method, parts.slice(2), query)
  }
  return gitRoute(method, parts, query)
}

function gitRoute(method: string, parts: readonly string[], query: URLSearchParams): Route {
  const [directory = '', ...rest] = parts
  const repository = directory.endsWith('.git') ? directory.slice(0, -4) : undefined
  if (repository === undefined) return nothing
  if (!isRepositoryName(repository)) return badRepository
  const path = rest.join('/')
  if (path === 'info/refs') {
    const service = serviceOf(query.get('service'))
    if (method !== 'GET') return wrongMethod
    if (service === undefined) return unknown(400, 'Only smart HTTP is spoken here; update git.')
    return { kind: 'git', repository, service, advertise: true }
  }
  const service = rest.length === 1 ? serviceOf(path) : undefined
  if (service === undefined) return nothing
  return method === 'POST' ? { kind: 'git', repository, service, advertise: false } : wrongMethod
}

const badRepository = unknown(
  400,
  'A repository name is a DNS label: lower-case letters, digits and hyphens, at most 63.',
)

function apiRoute(method: string, parts: readonly string[], query: URLSearchParams): Route {
  const [repository = '', what, ...rest] = parts
  if (!isRepositoryName(repository)) return badRepository
  if (what === undefined) return method === 'PUT' ? { kind: 'ensure', repository } : wrongMethod
  if (what === 'integrate' && rest.length === 0) {
    return method === 'POST' ? { kind: 'integrate', repository } : wrongMethod
  }
  if (!['branches', 'tree', 'blob'].includes(what) || rest.length === 0) return nothing
  if (method !== 'GET') return wrongMethod
  const name = rest.join('/')
  if (what === 'branches') {
    const base = query.get('base') ?? undefined
    if (!isRefName(name)) return unknown(400, 'That is not a branch name.')
    if (base !== undefined && !isCommitId(base)) {
      return unknown(400, 'The query parameter base must be a full commit id.')
    }
    return { kind: 'branch', repository, branch: name, base }
  }
  if (!isCommitId(name)) return unknown(400, 'A commit is named by its full id.')
  if (what === 'tree') return { kind: 'tree', repository, commit: name }
  const path = query.get('path') ?? ''
  if (!isTreePath(path)) return unknown(400, 'The query parameter path must be a relative path.')
  return { kind: 'blob', repository, commit: name, path }
}

function splitOnce(text: string, separator: string): readonly [string, string] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)]
}
