import { expect, test } from 'vitest'
import { callRecord } from '../../test/support/objects.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { AuditLog } from './log.ts'
import { verify } from './chain.ts'
import type { ConfigMap } from '../../core/kube/built-in-kinds.ts'
import { callEntry } from './model-calls.ts'

test('a call is told of with hashes, and no word of prompt or answer', () => {
  const failed = { ...callRecord, task: 'hello-code', verdict: 'OutputUnusable', message: 'secret' }
  for (const record of [callRecord, failed]) {
    const text = JSON.stringify(callEntry(record))
    expect(text).not.toMatch(/secret|system prompt/)
    expect(text).toContain(`"promptHash":"${record.promptHash}"`)
    expect(text).toContain(`"answerHash":"${record.answerHash}"`)
  }
  expect(callEntry(failed)).toMatchObject({
    action: 'ModelFailed',
    message: 'm gave no answer to plan.notes for task hello-code: OutputUnusable',
    detail: { task: 'hello-code', request: 'hello', sent: 2, inputTokens: 70, outputTokens: 30 },
  })
})

test('a hundred calls at the same moment are a hundred records, stored in one write', async () => {
  const clock = new VirtualClock()
  const written: ConfigMap[] = []
  const client = {
    list: async () => ({ items: [], resourceVersion: '' }),
    create: async (_kind: unknown, map: ConfigMap) => {
      written.push(map)
      return { ...map, metadata: { ...map.metadata, resourceVersion: String(written.length) } }
    },
  } as unknown as ConstructorParameters<typeof AuditLog>[0]['client']
  const log = new AuditLog({ client, namespace: 'guildhall', clock, log: silentLogger })
  for (let n = 0; n < 100; n++) log.append(callEntry({ ...callRecord, id: `abc-${n}` }))
  const stop = new AbortController()
  const run = log.run({ stop: stop.signal, abort: new AbortController().signal })
  await clock.advance(2_000)
  stop.abort()
  await run
  expect(written).toHaveLength(1)
  const lines = (written[0]?.data?.['records.jsonl'] ?? '').trim().split('\n')
  expect(lines).toHaveLength(100)
  expect(verify(lines)).toMatchObject({ kind: 'intact', head: { seq: 100 } })
  // With real hashes a record has less than a kilobyte.
  const real = { promptHash: 'a'.repeat(64), answerHash: 'b'.repeat(64) }
  expect(JSON.stringify(callEntry({ ...callRecord, ...real })).length).toBeLessThan(700)
})
