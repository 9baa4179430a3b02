// Which proxy leads to an API server: the one its kubeconfig names, else the environment's, by the
// rules of Go's net/http, which kubectl follows.
import { BlockList, isIP } from 'node:net'

/** The proxy of one server, or why what is named cannot be used. */
type ProxyChoice =
  | { readonly kind: 'direct' }
  | { readonly kind: 'proxy'; readonly url: string }
  /** `from` is the variable or the field; `url` is shown to people, so it holds no password. */
  | { readonly kind: 'refused'; readonly from: string; readonly url: string; readonly why: string }

/**
 * `proxyUrl` is the field `proxy-url` of the cluster. It holds for every server; the variables hold
 * for none on this machine and for none that `NO_PROXY` names.
 */
export function proxyOf(
  server: URL,
  proxyUrl: string,
  env: Readonly<Record<string, string | undefined>>,
): ProxyChoice {
  if (proxyUrl !== '') return usable(proxyUrl, 'proxy-url')
  const name = server.protocol === 'http:' ? 'HTTP_PROXY' : 'HTTPS_PROXY'
  const named = [name, name.toLowerCase()].find((one) => env[one])
  if (named === undefined || isLoopback(server.hostname)) return { kind: 'direct' }
  const except = env['NO_PROXY'] || env['no_proxy'] || ''
  if (except.split(',').some((entry) => covers(entry.trim().toLowerCase(), server)))
    return { kind: 'direct' }
  return usable(env[named] ?? '', named)
}

/** An address that leads nowhere but to this machine. `host` is as a URL has it. */
export function isLoopback(host: string): boolean {
  const bare = bareHost(host)
  return bare === 'localhost' || bare === '::1' || (isIP(bare) === 4 && bare.startsWith('127.'))
}

const bareHost = (host: string): string =>
  host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')

function usable(named: string, from: string): ProxyChoice {
  const text = named.includes('://') ? named : `http://${named}`
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || url.hostname === '')
    return { kind: 'refused', from, url: named.replace(/\/\/.*@/, '//'), why: 'is not an address' }
  if (url.protocol === 'http:' || url.protocol === 'https:') return { kind: 'proxy', url: text }
  const scheme = url.protocol.replace(':', '')
  const why = `is of the kind ${scheme}: only http and https proxies are supported`
  return { kind: 'refused', from, url: withoutSecret(text), why }
}

/** The address of a proxy as people may read it. */
export function withoutSecret(proxy: string): string {
  const url = new URL(proxy)
  url.username = ''
  url.password = ''
  return url.href.replace(/\/$/, '')
}

/** Whether an entry of `NO_PROXY` names the server: `*`, an address, a CIDR or a domain, with or without port. */
function covers(entry: string, server: URL): boolean {
  if (entry === '') return false
  if (entry === '*') return true
  const host = bareHost(server.hostname)
  const [, base = '', bits] = /^([\da-f.:]+)\/(\d+)$/.exec(entry) ?? []
  if (bits !== undefined) return isIP(host) !== 0 && inBlock(host, base, Number(bits))
  const port = server.port || (server.protocol === 'http:' ? '80' : '443')
  // An IPv6 address has colons of its own; with a port it stands in brackets.
  const [, inBrackets, plain, wanted] = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(entry) ?? []
  const name = (inBrackets ?? plain ?? entry).replace(/^\*(?=\.)/, '')
  if (wanted !== undefined && wanted !== port) return false
  if (name === '') return false
  return (
    name === host || (isIP(host) === 0 && host.endsWith(name.startsWith('.') ? name : `.${name}`))
  )
}

function inBlock(host: string, base: string, bits: number): boolean {
  const family = (address: string) => (isIP(address) === 6 ? 'ipv6' : 'ipv4')
  const list = new BlockList()
  try {
    list.addSubnet(base, bits, family(base))
    return list.check(host, family(host))
  } catch {
    // As for Go, an entry that is no CIDR covers nothing.
    return false
  }
}
