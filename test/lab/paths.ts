import { group, version } from '../../core/api/names.ts'

/** The one namespace of a lab. */
export const namespace = 'guildhall'

const ours = `/apis/${group}/${version}/namespaces/${namespace}`
const core = `/api/v1/namespaces/${namespace}`

/** Where the objects of a lab lie in the API; add `/<name>` for one of them. */
export const paths = {
  devRequests: `${ours}/devrequests`,
  agentTasks: `${ours}/agenttasks`,
  agents: `${ours}/agents`,
  pods: `${core}/pods`,
  configMaps: `${core}/configmaps`,
  serviceAccounts: `${core}/serviceaccounts`,
  events: `/apis/events.k8s.io/v1/namespaces/${namespace}/events`,
  leases: `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`,
} as const

/** A path that lists only what carries a label. */
export function labelled(path: string, label: string, value: string): string {
  return `${path}?labelSelector=${encodeURIComponent(`${label}=${value}`)}`
}
