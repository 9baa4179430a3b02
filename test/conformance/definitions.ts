import type { KubeClient } from '../../core/kube/client.ts'
import type { Condition } from '../../core/api/schema.ts'
import type { KubeObject, Resource } from '../../core/kube/resource.ts'
import { systemClock as clock } from '../../core/base/clock.ts'

export interface Definition extends KubeObject {
  readonly spec?: object
  readonly status?: { readonly conditions?: readonly Condition[] }
}

export const definitions: Resource<Definition> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
}

/**
 * Applies a CRD and waits until it is served. Errors: a sentence that names the condition that is
 * missing.
 */
export async function serveKind(client: KubeClient, definition: Definition): Promise<Definition> {
  await client.apply(definitions, definition, { fieldManager: 'conformance' })
  const { name } = definition.metadata
  for (let tries = 0; ; tries += 1) {
    const found = await client.get(definitions, { name })
    const { conditions } = found.status ?? {}
    const missing = ['NamesAccepted', 'Established'].find(
      (type) => !conditions?.some((each) => each.type === type && each.status === 'True'),
    )
    // Served means discoverable; the handler follows within moments, which the first request then
    // waits for.
    if (missing === undefined) return found
    if (tries >= 100) throw new Error(`${name} is not ${missing}: ${JSON.stringify(conditions)}`)
    await clock.sleep(100, {})
  }
}
