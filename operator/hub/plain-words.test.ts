import { describe, expect, test } from 'vitest'
import type { ModelCall, Report } from '../../core/api/agent-protocol.ts'
import { report as schema } from '../../core/api/agent-protocol.ts'
import { plainBeat, plainCall, plainLogLine, plainReport } from './plain-words.ts'

/** Controls but for tab and line feed, and what turns the direction of text. */
const orders = /(?![\t\n])\p{Cc}|[\u202A-\u202E\u2066-\u2069]/u

const sly = [
  ['colours', '\u001B[31mred\u001B[0m', 'red'],
  ['a cleared screen', 'a\u001B[2J\u001B[1;1Hb', 'ab'],
  ['a title', 'a\u001B]0;owned\u0007b', 'ab'],
  ['a link with a string terminator', 'a\u001B]8;;http://x\u001B\\b', 'ab'],
  ['one-byte sequences', 'a\u009B31mb\u009D0;t\u009Cc', 'abc'],
  ['a device control string', 'a\u001BP1$r0m\u001B\\b', 'ab'],
  ['turned text', 'a\u202Eb\u2066c', 'abc'],
  ['bells and backspaces', 'ok\u0008\u0008no\u0007', 'okno'],
  ['half an order', 'a\u001B[31', 'a31'],
  ['an order in an order', 'a\u001B\u001B[m[2Jb', 'a[2Jb'],
] as const

const report = (text: string): Report => ({
  task: 't',
  uid: 'u',
  attempt: 1,
  verdict: 'ChecksFailed',
  summary: text,
  files: [],
  evidence: [{ command: text, exitCode: 1, passed: 0, failed: 1, digest: `${text}\n\tat x` }],
  tries: 1,
  durationSeconds: 1,
  notes: [text],
  failure: { reason: 'ChecksFailed', message: text },
})

const call = (text: string): ModelCall => ({
  task: 't',
  uid: 'u',
  attempt: 1,
  verb: 'write',
  purpose: 'code.write',
  system: text,
  sections: [{ title: text, text: `${text}\n\tnext`, must: true }],
  instruction: text,
  temperature: 0,
  seed: 1,
  maxTokens: 10,
})

describe.each(sly)('%s in the words of an agent', (_, text, want) => {
  test('reach no object', () => {
    const plain = plainReport(report(text))
    expect(JSON.stringify(plain)).toBe(JSON.stringify(report(want)))
    expect(plainBeat({ activity: text })).toEqual({ activity: want })
  })

  test('reach no log', () => {
    const line = { level: 'info', time: text, message: text, fields: { [text]: text } } as const
    expect(plainLogLine(line)).toEqual({ message: want, at: want, fields: { [want]: want } })
  })

  test('reach no prompt', () => {
    const { system, sections, instruction } = plainCall(call(text))
    for (const part of [system, instruction, sections[0]?.title, sections[0]?.text])
      expect(part).not.toMatch(orders)
    expect(sections[0]?.text).toMatch(/\n\tnext$/)
  })
})

test('a prompt still says which character stood in a source text', () => {
  const text = "const bell = '\u0007'\r\nconst left = '\u202E'\n\tconst s = '\u200B'\n"
  expect(plainCall(call(text)).sections[0]?.text).toBe(
    "const bell = '\\u{7}'\r\nconst left = '\\u{202e}'\n\tconst s = '\u200B'\n\n\tnext",
  )
})

test('what must not be empty is not, and what nothing is left of is dropped', () => {
  const plain = plainReport({ ...report('\u0007'), failure: undefined })
  expect(plain.notes).toEqual([])
  expect(plain.evidence[0]?.command).toBe('a command without a name')
  expect(schema.safeParse(plain).success).toBe(true)
})

test('no text becomes longer than the schema allows', () => {
  const most = report('\u0007x'.repeat(2_000))
  expect(plainReport(most).summary).toHaveLength(1_000)
  expect(plainReport(most).evidence[0]?.digest).toHaveLength(2_000)
  expect(plainReport(most).notes[0]).toHaveLength(500)
})
