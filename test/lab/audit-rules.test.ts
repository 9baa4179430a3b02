import { expect, test } from 'vitest'
import type { AgentTaskStatus } from '../../core/api/agent-task.ts'
import { chain, emptyChain } from '../../operator/audit/record.ts'
import { endedStatus, task } from '../support/objects.ts'
import type { ApiObject } from './api.ts'
import { auditViolations } from './audit-rules.ts'
import type { Entry } from './history-rules.ts'

function linesFor(...actions: readonly string[]): readonly string[] {
  let head = emptyChain
  return actions.map((action) => {
    const record = {
      time: '',
      actor: 'operator',
      action,
      kind: 'AgentTask',
      name: 'a',
      uid: 'uid-a',
    }
    const next = chain({ ...record, message: '' }, head)
    head = next.head
    return next.line
  })
}

const entry = (kind: Entry['kind'], object: object, version: number): Entry => ({
  kind,
  type: version === 1 ? 'ADDED' : 'MODIFIED',
  version: BigInt(version),
  at: 0,
  object: object as ApiObject,
  afterGap: false,
})
const segment = (lines: readonly string[], version: number, name = 'guildhall-audit-000001') =>
  entry(
    'ConfigMap',
    { metadata: { name, uid: name }, data: { records: lines.join('\n') } },
    version,
  )
const ended = (status: AgentTaskStatus = endedStatus(true)) =>
  entry('AgentTask', task('a', {}, status), 9)

test('a chain that tells of each assignment and each end is good', () => {
  const lines = linesFor('Queued', 'Assigned', 'Succeeded')
  expect(auditViolations([segment(lines.slice(0, 2), 1), segment(lines, 2), ended()])).toEqual([])
})

test.each([
  ['a record that is missing', [segment(linesFor('Assigned'), 1), ended()], 'records of its end'],
  [
    'a record that is there twice',
    [segment(linesFor('Assigned', 'Succeeded', 'Succeeded'), 1), ended()],
    '2 records of its end',
  ],
  [
    'records that were replaced',
    [segment(linesFor('Assigned'), 1), segment(linesFor('Queued'), 2)],
    'was rewritten',
  ],
  ['a gap in the chain', [segment(linesFor('Assigned', 'Succeeded').slice(1), 1)], 'breaks at 1'],
])('%s is found', (_what, entries, want) => {
  expect(auditViolations(entries).join('\n')).toContain(want)
})
