import { expect, test } from 'vitest'
import { type AuditEntry, chain, emptyChain, headOf, verify } from './chain.ts'

const entry = (name: string): AuditEntry => ({
  time: '2026-11-23T00:00:00.000Z',
  actor: 'operator',
  action: 'Assigned',
  kind: 'AgentTask',
  name,
  uid: 'u1',
  message: `${name} was given to coding-1`,
})

function linesOf(...names: readonly string[]): string[] {
  const lines: string[] = []
  let head = emptyChain
  for (const name of names) {
    const next = chain(entry(name), head)
    lines.push(next.line)
    head = next.head
  }
  return lines
}

test('a chain that nobody touched verifies, and its head is the last record', () => {
  const lines = linesOf('a', 'b', 'c')
  expect(verify(lines)).toEqual({ kind: 'intact', head: headOf(lines) })
})

const tampered: readonly [string, (lines: string[]) => string[], number][] = [
  [
    'a changed record',
    (lines) => lines.with(1, lines[1]?.replace('coding-1', 'coding-2') ?? ''),
    2,
  ],
  ['a dropped record', (lines) => lines.toSpliced(1, 1), 2],
  ['two records in the wrong order', ([a, b, c]) => [b ?? '', a ?? '', c ?? ''], 1],
  ['a record without hash', (lines) => lines.with(2, '{"seq":3}'), 3],
  [
    'a record that was changed and hashed anew',
    (lines) => lines.with(0, chain(entry('forged'), emptyChain).line),
    2,
  ],
]
test.each(tampered)('%s is found and named', (_what, tamper, wantSeq) => {
  expect(verify(tamper(linesOf('a', 'b', 'c')))).toMatchObject({ kind: 'broken', seq: wantSeq })
})
