import { expect, test } from 'vitest'
import type { ForgeProblemCode } from '../../api/forge-protocol.ts'
import { ForgeError } from '../../forge-client.ts'
import { forgeStall, sourceStall } from './stalls.ts'

test.for<readonly [ForgeProblemCode | 'Unreachable', string, RegExp]>([
  ['BadRequest', 'InvalidSpec', /^said so\. spec\.source of a DevRequest cannot change: delete it/],
  [
    'SourceUnavailable',
    'SourceUnavailable',
    /^said so\. Check spec\.source .* tried again by itself$/,
  ],
  ['DiskFull', 'ForgeFull', /^said so\. Make room/],
  ['Unreachable', 'ForgeUnavailable', /^said so\. Look at: kubectl logs/],
  ['Internal', 'ForgeUnavailable', /^said so\. Look at: kubectl logs/],
])('a repository that cannot be made by %s is told as %s', ([code, reason, want]) => {
  for (const message of ['said so', 'said so.']) {
    const stall = sourceStall(new ForgeError(code, message))
    expect(stall.reason).toBe(reason)
    expect(stall.message).toMatch(want)
  }
})

test('what the operator itself asks wrongly later is no fault of the spec', () => {
  expect(forgeStall(new ForgeError('BadRequest', 'x')).reason).toBe('ForgeUnavailable')
})
