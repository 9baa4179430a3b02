import { expect, test } from 'vitest'
import type { ForgeProblemCode } from '../../../core/api/forge-protocol.ts'
import { ForgeError } from '../../forge/client.ts'
import { forgeStall, sourceStall } from './stalls.ts'

const request = { name: 'hello', namespace: 'workshop' }

test.for<readonly [ForgeProblemCode | 'Unreachable', string, RegExp]>([
  [
    'BadRequest',
    'InvalidSpec',
    /^said so\. spec\.source of a DevRequest cannot change: kubectl delete devrequest -n workshop hello, then make a new one/,
  ],
  [
    'SourceUnavailable',
    'SourceUnavailable',
    /^said so\. Check spec\.source .* tried again by itself\.$/,
  ],
  ['DiskFull', 'ForgeFull', /^said so\. Make room/],
  ['Unreachable', 'ForgeUnavailable', /^said so\. Look at: kubectl logs -n workshop statefulset/],
  ['Internal', 'ForgeUnavailable', /^said so\. Look at: kubectl logs -n workshop statefulset/],
])('a repository that cannot be made by %s is told as %s', ([code, reason, want]) => {
  for (const message of ['said so', 'said so.']) {
    const stall = sourceStall(new ForgeError(code, message), request)
    expect(stall.reason).toBe(reason)
    expect(stall.message).toMatch(want)
  }
})

test('what the operator itself asks wrongly later is not a fault of the spec', () => {
  expect(forgeStall(new ForgeError('BadRequest', 'x'), 'workshop').reason).toBe('ForgeUnavailable')
})

test.for([
  'http://10.0.0.7/x.git is in a private network; add "10.0.0.7" to forge.sources.allowedHosts of the chart',
  'git.corp of spec.source.git.url is inside the cluster; set forge.sources.allowPrivate.',
  'vault.svc may not be asked. Add it to forge.sources.allowedHosts.',
])('a source that the chart may allow is not told to be made again: %s', (message) => {
  const told = sourceStall(new ForgeError('BadRequest', message), request).message
  expect(told).toMatch(/\. The DevRequest goes on by itself then\.$/)
  expect(told).not.toMatch(/unless|delete/)
})
