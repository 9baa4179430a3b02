// Who speaks to the API server in a lab, each under a name of its own, and how their requests are
// counted.
import type { Api } from './api.ts'
import { namespace } from './paths.ts'

/**
 * `node` stands for the kubelets, `observer` watches for the history, `author` is the person with
 * requests.
 */
export const identities = {
  operator: `system:serviceaccount:${namespace}:guildhall-operator`,
  forge: `system:serviceaccount:${namespace}:guildhall-forge`,
  node: 'lab-node',
  observer: 'lab-observer',
  author: 'lab-author',
} as const
export type Identity = keyof typeof identities

const writes = ['create', 'update', 'patch', 'delete', 'deletecollection']
const reads = ['get', 'list']
const verbs = { writes, reads, watches: ['watch'] } as const

/** Requests of one identity since the API server started. */
export type RequestCounts = Readonly<Record<keyof typeof verbs, number>>

/**
 * One FlowSchema for each identity and sort of verb, all into the priority level that
 * ServiceAccounts have anyway: the API server then counts them apart in its own metrics, and treats
 * them as it would have.
 */
export function flowSchemas(): readonly object[] {
  return Object.entries(identities).flatMap(([identity, user]) =>
    Object.entries(verbs).map(([sort, names], index) => ({
      apiVersion: 'flowcontrol.apiserver.k8s.io/v1',
      kind: 'FlowSchema',
      metadata: { name: `lab-${identity}-${sort}` },
      spec: {
        priorityLevelConfiguration: { name: 'workload-low' },
        matchingPrecedence: 500 + index,
        distinguisherMethod: { type: 'ByUser' },
        rules: [
          {
            subjects: [{ kind: 'User', user: { name: user } }],
            resourceRules: [
              {
                verbs: names,
                apiGroups: ['*'],
                resources: ['*'],
                namespaces: ['*'],
                clusterScope: true,
              },
            ],
          },
        ],
      },
    })),
  )
}

/** The requests of each identity so far, by the API server's own count. */
export async function requestCounts(
  admin: Api,
): Promise<Readonly<Record<Identity, RequestCounts>>> {
  const text = await admin.text('/metrics')
  const counts = Object.fromEntries(
    Object.keys(identities).map((identity) => [identity, { reads: 0, writes: 0, watches: 0 }]),
  ) as Record<Identity, Record<keyof typeof verbs, number>>
  const line =
    /^apiserver_flowcontrol_dispatched_requests_total\{flow_schema="lab-(\w+)-(\w+)",[^}]*\} (\S+)$/gm
  for (const [, identity, sort, value] of text.matchAll(line)) {
    const found = counts[identity as Identity]
    found[sort as keyof typeof verbs] += Number(value)
  }
  return counts
}
