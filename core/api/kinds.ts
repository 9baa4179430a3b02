import { agentTaskKind, type AgentTask } from './agent-task.ts'
import { agentKind, type Agent } from './agent.ts'
import { devRequestKind, type DevRequest } from './devrequest.ts'
import { languageModelKind, type LanguageModel } from './language-model.ts'
import { group, version } from './names.ts'
import type { KubeObject, OwnerReference, Resource } from '../kube/resource.ts'
import type { KindDefinition } from './schema.ts'

/** A row of the table of kinds. */
export interface Kind<T extends KubeObject> extends Resource<T>, KindDefinition {
  /** Name of the request that an object belongs to; its audit records are filed under it. */
  requestOf?(object: T): string
}

function row<T extends KubeObject>(
  definition: KindDefinition,
  more: Pick<Kind<T>, 'requestOf'> = {},
): Kind<T> {
  return { ...definition, ...more, group, version, namespaced: true }
}

/**
 * Every kind of ours, in the order in which people meet them. Caches, audit, the check of what is
 * read, CRDs, roles and the reference are made from this table; a new kind is a row here, its own
 * file in this folder, and its controller.
 */
export const kinds = {
  requests: row<DevRequest>(devRequestKind, { requestOf: ({ metadata }) => metadata.name }),
  tasks: row<AgentTask>(agentTaskKind, { requestOf: ({ spec }) => spec.requestRef.name }),
  agents: row<Agent>(agentKind),
  models: row<LanguageModel>(languageModelKind),
} as const

export type KindName = keyof typeof kinds
export const allKinds: readonly Kind<KubeObject>[] = Object.values(kinds)
export const kindNames = Object.keys(kinds) as readonly KindName[]

export const devRequests: Kind<DevRequest> = kinds.requests
export const agentTasks: Kind<AgentTask> = kinds.tasks
export const agents: Kind<Agent> = kinds.agents
export const languageModels: Kind<LanguageModel> = kinds.models

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
