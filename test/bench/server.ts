import { existsSync, rmSync } from 'node:fs'
import { mkdtemp, readFile, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, request } from 'undici'
import { inspectDaemon } from '../../hack/native-cluster/daemon.ts'
import {
  parseSamples,
  total,
  requestCounts,
  requestFamily,
  type RequestCounts,
} from './measure/requests.ts'

/**
 * How a program of the bench reaches the API server: plain data, so that it can be sent to another
 * process.
 */
export interface Access {
  readonly server: string
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** What the server counted since it started. */
export interface ServerCounters {
  readonly requests: RequestCounts
  /** Bytes of keys and values that were put into etcd. */
  readonly storedBytes: number
}

/** A real API server with its store, as the bench sees it from outside. */
export interface BenchServer {
  readonly access: Access
  /** Whether etcd's data lie in memory, as they should. */
  readonly inMemory: boolean
  readonly pids: { readonly apiserver: number; readonly etcd: number }
  counters(): Promise<ServerCounters>
}

/** Of etcd: everything it was given to keep. */
const putBytes = 'etcd_debugging_mvcc_total_put_size_in_bytes'
const tmpfs = 0x01021994

const scratch = new Set<string>()

/**
 * An empty directory for a control plane, in memory where the machine has such a place. It goes
 * with this process at the latest.
 */
export async function scratchDirectory(): Promise<string> {
  if (scratch.size === 0) process.once('exit', removeScratch)
  const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
  const directory = await mkdtemp(join(base, 'guildhall-bench-'))
  scratch.add(directory)
  return directory
}

function removeScratch(): void {
  for (const directory of scratch) rmSync(directory, { recursive: true, force: true })
}

/** Looks at a control plane that `startControlPlane` keeps in this directory. */
export async function inspectServer(directory: string): Promise<BenchServer> {
  const [apiserver, etcd] = await Promise.all([
    pidOf(directory, 'kube-apiserver'),
    pidOf(directory, 'etcd'),
  ])
  const pki = async (name: string): Promise<string> =>
    readFile(join(directory, 'pki', name), 'utf8')
  const ca = await pki('ca.crt')
  const access: Access = {
    server: `https://127.0.0.1:${await flagOf(apiserver, '--secure-port=')}`,
    ca,
    cert: await pki('admin.crt'),
    key: await pki('admin.key'),
  }
  const etcdUrl = await flagOf(etcd, '--listen-client-urls=')
  const etcdTls = {
    ca,
    cert: await pki('apiserver-client.crt'),
    key: await pki('apiserver-client.key'),
  }
  return {
    access,
    inMemory: (await statfs(directory)).type === tmpfs,
    pids: { apiserver, etcd },
    counters: async () => {
      const [api, store] = await Promise.all([
        textFrom(`${access.server}/metrics`, access),
        textFrom(`${etcdUrl}/metrics`, etcdTls),
      ])
      return {
        requests: requestCounts(parseSamples(api, new Set([requestFamily]))),
        storedBytes: total(parseSamples(store, new Set([putBytes])), putBytes),
      }
    },
  }
}

async function pidOf(directory: string, name: string): Promise<number> {
  const found = await inspectDaemon(directory, name)
  if (found.state !== 'running') throw new Error(`${name} is ${found.state}`)
  return found.pid
}

/** The value of a flag of a running program: its ports are chosen when it starts. */
async function flagOf(pid: number, flag: string): Promise<string> {
  const args = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0')
  const found = args.find((arg) => arg.startsWith(flag))
  if (found === undefined) throw new Error(`process ${pid} has no ${flag}`)
  return found.slice(flag.length)
}

async function textFrom(url: string, tls: Omit<Access, 'server'>): Promise<string> {
  const dispatcher = new Agent({ connect: tls })
  try {
    const { statusCode, body } = await request(url, { dispatcher })
    const text = await body.text()
    if (statusCode !== 200) throw new Error(`${url}: HTTP status ${statusCode}`)
    return text
  } finally {
    await dispatcher.close()
  }
}
