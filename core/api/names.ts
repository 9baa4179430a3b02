// Every name that Guildhall writes into a cluster or a repository, in one place.

/** API group of all kinds. */
export const group = 'guildhall.dev'
/** First and only version of all kinds. */
export const version = 'v1alpha1'
export const apiVersion = `${group}/${version}`
/** `kubectl get guildhall` lists every kind of ours. */
export const category = 'guildhall'

/** Labels on everything the operator creates; values are object names. */
export const labels = {
  request: `${group}/request`,
  task: `${group}/task`,
  agent: `${group}/agent`,
  agentType: `${group}/agent-type`,
  unit: `${group}/unit`,
  /** Carried by the leading operator Pod only; the hub's Service selects it. */
  leader: `${group}/leader`,
  /**
   * On the ConfigMaps of the audit: `open` on the one that is written to, `closed` on the others.
   */
  auditSegment: `${group}/audit-segment`,
  managedBy: 'app.kubernetes.io/managed-by',
  name: 'app.kubernetes.io/name',
  component: 'app.kubernetes.io/component',
} as const

/** Annotations on what the operator creates. */
export const annotations = {
  /** Why it was created, in a sentence. */
  reason: `${group}/reason`,
  /** On a ConfigMap of the audit: how far it is with the objects of each kind. */
  auditPosition: `${group}/audit-position`,
} as const

/** The namespace of an installation by default; commands in texts and in docs name it. */
export const homeNamespace = 'guildhall'

/** A text with its commands (`kubectl … -n guildhall`) as they are typed for another namespace. */
export function inNamespace(text: string, namespace: string): string {
  return text.replaceAll(`-n ${homeNamespace}`, `-n ${namespace}`)
}

/** Lease that the leading operator holds. */
export const leaderLease = 'guildhall-operator'
/** `reportingController` of our Events. */
export const reportingController = `${group}/operator`

/** ConfigMaps that people read with kubectl alone. */
export const configMaps = {
  registry: 'guildhall-registry',
  audit: (segment: number): string => `guildhall-audit-${String(segment).padStart(6, '0')}`,
} as const

/** Token audiences: a token for one door does not open another. */
export const audiences = { hub: 'guildhall-hub', forge: 'guildhall-forge' } as const

/** Ports inside the cluster. */
export const ports = { hub: 8080, health: 8081, forge: 8080, ollama: 11434 } as const

/** Git identities and branch names. */
export const git = {
  /** The branch a request delivers. */
  resultBranch: (request: string): string => `guild/${request}`,
  /**
   * The only branch one attempt of one task may push. Outside `guild/`, because git cannot hold
   * both `a` and `a/b`.
   */
  taskBranch: (task: string, attempt: number): string => `guild-task/${task}/${attempt}`,
  committerName: 'Guildhall',
  committerEmail: 'agents@guildhall.dev',
} as const

/** Commit trailers, written by the harness, in this order. */
export const trailers = {
  request: 'Guild-Request',
  task: 'Guild-Task',
  agent: 'Guild-Agent',
  model: 'Guild-Model',
  attempts: 'Guild-Attempts',
  verdict: 'Guild-Verdict',
} as const

/**
 * Name of the LanguageModel that the operator makes for a model: its name at the server, with the
 * signs that the name of an object may have.
 */
export function objectNameOf(model: string): string {
  return model
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 63)
    .replace(/^-+|-+$/g, '')
}

/** Name of the model that answers from checked-in scripts. Shown wherever a model is shown. */
export const rehearsalModel = 'rehearsal'
