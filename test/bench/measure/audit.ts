import { z } from 'zod'
import { wordOf, type RequestCounts } from './requests.ts'

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
