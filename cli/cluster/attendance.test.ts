import { expect, test } from 'vitest'
import { leaderLease } from '../../core/api/names.ts'
import { KubeError } from '../../core/kube/errors.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { inSamePlace } from '../terminal.ts'
import { absenceIn, tellAbsence, watchAttendance, type Absence } from './attendance.ts'
import { readRequest, type ClusterReader } from './requests.ts'

type Answer =
  | KubeError
  | { readonly holder: string; readonly agoMs: number; readonly seconds?: number }

const refused = (status: number): KubeError =>
  new KubeError({ status, reason: status === 404 ? 'NotFound' : 'Forbidden', message: 'no' })

/** A cluster with a Lease, or the lack of one, in each namespace. */
function cluster(leases: Readonly<Record<string, Answer | (() => Answer)>>, clock: VirtualClock) {
  const client = {
    get: async (_: unknown, { namespace, name }: { namespace: string; name: string }) => {
      expect(name).toBe(leaderLease)
      const told = leases[namespace] ?? refused(404)
      const lease = typeof told === 'function' ? told() : told
      if (lease instanceof KubeError) throw lease
      return {
        spec: {
          holderIdentity: lease.holder,
          leaseDurationSeconds: lease.seconds ?? 15,
          renewTime: Number.isNaN(lease.agoMs)
            ? undefined
            : new Date(clock.now() - lease.agoMs).toISOString(),
        },
      }
    },
    list: async () => ({ items: [], resourceVersion: '1' }),
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it answers for Leases only
  return client as unknown as ClusterReader
}

async function absence(namespace: string, leases: Parameters<typeof cluster>[0]) {
  const clock = new VirtualClock()
  const where = { client: cluster(leases, clock), namespace, signal: new AbortController().signal }
  const found = absenceIn(where, clock)
  await clock.advance(10_000)
  return found
}

const alive: Answer = { holder: 'guildhall-operator-x', agoMs: 4_000 }
const released: Answer = { holder: '', agoMs: 1_000, seconds: 1 }

test.each<[string, string, Parameters<typeof cluster>[0], RegExp, RegExp]>([
  [
    'there never was one',
    'guildhall',
    {},
    /^no operator works in the namespace guildhall, so nothing happens/,
    /^helm upgrade --install .* -n guildhall/,
  ],
  [
    'it works elsewhere',
    'default',
    { guildhall: alive },
    /namespace default, .* the one in guildhall works on those of guildhall only$/,
    /^kubectl delete devrequest NAME -n default .*guild submit … -n guildhall\)$/,
  ],
  [
    'it works nowhere',
    'team-a',
    {},
    /namespace team-a, so nothing happens to its requests$/,
    /-n team-a --create-namespace$/,
  ],
  [
    'it was removed a moment ago',
    'guildhall',
    { guildhall: released },
    /the last one was heard of \d+s ago/,
    /^kubectl get deployments -n guildhall/,
  ],
  [
    'it was removed long ago',
    'guildhall',
    { guildhall: { ...released, agoMs: 7_200_000 } },
    /heard of 2h00m ago/,
    /^kubectl get deployments/,
  ],
  [
    'it died without a word',
    'guildhall',
    { guildhall: { holder: 'x', agoMs: 120_000 } },
    /heard of 2m00s ago/,
    /^kubectl get deployments/,
  ],
  [
    'its Lease holds nothing',
    'guildhall',
    { guildhall: { holder: '', agoMs: Number.NaN } },
    /no operator works/,
    /^helm upgrade/,
  ],
])('nobody works on a request, and that is said: %s', async (_, namespace, leases, says, next) => {
  const found = await absence(namespace, leases)
  expect(found?.sentence).toMatch(says)
  expect(found?.next).toMatch(next)
})

test.each<[string, Parameters<typeof cluster>[0]]>([
  ['it holds a fresh Lease', { guildhall: alive }],
  ['it missed some renewals', { guildhall: { holder: 'x', agoMs: 40_000 } }],
  ["the cluster's clock is ahead", { guildhall: { holder: 'x', agoMs: -60_000 } }],
  ['Leases may not be read', { guildhall: refused(403) }],
  ['the API server does not answer', { guildhall: refused(0) }],
])('nothing is said where somebody may well work: %s', async (_, leases) => {
  expect(await absence('guildhall', leases)).toBeUndefined()
})

test('an operator that is replaced in this moment is waited for', async () => {
  const answers = [released, alive]
  expect(await absence('guildhall', { guildhall: () => answers.shift() ?? alive })).toBeUndefined()
})

test('a watch tells it once each time that it begins', async () => {
  const clock = new VirtualClock()
  let lease: Answer = alive
  const stop = new AbortController()
  const told: Absence[] = []
  const client = cluster({ guildhall: () => lease }, clock)
  const where = { client, namespace: 'guildhall', signal: stop.signal }
  const run = watchAttendance(where, clock, (one) => one && told.push(one))
  const wait = async (answer: Answer) => {
    lease = answer
    await clock.advance(60_000)
    return told.length
  }
  expect(await wait(alive)).toBe(0)
  expect(await wait({ holder: 'x', agoMs: 300_000 })).toBe(1)
  expect(await wait({ holder: 'x', agoMs: 300_000 })).toBe(1)
  expect(await wait(alive)).toBe(1)
  expect(await wait(refused(404))).toBe(2)
  stop.abort()
  await run
})

test('a request that lies in another namespace is named with it', async () => {
  const items = [{ metadata: { name: 'hello', namespace: 'default' } }]
  const client = {
    get: async () => Promise.reject(refused(404)),
    list: async (_: unknown, options: { namespace?: string }) => ({
      items: options.namespace === undefined ? items : [],
    }),
  }
  const { signal } = new AbortController()
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it answers what this test asks
  const where = { client: client as unknown as ClusterReader, namespace: 'guildhall', signal }
  const error: unknown = await readRequest(where, 'hello').catch((caught: unknown) => caught)
  expect(error).toMatchObject({
    message:
      'there is no DevRequest hello in the namespace guildhall; there is one in the namespace default',
    next: 'guild tree hello -n default',
  })
})

test.each(['default', 'team-a', 'guildhall-2'])(
  'the next command leads from %s to where an operator works, and names the request',
  async (namespace) => {
    const clock = new VirtualClock()
    const { signal } = new AbortController()
    const where = { client: cluster({ guildhall: alive }, clock), namespace, signal }
    const lines: string[] = []
    const terminal = {
      err: () => undefined,
      next: (command: string) => lines.push(inSamePlace(command, { namespace })),
    }
    await tellAbsence(where, clock, terminal, 'hello')
    expect(lines).toEqual([
      `kubectl delete devrequest hello -n ${namespace}   (then: guild submit … -n guildhall)`,
    ])
  },
)
