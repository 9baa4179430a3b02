// A simulated API server in virtual time, for unit tests.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { agentTasks, devRequests } from '../../core/api/kinds.ts'
import { KubeClient } from '../../core/kube/client.ts'
import type { KubeObject, Resource } from '../../core/kube/resource.ts'
import {
  type CompiledKinds,
  compileKinds,
  type Definition,
} from '../../simulated-kubernetes/kind.ts'
import { SimulatedApiServer } from '../../simulated-kubernetes/server.ts'
import { seededRandom, VirtualClock } from './virtual-clock.ts'

interface Loose extends KubeObject {
  readonly spec?: object
  readonly status?: object
}
export const tasks: Resource<Loose> = { ...agentTasks, object: undefined }
export const requests: Resource<Loose> = { ...devRequests, object: undefined }
export const namespace = 'default'

/** The spec of a task that the schema takes. */
export const task = {
  requestRef: { name: 'shop' },
  type: 'coding',
  action: 'code',
  title: 'Add a cart',
  goal: 'A cart that adds up',
  repository: 'shop',
  branch: 'guild/shop',
}

/** A server in virtual time, with clients for it. */
export function start() {
  const clock = new VirtualClock()
  const random = seededRandom(1)
  const server = new SimulatedApiServer({ clock, random, kinds: ownKinds() })
  const connect = (user: string) =>
    new KubeClient({ config: nowhere, clock, random, transport: server.transport({ user }) })
  return { clock, server, connect, client: connect('test') }
}
const nowhere = {
  server: 'https://simulated',
  namespace,
  credentials: () => Promise.reject(new Error('nobody is asked for credentials here')),
  refresh: () => undefined,
}

const directory = join(import.meta.dirname, '../../crds')

let compiled: CompiledKinds | undefined

/** The kinds in crds/, compiled when they are first asked for and shared from then on. */
export function ownKinds(): CompiledKinds {
  compiled ??= compileKinds(
    readdirSync(directory)
      .filter((file) => file.endsWith('.yaml'))
      .map((file): Definition => parse(readFileSync(join(directory, file), 'utf8'))),
  )
  return compiled
}
