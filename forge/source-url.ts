import { ForgeRefusal } from './problem.ts'
import { canonicalHost, type OpenHost } from './source-hosts.ts'

/**
 * A source's URL, taken apart, so that git gets nothing that it could read in another way than we
 * did.
 */
interface SourceUrl {
  readonly protocol: MirrorProtocol
  /** As `canonicalHost` writes it. */
  readonly host: string
  /** Empty for the usual one of the protocol. */
  readonly port: string
  /** Path and query. */
  readonly path: string
}

/** Transports a mirror may use. No `ssh` (no keys here), no `file`, no `ext`. */
export const mirrorProtocols = ['http', 'https', 'git'] as const
type MirrorProtocol = (typeof mirrorProtocols)[number]

const usualPort: Readonly<Record<MirrorProtocol, string>> = {
  http: '80',
  https: '443',
  git: '9418',
}

/**
 * Reads a URL: no other transport, no missing host, no credentials (they would end up in the
 * repository's config).
 * Errors: BadRequest with the field to correct.
 */
export function readSourceUrl(url: string): SourceUrl {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  const protocol = mirrorProtocols.find((name) => parsed?.protocol === `${name}:`)
  const host = parsed === undefined ? undefined : canonicalHost(parsed.hostname)
  if (
    parsed === undefined ||
    protocol === undefined ||
    host === undefined ||
    url.length > 500 ||
    /[\s\p{Cc}\\]/u.test(url) ||
    hasControls(parsed.pathname)
  ) {
    throw new ForgeRefusal(
      'BadRequest',
      'A git source is an http, https or git URL; set spec.source.git.url.',
    )
  }
  if (parsed.username !== '' || parsed.password !== '') {
    throw new ForgeRefusal(
      'BadRequest',
      'A git URL must not carry credentials; take them out of spec.source.git.url.',
    )
  }
  if (url.includes('#')) {
    throw new ForgeRefusal(
      'BadRequest',
      'A git URL ends before the "#"; name a branch, tag or commit in spec.source.git.ref.',
    )
  }
  const port = parsed.port === usualPort[protocol] ? '' : parsed.port
  return { protocol, host, port, path: `${parsed.pathname}${parsed.search}` }
}

/** git decodes the path of a `git://` URL and sends it as it is. */
function hasControls(pathname: string): boolean {
  return /%(?:[01][0-9a-f]|7f)/i.test(pathname)
}

/** The URL as people write it. */
export function urlText({ protocol, host, port, path }: SourceUrl): string {
  return `${protocol}://${inUrl(host)}${port === '' ? '' : `:${port}`}${path}`
}

const inUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host)

/** What git is told, such that it connects to the addresses that were checked and to no others. */
export interface CheckedRemote {
  readonly url: string
  readonly settings: Readonly<Record<string, string>>
  readonly environment: Readonly<Record<string, string>>
}

/**
 * Binds a URL to the addresses of its host. A name that leads elsewhere a moment later (DNS
 * rebinding) leads nowhere then.
 * Errors: SourceUnavailable for a git:// URL whose host only a proxy knows: git goes there by
 * itself.
 */
export function remoteOf(url: SourceUrl, open: OpenHost): CheckedRemote {
  const { protocol, host } = url
  const port = url.port === '' ? usualPort[protocol] : url.port
  if (protocol === 'git') {
    if (open.addresses === undefined) {
      throw new ForgeRefusal(
        'SourceUnavailable',
        `Could not resolve the host ${host} of spec.source.git.url.`,
      )
    }
    const [first] = open.addresses
    const environment = { GIT_OVERRIDE_VIRTUAL_HOST: `${inUrl(host)}:${port}` }
    return { url: urlText({ ...url, host: first }), settings: {}, environment }
  }
  const pinned = open.addresses?.map(inUrl).join(',')
  // curl connects to a host that is an address without looking it up.
  const bound = pinned !== undefined && pinned !== inUrl(host)
  const settings = bound ? { 'http.curloptResolve': `${host}:${port}:${pinned}` } : {}
  return { url: urlText(url), settings, environment: {} }
}

/** Where a server sends git on to. */
type Redirect =
  /** On the same host, and not from https to http. */
  | { readonly kind: 'same-host'; readonly url: SourceUrl }
  | { readonly kind: 'elsewhere'; readonly address: string }
  /** To something that is not a repository, such as a page to log in. */
  | { readonly kind: 'page' }

const advertisement = '/info/refs'

/** Reads the `Location` of the answer to git's first question. `location` may be relative. */
export function readRedirect(from: SourceUrl, location: string): Redirect {
  const asked = `${urlText({ ...from, path: from.path.replace(/\/$/, '') })}${advertisement}`
  if (location === '' || !URL.canParse(location, asked)) return { kind: 'page' }
  const { protocol, host, pathname } = new URL(location, asked)
  if (!pathname.endsWith(advertisement)) return { kind: 'page' }
  const address = `${protocol}//${host}${pathname.slice(0, -advertisement.length)}`
  let to: SourceUrl
  try {
    to = readSourceUrl(address)
  } catch {
    return { kind: 'page' }
  }
  const stays = to.protocol === from.protocol && to.port === from.port
  const secured =
    from.protocol === 'http' && to.protocol === 'https' && from.port === '' && to.port === ''
  return to.host === from.host && (stays || secured)
    ? { kind: 'same-host', url: to }
    : { kind: 'elsewhere', address: urlText(to) }
}
