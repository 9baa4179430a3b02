import { z } from 'zod'

/** Requests by verb and resource, e.g. `PUT agenttasks/status` -> 12. */
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

/**
 * Resources that the control plane itself writes now and then; such writes are not work for tasks.
 */
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
    // Health and metrics have no resource; only the bench itself reads them.
    if (name !== requestFamily || resource === '') continue
    const what = wordOf(verb, resource, subresource)
    counts[what] = (counts[what] ?? 0) + value
  }
  return counts
}

/** The requests between two readings; counts that did not change are left out. */
export function requestsBetween(before: RequestCounts, after: RequestCounts): RequestCounts {
  const grown = Object.entries(after).map(
    ([what, count]) => [what, count - (before[what] ?? 0)] as const,
  )
  return Object.fromEntries(grown.filter(([, count]) => count > 0))
}

/** How a request is named in every table. */
function wordOf(verb: string, resource: string, subresource: string): string {
  return `${verb} ${resource}${subresource === '' ? '' : `/${subresource}`}`
}

/** Requests that change something, the control plane's own left out. */
export function writesOf(counts: RequestCounts): number {
  return sumOf(counts, writing)
}

/** GET and LIST; a watch is not a read. */
export function readsOf(counts: RequestCounts): number {
  return sumOf(counts, reading)
}

function sumOf(counts: RequestCounts, verbs: ReadonlySet<string>): number {
  return Object.entries(counts).reduce((sum, [what, count]) => {
    const [verb = '', resource = ''] = what.split(' ')
    return verbs.has(verb) && !housekeeping.has(resource) ? sum + count : sum
  }, 0)
}

/** One line of a Prometheus text answer. */
interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const line = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/
const label = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g

/**
 * Reads the samples of some families. Comments, other families and lines that are not samples are
 * passed over.
 */
export function parseSamples(text: string, names: ReadonlySet<string>): readonly Sample[] {
  return text.split('\n').flatMap((row) => {
    const [, name, labels = '', value] = line.exec(row) ?? []
    if (name === undefined || !names.has(name)) return []
    const number = Number(value)
    if (Number.isNaN(number)) return []
    return [{ name, labels: parseLabels(labels), value: number }]
  })
}

/** The sum of a family, over all its labels. */
export function total(samples: readonly Sample[], name: string): number {
  return samples.reduce((sum, sample) => sum + (sample.name === name ? sample.value : 0), 0)
}

function parseLabels(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...text.matchAll(label)].map(([, name = '', value = '']) => [name, unescape(value)]),
  )
}

function unescape(text: string): string {
  return text.replace(/\\(.)/g, (_whole, mark: string) => (mark === 'n' ? '\n' : mark))
}

const event = z.object({
  stage: z.string(),
  verb: z.string(),
  user: z.object({ username: z.string().optional() }).optional(),
  userAgent: z.string().optional(),
  objectRef: z
    .object({ resource: z.string().optional(), subresource: z.string().optional() })
    .optional(),
})

/** A policy that logs who asked for what, once for each request, and no bodies. */
export const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- level: Metadata
`

/** The names of verbs in an audit log, as the API server's counter writes them. */
const verbs: Readonly<Record<string, string>> = {
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETECOLLECTION',
  get: 'GET',
  list: 'LIST',
  watch: 'WATCH',
}

/**
 * Counts an audit log by who asked: user and program, e.g. `kubernetes-admin (guildhall-operator)`.
 * Lines that are cut off, stages other than the last, and requests for no resource are passed over.
 */
export function countByIdentity(log: string): Readonly<Record<string, RequestCounts>> {
  const counts: Record<string, Record<string, number>> = {}
  for (const row of log.split('\n')) {
    const parsed = event.safeParse(jsonOf(row))
    if (!parsed.success || parsed.data.stage !== 'ResponseComplete') continue
    const { user, userAgent = '', verb, objectRef } = parsed.data
    if (objectRef?.resource === undefined) continue
    const program = userAgent.split(/[/ ]/)[0] || 'unknown'
    const who = `${user?.username ?? 'unknown'} (${program})`
    const what = wordOf(
      verbs[verb] ?? verb.toUpperCase(),
      objectRef.resource,
      objectRef.subresource ?? '',
    )
    const own = (counts[who] ??= {})
    own[what] = (own[what] ?? 0) + 1
  }
  return counts
}

function jsonOf(row: string): unknown {
  try {
    return JSON.parse(row)
  } catch {
    return undefined
  }
}
