import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { execa } from 'execa'
import { z } from 'zod'
import { addresses, bridges, type StatePaths } from './settings.ts'

/** What the kernel was set to before, so that it can be set back. */
const recordShape = z.object({ forwarding: z.string(), bridgeFilter: z.string() })
const forwarding = '/proc/sys/net/ipv4/ip_forward'
const bridgeFilter = '/proc/sys/net/bridge/bridge-nf-call-iptables'

const podBridge = { name: bridges.pods, address: `${addresses.podGateway}/24` }
const nodeBridge = { name: bridges.node, address: `${addresses.node}/32` }

/** Our packet filter: Pods talk to each other and to the node, and to nothing else. */
const packetFilter = `table inet guildhall {
  chain forward {
    type filter hook forward priority -10; policy accept;
    iifname "${bridges.pods}" oifname != "${bridges.pattern}" reject with icmpx admin-prohibited
    iifname != "${bridges.pattern}" oifname "${bridges.pods}" reject with icmpx admin-prohibited
  }
}
`

/** A Docker engine beside us drops what it does not know; this keeps it from dropping what Pods say to each other. */
const besideDocker = ['-i', 'gh-+', '-o', 'gh-+', '-j', 'ACCEPT'] as const

/** Makes the bridges, routes and filters that are missing. Throws when another network uses the addresses. */
export async function ensureNetwork(paths: StatePaths): Promise<void> {
  if (await networkReady()) return
  await refuseOverlap()
  if (!existsSync(bridgeFilter)) await execa('modprobe', ['br_netfilter'], { reject: false })
  if (!existsSync(bridgeFilter)) {
    throw new Error(
      'Services need the kernel module br_netfilter and it is not there; load it: modprobe br_netfilter',
    )
  }
  if (!existsSync(paths.network)) {
    const before = {
      forwarding: (await readFile(forwarding, 'utf8')).trim(),
      bridgeFilter: (await readFile(bridgeFilter, 'utf8')).trim(),
    }
    await writeFile(paths.network, JSON.stringify(before))
  }
  await writeFile(forwarding, '1')
  await writeFile(bridgeFilter, '1')
  for (const { name, address } of [nodeBridge, podBridge]) {
    await execa('ip', ['link', 'add', name, 'type', 'bridge'], { reject: false })
    await execa('ip', ['address', 'replace', address, 'dev', name])
    await execa('ip', ['link', 'set', name, 'up'])
  }
  // Without a route of its own a Service address would leave through the default route, or be unreachable without one.
  const route = [addresses.services, 'dev', bridges.node, 'src', addresses.node]
  await execa('ip', ['route', 'replace', ...route])
  await execa('nft', ['delete', 'table', 'inet', 'guildhall'], { reject: false })
  await execa('nft', ['-f', '-'], { input: packetFilter })
  const known = await execa('iptables', ['-C', 'FORWARD', ...besideDocker], { reject: false })
  if (known.failed) await execa('iptables', ['-I', 'FORWARD', ...besideDocker], { reject: false })
}

/** Whether bridges, route and filter are there. */
export async function networkReady(): Promise<boolean> {
  const [route, filter] = await Promise.all([
    execa('ip', ['route', 'show', addresses.services, 'dev', bridges.node], { reject: false }),
    execa('nft', ['list', 'table', 'inet', 'guildhall'], { reject: false }),
  ])
  const up = existsSync(`/sys/class/net/${bridges.pods}`) && route.stdout !== ''
  return up && !filter.failed && (await readFile(forwarding, 'utf8')).trim() === '1'
}

/** Takes everything of ours out of the machine's network and sets the kernel back. */
export async function removeNetwork(paths: StatePaths): Promise<void> {
  for (const name of [bridges.pods, bridges.node]) {
    await execa('ip', ['link', 'delete', name], { reject: false })
  }
  const tables = ['inet guildhall', 'ip kube-proxy', 'ip6 kube-proxy']
  for (const table of tables) {
    await execa('nft', ['delete', 'table', ...table.split(' ')], { reject: false })
  }
  await execa('iptables', ['-D', 'FORWARD', ...besideDocker], { reject: false })
  await removeEmptyFilterTable()
  const before = await readFile(paths.network, 'utf8').catch(() => undefined)
  if (before !== undefined) {
    const record = recordShape.parse(JSON.parse(before))
    // A container engine that was started meanwhile needs both.
    if (!existsSync('/sys/class/net/docker0')) {
      await writeFile(forwarding, record.forwarding)
      if (existsSync(bridgeFilter)) await writeFile(bridgeFilter, record.bridgeFilter)
    }
    await rm(paths.network, { force: true })
  }
}

/** iptables leaves its table behind; without rules of anybody's and with its default policy it is as good as absent. */
async function removeEmptyFilterTable(): Promise<void> {
  const table = await execa('nft', ['list', 'table', 'ip', 'filter'], { reject: false })
  if (table.failed) return
  const rules = table.stdout
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => !/^(table .*|chain .*|type .*policy accept;|\}|#.*)?$/.test(line))
  if (rules.length === 0) await execa('nft', ['delete', 'table', 'ip', 'filter'], { reject: false })
}

async function refuseOverlap(): Promise<void> {
  const { stdout } = await execa('ip', ['-o', '-4', 'route', 'show'])
  const foreign = stdout.split('\n').filter((line) => !line.includes(' dev gh-'))
  for (const range of ['10.243.', '10.244.', '10.96.']) {
    const clash = foreign.find((line) => line.startsWith(range))
    if (clash) {
      throw new Error(
        `the cluster needs the addresses ${range}0.0/16 and this machine uses them already (${clash.trim()}); ` +
          'is another Kubernetes running here? Stop it, or use it: --provider existing',
      )
    }
  }
}
