import type { Kind } from './kind.ts'
import { badRequest, noSuchPath } from './refusal.ts'

/** What a path means. */
export interface Target {
  readonly kind: Kind
  readonly namespace: string
  /** Empty for the collection. */
  readonly name: string
  readonly subresource: string
}

/** A request, read. */
export interface ApiRequest extends Target {
  readonly method: string
  readonly query: URLSearchParams
  readonly body: string | undefined
  readonly contentType: string
  readonly user: string
  readonly signal: AbortSignal
}

/** The kinds that are served now. */
export interface KindFinder {
  /** By `group/version/plural`. */
  find(path: string): Kind | undefined
  /** Paths that were read already: they come again and again. */
  readonly targets: Map<string, Target>
}

const noQuery = new URLSearchParams()

/** Path and query of a request. */
export function splitPath(path: string): {
  readonly path: string
  readonly query: URLSearchParams
} {
  const mark = path.indexOf('?')
  return mark < 0
    ? { path, query: noQuery }
    : { path: path.slice(0, mark), query: new URLSearchParams(path.slice(mark + 1)) }
}

/** Reads the path of an object or collection. Errors: 404 for a kind that is not served. */
export function readTarget(path: string, kindOf: KindFinder): Target {
  const known = kindOf.targets.get(path)
  if (known !== undefined) return known
  const target = parseTarget(path, (name) => kindOf.find(name))
  if (kindOf.targets.size >= 10_000) kindOf.targets.clear()
  kindOf.targets.set(path, target)
  return target
}

function parseTarget(path: string, kindOf: (path: string) => Kind | undefined): Target {
  const parts = path.split('/')
  // ['', 'api', 'v1', …] or ['', 'apis', group, version, …]
  const isCore = parts[1] === 'api'
  if (!isCore && parts[1] !== 'apis') throw noSuchPath()
  const start = isCore ? 3 : 4
  const prefix = isCore ? `/${parts[2]}` : `${parts[2]}/${parts[3]}`
  const rest = parts.slice(start)
  if (rest[0] === 'namespaces' && rest.length >= 3) {
    const kind = kindOf(`${prefix}/${rest[2]}`)
    if (kind?.namespaced) {
      const [, namespace = '', , name = '', subresource = ''] = rest
      return { kind, namespace, name: decode(name), subresource: subresource + more(rest, 5) }
    }
  }
  const kind = kindOf(`${prefix}/${rest[0]}`)
  if (kind === undefined) throw noSuchPath()
  const [, name = '', subresource = ''] = rest
  if (kind.namespaced && name !== '') throw noSuchPath()
  return { kind, namespace: '', name: decode(name), subresource: subresource + more(rest, 3) }
}

const more = (parts: readonly string[], from: number): string =>
  parts.length > from ? `/${parts.slice(from).join('/')}` : ''

function decode(part: string): string {
  return part.includes('%') ? decodeURIComponent(part) : part
}

/** The body as JSON. Errors: 400 when it is none. */
export function readBody(request: { readonly body?: string | undefined }): unknown {
  try {
    return JSON.parse(request.body ?? '')
  } catch (cause) {
    throw badRequest(`couldn't get version/kind; json parse error: ${String(cause)}`)
  }
}
