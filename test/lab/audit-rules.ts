// Invariant I8 of a history: the audit is one unbroken chain, nothing in it changes, and it tells of every transition.
import type { AgentTask } from '../../core/api/agent-task.ts'
import { emptyChain, verify, type AuditEntry } from '../../operator/audit/record.ts'
import { isFinished } from '../../core/api/task-state.ts'
import type { Entry } from './history-rules.ts'

const ends = new Set(['Succeeded', 'DeadLettered', 'Skipped'])

/** What is wrong with the audit that a history holds, as sentences. */
export function auditViolations(entries: readonly Entry[]): readonly string[] {
  const found: string[] = []
  const segments = new Map<string, readonly string[]>()
  for (const { kind, object, type } of entries) {
    if (kind !== 'ConfigMap') continue
    const { name } = object.metadata
    if (type === 'DELETED') found.push(`I8 audit segment ${name} was deleted`)
    const lines = linesOf(object.data)
    const before = segments.get(name) ?? []
    if (before.some((line, index) => lines[index] !== line))
      found.push(`I8 audit segment ${name} was rewritten`)
    segments.set(name, lines)
  }
  const lines = [...segments.keys()].toSorted().flatMap((name) => segments.get(name) ?? [])
  const verified = verify(lines, emptyChain)
  if (verified.kind === 'broken')
    return [...found, `I8 the audit's chain breaks at ${verified.seq}: ${verified.why}`]

  const records = lines.map((line) => JSON.parse(line) as AuditEntry)
  for (const task of lastVersions(entries)) {
    const { uid, name } = task.metadata
    const mine = records.filter((record) => record.uid === uid)
    const ended = mine.filter(({ action }) => ends.has(action)).length
    const given = mine.filter(({ action }) => action === 'Assigned').length
    const wantEnded = isFinished(task) ? 1 : 0
    const wantGiven = task.status?.attempts ?? 0
    if (ended !== wantEnded || given !== wantGiven)
      found.push(
        `I8 AgentTask ${name}: ${ended} records of its end instead of ${wantEnded}, ${given} of its ${wantGiven} assignments`,
      )
  }
  return found
}

function linesOf(data: Readonly<Record<string, string>> | undefined): readonly string[] {
  return Object.values(data ?? {})
    .join('\n')
    .split('\n')
    .filter((line) => line !== '')
}

/** The last version of every task there ever was. */
function lastVersions(entries: readonly Entry[]): readonly AgentTask[] {
  const last = new Map<string, AgentTask>()
  for (const { kind, object } of entries)
    if (kind === 'AgentTask') last.set(object.metadata.uid, object as unknown as AgentTask)
  return [...last.values()]
}
