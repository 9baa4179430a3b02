import { expect, test } from 'vitest'
import {
  parseSamples,
  total,
  readsOf,
  requestCounts,
  requestFamily,
  requestsBetween,
  writesOf,
  countByIdentity,
} from './requests.ts'

const text = `# HELP apiserver_request_total Counter of apiserver requests
# TYPE apiserver_request_total counter
apiserver_request_total{code="200",component="apiserver",group="guildhall.dev",resource="agenttasks",scope="resource",subresource="status",verb="PUT",version="v1alpha1"} 12
apiserver_request_total{code="409",component="apiserver",group="guildhall.dev",resource="agenttasks",scope="resource",subresource="status",verb="PUT",version="v1alpha1"} 3
apiserver_request_total{code="201",resource="events",subresource="",verb="POST"} 1e+03
apiserver_request_total{code="200",resource="leases",subresource="",verb="PUT"} 40
apiserver_request_total{code="200",resource="agenttasks",subresource="",verb="LIST"} 2
apiserver_request_total{code="200",resource="agenttasks",subresource="",verb="WATCH"} 9
apiserver_request_total{code="200",resource="",subresource="/metrics",verb="GET"} 7
apiserver_request_total_other{code="200"} 5
broken line {
`
const counts = requestCounts(parseSamples(text, new Set([requestFamily])))

test('requests are counted by verb and resource, refused ones too', () => {
  expect(counts).toEqual({
    'PUT agenttasks/status': 15,
    'POST events': 1000,
    'PUT leases': 40,
    'LIST agenttasks': 2,
    'WATCH agenttasks': 9,
  })
})

test('leases are no work for tasks, and a watch is no read', () => {
  expect(writesOf(counts)).toBe(1015)
  expect(readsOf(counts)).toBe(2)
})

test('between two readings only what grew is left', () => {
  const after = { ...counts, 'PUT agenttasks/status': 20, 'POST pods': 4 }
  expect(requestsBetween(counts, after)).toEqual({ 'PUT agenttasks/status': 5, 'POST pods': 4 })
})

test('labels may hold commas, braces and escaped quotes', () => {
  const samples = parseSamples('m{a="x,y}",b="say \\"no\\"\\n"} 1.5', new Set(['m']))
  expect(samples).toEqual([{ name: 'm', labels: { a: 'x,y}', b: 'say "no"\n' }, value: 1.5 }])
})

test('a family is summed over its labels; another one does not count', () => {
  const samples = parseSamples('m{a="1"} 2\nm{a="2"} 3\nn 10\nm_bucket 9', new Set(['m', 'n']))
  expect(total(samples, 'm')).toBe(5)
  expect(total(samples, 'absent')).toBe(0)
})

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
