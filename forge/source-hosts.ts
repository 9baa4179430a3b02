// Which hosts a mirror source may be on. People who may write a DevRequest choose the URL, and the
// forge stands inside the cluster: without this they could knock at everything that is there.
import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { ForgeRefusal } from './problem.ts'

/** Asks the name server. Gives every address, best first; empty when there is none. */
export type Resolve = (
  host: string,
  options: { readonly signal: AbortSignal },
) => Promise<readonly string[]>

/** What the chart allows besides public hosts. */
export interface SourceHosts {
  /** Host names (`git.corp.example`, `*.corp.example`), addresses and CIDR blocks. */
  readonly allowedHosts: readonly string[]
  /**
   * Private networks and names inside the cluster, but never the forge's own machine or link-local
   * addresses.
   */
  readonly allowPrivate: boolean
}

/**
 * Public: everybody can reach it. Private: a company's networks, the cluster. Local: this machine
 * and its link.
 */
type Reach = 'public' | 'private' | 'local'

const blocks = (kind: 'ipv4' | 'ipv6', all: readonly string[]): BlockList => {
  const list = new BlockList()
  for (const block of all) {
    const [address = '', bits = ''] = block.split('/')
    list.addSubnet(address, Number(bits), kind)
  }
  return list
}

// https://www.iana.org/assignments/iana-ipv4-special-registry: what is not globally reachable.
const localV4 = blocks('ipv4', [
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '192.0.0.0/24',
  '224.0.0.0/3',
])
const privateV4 = blocks('ipv4', [
  '10.0.0.0/8',
  '100.64.0.0/10',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '192.88.99.0/24',
  '192.0.2.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
])
// https://www.iana.org/assignments/iana-ipv6-special-registry: only 2000::/3 is handed out, and
// parts of it lead elsewhere.
const privateV6 = blocks('ipv6', ['fc00::/7', 'fec0::/10'])
const publicV6 = blocks('ipv6', ['2000::/3'])
const specialV6 = blocks('ipv6', ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'])
/** Prefixes before an IPv4 address: mapped, and NAT64, by which IPv6-only clusters get out. */
const carriesV4 = blocks('ipv6', ['::ffff:0:0/96', '64:ff9b::/96'])

/** The address without its zone, and the IPv4 address that an IPv6 address carries. */
function plainAddress(address: string): string {
  const plain = address.split('%')[0] ?? ''
  if (isIP(plain) !== 6 || !carriesV4.check(plain, 'ipv6')) return plain
  // The URL parser writes every form of an IPv6 address in one way, with hexadecimal groups only.
  const groups = new URL(`http://[${plain}]/`).hostname.slice(1, -1).split(':').slice(-2)
  const bytes = groups.flatMap((group) => {
    const value = Number.parseInt(group || '0', 16)
    return [value >> 8, value & 255]
  })
  return bytes.join('.')
}

/** How far an address can be reached from; `local` for text that is not an address. */
export function reachOf(address: string): Reach {
  const plain = plainAddress(address)
  if (isIP(plain) === 4) {
    if (localV4.check(plain, 'ipv4')) return 'local'
    return privateV4.check(plain, 'ipv4') ? 'private' : 'public'
  }
  if (isIP(plain) !== 6) return 'local'
  if (privateV6.check(plain, 'ipv6')) return 'private'
  return publicV6.check(plain, 'ipv6') && !specialV6.check(plain, 'ipv6') ? 'public' : 'local'
}

const localNames = /(?:^|\.)localhost$/
/** Names that a public name server never has: of the cluster, of a cloud, of the local network. */
const privateNames =
  /(?:^|\.)(?:svc|cluster\.local|local|internal|intranet|lan|home\.arpa|corp|home)$/

function reachOfName(host: string): Reach {
  if (localNames.test(host)) return 'local'
  return privateNames.test(host) || !host.includes('.') || /\.svc\./.test(host)
    ? 'private'
    : 'public'
}

/**
 * A host as every program reads it: lower case, without a last dot, IPv4 with four decimal numbers
 * however it was written, IPv6 without brackets. Undefined for text that is not a host.
 */
export function canonicalHost(host: string): string | undefined {
  const text = `http://${host}/`
  if (!URL.canParse(text)) return undefined
  const { hostname, port, username, pathname, search, hash } = new URL(text)
  if (port !== '' || username !== '' || pathname !== '/' || search !== '' || hash !== '') {
    return undefined
  }
  const bare = hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  return /^[a-z0-9_:][a-z0-9._:-]*$/.test(bare) && !bare.endsWith('.') ? bare : undefined
}

interface Rules {
  readonly names: readonly string[]
  readonly v4: BlockList
  readonly v6: BlockList
}

/**
 * What is wrong with `allowedHosts`, as a sentence that names the entry; undefined when nothing is.
 */
export function hostsProblem(allowedHosts: readonly string[]): string | undefined {
  try {
    readRules(allowedHosts)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/**
 * Reads `allowedHosts`. Errors: a sentence that names the entry that is neither a host, an address
 * nor a block.
 */
function readRules(allowedHosts: readonly string[]): Rules {
  const names: string[] = []
  const [v4, v6] = [new BlockList(), new BlockList()]
  for (const entry of allowedHosts) {
    const [address = '', bits, ...rest] = entry.replaceAll(/[[\]]/g, '').split('/')
    const version = isIP(address)
    const most = version === 4 ? 32 : 128
    const length = bits === undefined ? most : Number(bits)
    const name = canonicalHost(entry.replace(/^\*\./, ''))
    if (version !== 0 && rest.length === 0 && /^\d{1,3}$/.test(bits ?? '0') && length <= most) {
      if (version === 4) v4.addSubnet(address, length, 'ipv4')
      else v6.addSubnet(address, length, 'ipv6')
    } else if (version === 0 && name !== undefined && isIP(name) === 0) {
      names.push(entry.startsWith('*.') ? `.${name}` : name)
    } else {
      throw new Error(
        `${JSON.stringify(entry)} is not a host name (git.corp.example, *.corp.example), an address or a block (10.0.0.0/8)`,
      )
    }
  }
  return { names, v4, v6 }
}

/** A source that may be fetched, and what git is to connect to. */
export interface OpenHost {
  readonly host: string
  /**
   * Every one was checked; the host itself when it is an address. Undefined when a proxy has to
   * look the name up.
   */
  readonly addresses: readonly [string, ...string[]] | undefined
}

/** Decides which hosts may be fetched from. */
export class SourceDoor {
  readonly #rules: Rules
  readonly #allowPrivate: boolean
  readonly #resolve: Resolve
  readonly #byProxy: boolean

  /** Errors: a sentence that names an entry of `allowedHosts` that cannot be read. */
  constructor(
    hosts: SourceHosts,
    options: {
      readonly resolve: Resolve
      /** True when git gets out by a proxy, which looks up names that the cluster may not know. */
      readonly byProxy: boolean
    },
  ) {
    this.#rules = readRules(hosts.allowedHosts)
    this.#allowPrivate = hosts.allowPrivate
    this.#resolve = options.resolve
    this.#byProxy = options.byProxy
  }

  /**
   * Checks the host of a source, by its name and by every address it has. Nothing is connected to,
   * so the answer says nothing about what is there.
   * Errors: BadRequest for a host that is not allowed; SourceUnavailable for a name that has no
   * address.
   */
  async open(host: string, options: { readonly signal: AbortSignal }): Promise<OpenHost> {
    if (isIP(host) !== 0) {
      if (!this.#allowsAddress(host)) throw notAllowed(host)
      return { host, addresses: [host] }
    }
    const named = this.#allowsName(host)
    if (!named && !this.#allowsReach(reachOfName(host))) throw notAllowed(host)
    const [first, ...others] = await this.#resolve(host, options)
    if (first === undefined) {
      if (this.#byProxy) return { host, addresses: undefined }
      throw new ForgeRefusal(
        'SourceUnavailable',
        `Could not resolve the host ${host} of spec.source.git.url.`,
      )
    }
    const addresses = [first, ...others] as const
    // One bad address is enough: it could be the one that git takes.
    if (!named && !addresses.every((address) => this.#allowsAddress(address))) {
      throw notAllowed(host)
    }
    return { host, addresses: [...addresses] }
  }

  #allowsReach(reach: Reach): boolean {
    return reach === 'public' || (reach === 'private' && this.#allowPrivate)
  }

  #allowsName(host: string): boolean {
    return this.#rules.names.some((name) =>
      name.startsWith('.') ? host.endsWith(name) : host === name,
    )
  }

  #allowsAddress(address: string): boolean {
    const { v4, v6 } = this.#rules
    const plain = plainAddress(address)
    const listed = isIP(plain) === 4 ? v4.check(plain, 'ipv4') : v6.check(plain, 'ipv6')
    return listed || this.#allowsReach(reachOf(address))
  }
}

function notAllowed(host: string): ForgeRefusal {
  return new ForgeRefusal(
    'BadRequest',
    `${host} of spec.source.git.url is inside the cluster, in a private network or on this machine, and the forge does not fetch from there. Whoever runs Guildhall can allow it: add "${host}" or its network to forge.sources.allowedHosts in the values of the chart.`,
  )
}

/**
 * Asks as every program of this machine does (`/etc/hosts`, search domains), because git would do
 * the same.
 */
export const systemResolve: Resolve = async (host, { signal }) => {
  signal.throwIfAborted()
  const gone = Promise.withResolvers<never>()
  const giveUp = () => gone.reject(signal.reason)
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    // The look-up itself cannot be stopped; it ends by the time-outs of the system.
    const found = await Promise.race([lookup(host, { all: true }), gone.promise])
    return found.map(({ address }) => address)
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof Error && 'syscall' in error && error.syscall === 'getaddrinfo') return []
    throw error
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}
