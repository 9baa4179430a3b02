import { expect, test } from 'vitest'
import { countByIdentity } from './audit.ts'

const event = (more: object): string =>
  JSON.stringify({
    kind: 'Event',
    level: 'Metadata',
    stage: 'ResponseComplete',
    verb: 'update',
    user: { username: 'system:serviceaccount:guildhall:guildhall-operator' },
    userAgent: 'guildhall-operator',
    objectRef: { resource: 'agenttasks', subresource: 'status', namespace: 'guildhall' },
    ...more,
  })

test('requests are counted by user and program, in the words of the counter', () => {
  const log = [
    event({}),
    event({}),
    event({ verb: 'create', objectRef: { resource: 'events' } }),
    event({
      verb: 'list',
      user: { username: 'admin' },
      userAgent: 'kubectl/v1.36.3 (linux/amd64) kubernetes/0',
      objectRef: { resource: 'pods' },
    }),
  ].join('\n')
  expect(countByIdentity(log)).toEqual({
    'system:serviceaccount:guildhall:guildhall-operator (guildhall-operator)': {
      'PUT agenttasks/status': 2,
      'POST events': 1,
    },
    'admin (kubectl)': { 'LIST pods': 1 },
  })
})

test('what is cut off, not the last stage, or about no resource is passed over', () => {
  const log = [
    event({}).slice(0, 40),
    event({ stage: 'ResponseStarted' }),
    event({ objectRef: undefined }),
    '',
  ].join('\n')
  expect(countByIdentity(log)).toEqual({})
})

test('a request without a program or a user still counts', () => {
  const log = event({ user: undefined, userAgent: undefined, verb: 'connect' })
  expect(countByIdentity(log)).toEqual({ 'unknown (unknown)': { 'CONNECT agenttasks/status': 1 } })
})
