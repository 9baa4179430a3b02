// What the tests of the simulated API server start from.
import { agentTasks, devRequests } from '../../core/api/kinds.ts'
import { KubeClient } from '../../core/kube/client.ts'
import type { KubeObject, Resource } from '../../core/kube/resource.ts'
import { VirtualClock, seededRandom } from './virtual-clock.ts'
import { ownKinds } from '../../simulated-kubernetes/own-kinds.ts'
import { SimulatedApiServer } from '../../simulated-kubernetes/server.ts'

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
