import { agentTaskKind, type AgentTask } from './agent-task.ts'
import { agentKind, type Agent } from './agent.ts'
import { devRequestKind, type DevRequest } from './devrequest.ts'
import { languageModelKind, type LanguageModel } from './language-model.ts'
import { group, version } from './names.ts'
import type { OwnerReference } from './schema.ts'

/** Where a kind of ours lives in the API; `object` is for the compiler only. */
export interface KindResource<T> {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly plural: string
  readonly namespaced: boolean
  readonly object?: T | undefined
}

const at = (kind: { readonly kind: string; readonly plural: string }) => ({
  group,
  version,
  kind: kind.kind,
  plural: kind.plural,
  namespaced: true,
})

export const devRequests: KindResource<DevRequest> = at(devRequestKind)
export const agentTasks: KindResource<AgentTask> = at(agentTaskKind)
export const agents: KindResource<Agent> = at(agentKind)
export const languageModels: KindResource<LanguageModel> = at(languageModelKind)

/** Makes `owner` the one controller of an object: it goes when its owner goes. */
export function ownedBy(owner: {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly uid: string }
}): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  }
}
