import type { Sample } from './prometheus.ts'

/** Requests by what they did, e.g. `PUT agenttasks/status` -> 12. */
export type RequestCounts = Readonly<Record<string, number>>

/** The family of the API server that counts every request it answered. */
export const requestFamily = 'apiserver_request_total'

const writing: ReadonlySet<string> = new Set([
  'POST',
  'PUT',
  'PATCH',
  'APPLY',
  'DELETE',
  'DELETECOLLECTION',
])
const reading: ReadonlySet<string> = new Set(['GET', 'LIST'])

/** Resources that the control plane itself writes now and then; they are no work for tasks. */
const housekeeping: ReadonlySet<string> = new Set([
  'leases',
  'endpointslices',
  'apiservices/status',
  'flowschemas/status',
  'prioritylevelconfigurations/status',
])

/** The counter of the API server as counts by verb and resource. */
export function requestCounts(samples: readonly Sample[]): RequestCounts {
  const counts: Record<string, number> = {}
  for (const { name, labels, value } of samples) {
    const { verb = '', resource = '', subresource = '' } = labels
    // Health and metrics have no resource; who reads them measures.
    if (name !== requestFamily || resource === '') continue
    const what = wordOf(verb, resource, subresource)
    counts[what] = (counts[what] ?? 0) + value
  }
  return counts
}

/** What was asked between two readings; what did not change is left out. */
export function requestsBetween(before: RequestCounts, after: RequestCounts): RequestCounts {
  const grown = Object.entries(after).map(
    ([what, count]) => [what, count - (before[what] ?? 0)] as const,
  )
  return Object.fromEntries(grown.filter(([, count]) => count > 0))
}

/** How a request is named in every table. */
export function wordOf(verb: string, resource: string, subresource: string): string {
  return `${verb} ${resource}${subresource === '' ? '' : `/${subresource}`}`
}

/** Requests that change something, the control plane's own left out. */
export function writesOf(counts: RequestCounts): number {
  return sumOf(counts, writing)
}

/** GET and LIST; a watch is no read. */
export function readsOf(counts: RequestCounts): number {
  return sumOf(counts, reading)
}

function sumOf(counts: RequestCounts, verbs: ReadonlySet<string>): number {
  return Object.entries(counts).reduce((sum, [what, count]) => {
    const [verb = '', resource = ''] = what.split(' ')
    return verbs.has(verb) && !housekeeping.has(resource) ? sum + count : sum
  }, 0)
}
