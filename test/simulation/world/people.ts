import type { DevRequestSpec } from '../../../core/api/devrequest.ts'
import { agentTasks, agents, devRequests } from '../../../core/api/kinds.ts'
import type { KubeClient } from '../../../core/kube/client.ts'
import { pods } from '../../../core/kube/built-in-kinds.ts'
import { isNotFound } from '../../../core/kube/errors.ts'
import type { Resource } from '../../../core/kube/resource.ts'
import type { SimulatedApiServer } from '../../../simulated-kubernetes/server.ts'
import { namespace } from './operators.ts'
import type { Fault, RequestPlan } from '../story.ts'
import type { Timeline } from './timeline.ts'

/** Words of a person that belong into the request and nowhere else. */
export const prompt = 'Xyzzy-the-words-of-a-person'

const never = new AbortController().signal

/** A person applies a DevRequest. */
export async function apply(client: KubeClient, request: RequestPlan): Promise<void> {
  const { name, priority, maxAttempts, ttlSeconds, plan } = request
  const spec = {
    request: `build ${name}; the prompt is ${prompt}`,
    priority,
    limits: { maxTasks: 30, maxParallel: 10, taskTimeoutSeconds: 40, maxAttempts },
    ...(ttlSeconds === undefined ? {} : { ttlSecondsAfterFinished: ttlSeconds }),
    ...(plan === 'edited' ? { suspend: true } : {}),
  } satisfies DevRequestSpec
  await client.create(devRequests, { metadata: { name, namespace }, spec }, { signal: never })
}

/** How long people take to read a plan, and to read their own. */
export const readingMs = 8_000

const ownPlan: DevRequestSpec['plan'] = {
  units: [{ name: 'own', goal: 'as they want it', files: ['src/own.js'], doneWhen: 'it is there' }],
}

/** A person gives another plan to a request that waits, then lets it go on. */
export function edit(client: KubeClient, { name }: RequestPlan, timeline: Timeline): void {
  const change = (spec: Partial<DevRequestSpec>): void =>
    void client
      .patch(devRequests, { name, namespace }, { type: 'merge', body: { spec } }, { signal: never })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error
      })
  timeline.after(readingMs, () => change({ plan: ownPlan }))
  timeline.after(2 * readingMs, () => change({ suspend: false }))
}

/** Every kind that people delete, without its type. */
export const kinds: Readonly<Record<'agents' | 'pods' | 'agenttasks' | 'devrequests', Resource>> = {
  agents: loose(agents),
  pods: loose(pods),
  agenttasks: loose(agentTasks),
  devrequests: loose(devRequests),
}

function loose(resource: Resource): Resource {
  return { ...resource, object: undefined }
}

/** A person deletes the n-th object of a kind, if there is any. */
export async function remove(
  client: KubeClient,
  server: SimulatedApiServer,
  { what, nth }: Extract<Fault, { readonly kind: 'delete' }>,
): Promise<void> {
  const there = server.objects(kinds[what])
  const object = there[nth % Math.max(1, there.length)]
  if (object === undefined) return
  const { name } = object.metadata
  await client
    .delete(kinds[what], { name, namespace }, { signal: never })
    .catch((error: unknown) => {
      if (!isNotFound(error)) throw error
    })
}
