import { expect, test } from 'vitest'
import type { DevRequestStatus } from '../api/devrequest.ts'
import type { Condition } from '../api/schema.ts'
import { type WaitingReason, waitingReasons } from '../api/waiting-reasons.ts'
import { condition, exampleRequest } from '../../test/support/example-objects.ts'
import { nextCommandOf, waitingReasonOf, waitingText, waitsForPerson } from './request.ts'

const summary = (reason: string, message = ''): Condition =>
  condition('Succeeded', 'Unknown', reason, message)
const stalled = (reason: string): Condition => condition('Stalled', 'True', reason, 'delete it')

test.each<[WaitingReason, string, boolean, string, string]>([
  [
    'Resume',
    'spec.suspend=false',
    true,
    'a person has to let it go on: guild resume hello',
    'resume',
  ],
  ['Correction', 'a person', true, 'a person has to correct it: spec.limits is a text', 'tree'],
  ['Model', 'the model server', false, 'the model server', 'watch'],
  ['Forge', 'room on the forge', false, 'room on the forge', 'watch'],
  ['Source', 'the source repository', false, 'the source repository', 'watch'],
  ['Agent', 'approval of an agent', false, 'approval of an agent', 'watch'],
  ['Retry', 'a pause', false, 'a pause', 'watch'],
])('%s is told with who is waited for and the next command', (reason, said, person, text, next) => {
  const request = exampleRequest({
    conditions: [summary('Running', 'spec.limits is a text')],
    waitingReason: reason,
    waitingFor: said,
  })
  expect(waitingReasonOf(request)).toBe(reason)
  expect(waitsForPerson(request)).toBe(person)
  expect(waitingText(request)).toBe(text)
  expect(nextCommandOf(request)).toBe(`guild ${next} hello`)
})

test('a stall is told in its own line, and not twice', () => {
  const request = exampleRequest({
    conditions: [summary('Pending', 'delete it'), stalled('Pending')],
    waitingReason: 'Correction',
    waitingFor: 'a person',
  })
  expect(waitingText(request)).toBe('a person')
})

test.each<[string, DevRequestStatus, WaitingReason | undefined]>([
  [
    'is suspended',
    { conditions: [summary('Suspended')], waitingFor: 'spec.suspend=false' },
    'Resume',
  ],
  ['has a wrong spec', { conditions: [summary('InvalidSpec')] }, 'Correction'],
  [
    'meets a name that is taken',
    { conditions: [summary('Pending'), stalled('Pending')] },
    'Correction',
  ],
  ['lacks a model', { conditions: [summary('ModelMissing'), stalled('ModelMissing')] }, 'Model'],
  ['lacks its server', { conditions: [stalled('ModelUnavailable')] }, 'Model'],
  ['lacks the forge', { conditions: [stalled('ForgeUnavailable')] }, 'Forge'],
  ['lacks room', { conditions: [stalled('ForgeFull')] }, 'Forge'],
  ['lacks its source', { conditions: [stalled('SourceUnavailable')] }, 'Source'],
  [
    'runs',
    { conditions: [summary('Running')], waitingFor: 'a coding agent is being started' },
    undefined,
  ],
  ['was not looked at', {}, undefined],
  [
    'has ended',
    { conditions: [condition('Finished', 'True', 'Succeeded')], waitingReason: 'Resume' },
    undefined,
  ],
  [
    'is invalid since',
    { conditions: [stalled('InvalidObject')], waitingReason: 'Agent' },
    'Correction',
  ],
])('a request that %s waits for that, whoever wrote its status', (_what, status, want) => {
  expect(waitingReasonOf(exampleRequest(status))).toBe(want)
  expect(waitsForPerson(exampleRequest(status))).toBe(want === 'Resume' || want === 'Correction')
})

test('every reason says what ends the wait', () => {
  for (const end of Object.values(waitingReasons)) expect(end).toMatch(/^(a|an|the) \w/)
})
