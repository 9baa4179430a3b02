import { expect, test } from 'vitest'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { mostPending } from '../../core/api/audit-trail.ts'
import { Server, diedBehind, operator, secondsToFlush } from '../../test/support/audit-log.ts'
import { verify } from './chain.ts'

test('every transition is recorded once, in order, and the chain verifies', async () => {
  const [server, clock] = [new Server(), new VirtualClock()]
  const one = operator(server, clock)
  await clock.advance(0)
  for (const action of ['Assigned', 'Integrating', 'Succeeded']) one.act('a', action)
  await clock.advance(secondsToFlush)
  one.act('b', 'Assigned')
  await clock.advance(secondsToFlush)
  expect(server.records).toEqual(['uid-a/1', 'uid-a/2', 'uid-a/3', 'uid-b/1'])
  expect(verify(server.lines).kind).toBe('intact')
})

test('no transition is made before a new log has a place from which to ask what was deleted', async () => {
  const [server, clock] = [new Server(), new VirtualClock()]
  server.refuse = true
  const one = operator(server, clock)
  await clock.advance(0)
  expect(() => one.act('a', 'Assigned')).toThrow('not open yet')
  server.refuse = false
  await clock.advance(secondsToFlush)
  expect(server.records).toEqual([])
  one.act('a', 'Assigned', { dies: true })
  await one.kill()
  server.remove('a')
  operator(server, clock)
  await clock.advance(secondsToFlush)
  expect(server.records).toEqual(['uid-a/1'])
})

test('what the log holds leaves the outbox with the next write', async () => {
  const [server, clock] = [new Server(), new VirtualClock()]
  const one = operator(server, clock)
  await clock.advance(0)
  one.act('a', 'Assigned')
  await clock.advance(secondsToFlush)
  const after = one.act('a', 'Succeeded')
  expect(after.status?.audit).toMatchObject({ stored: 1, pending: [{ action: 'Succeeded' }] })
  expect(one.log.holds(after)).toBe(false)
  await clock.advance(secondsToFlush)
  expect(one.log.holds(after)).toBe(true)
})

test('a process that dies right after a status write leaves its record to the next one', async () => {
  const [server, clock] = [new Server(), new VirtualClock()]
  await diedBehind(server, clock, ['a', 'Assigned'], ['a', 'Succeeded'])
  operator(server, clock)
  await clock.advance(secondsToFlush)
  expect(server.records).toEqual(['uid-a/1', 'uid-a/2'])
  expect(verify(server.lines).kind).toBe('intact')
})

test('a process that dies right after it stored a record does not make the next one repeat it', async () => {
  const [server, clock] = [new Server(), new VirtualClock()]
  const first = operator(server, clock)
  await clock.advance(0)
  first.act('a', 'Assigned')
  server.loseNext = true
  await clock.advance(2_000)
  await first.kill()
  operator(server, clock)
  await clock.advance(secondsToFlush)
  expect(server.records).toEqual(['uid-a/1'])
})

test.each(['the first', 'a later'])(
  '%s write whose answer is lost is not repeated',
  async (which) => {
    const [server, clock] = [new Server(), new VirtualClock()]
    const one = operator(server, clock)
    await clock.advance(0)
    if (which === 'a later') {
      one.act('z', 'Assigned')
      await clock.advance(secondsToFlush)
    }
    server.loseNext = true
    one.act('a', 'Assigned')
    await clock.advance(2_000)
    one.act('b', 'Assigned')
    await clock.advance(secondsToFlush)
    expect(server.records.filter((record) => record !== 'uid-z/1')).toEqual(['uid-a/1', 'uid-b/1'])
    expect(verify(server.lines).kind).toBe('intact')
  },
)

test('two leaders that overlap record each transition once between them', async () => {
  const [server, clock] = [new Server(), new VirtualClock()]
  const [old, young] = [operator(server, clock), operator(server, clock)]
  await clock.advance(0)
  old.act('a', 'Assigned')
  await clock.advance(secondsToFlush)
  young.act('b', 'Assigned')
  old.act('a', 'Retrying')
  await clock.advance(secondsToFlush)
  young.act('a', 'Assigned')
  await clock.advance(secondsToFlush)
  expect(server.records.toSorted()).toEqual(['uid-a/1', 'uid-a/2', 'uid-a/3', 'uid-b/1'])
  expect(verify(server.lines).kind).toBe('intact')
})

test('a leader whose cache lags behind the log it finds repeats nothing', async () => {
  const [server, clock] = [new Server(), new VirtualClock()]
  const first = operator(server, clock)
  await clock.advance(0)
  const early = first.act('a', 'Assigned')
  await clock.advance(secondsToFlush)
  const late = first.act('a', 'Succeeded')
  await clock.advance(secondsToFlush)
  await first.kill()
  // The second one's cache shows the first write only, and the second comes later.
  server.tasks.set('a', early)
  const second = operator(server, clock)
  await clock.advance(secondsToFlush)
  second.log.take(late)
  await clock.advance(secondsToFlush)
  expect(server.records).toEqual(['uid-a/1', 'uid-a/2'])
})

test.each([
  ['is recorded all the same', false, ['uid-z/1', 'uid-a/1']],
  ['is lost when the API server no longer tells of it', true, ['uid-z/1']],
])(
  'the last act on a task that was deleted while nobody led %s',
  async (_what, forgetful, want) => {
    const [server, clock] = [new Server(), new VirtualClock()]
    await diedBehind(server, clock, ['z', 'Assigned'], ['a', 'Assigned'])
    server.remove('a')
    server.forgetful = forgetful
    operator(server, clock)
    await clock.advance(secondsToFlush)
    expect(server.records).toEqual(want)
  },
)

test('an object that is told of again after it is gone is recorded once', async () => {
  const [server, clock] = [new Server(), new VirtualClock()]
  const one = operator(server, clock)
  await clock.advance(0)
  const written = one.act('a', 'Assigned')
  server.remove('a')
  one.seeGone('a')
  one.log.take(written)
  await clock.advance(secondsToFlush)
  expect(server.records).toEqual(['uid-a/1'])
})

test('what was written while the watch was deaf is recorded by who wrote it', async () => {
  const [server, clock] = [new Server(), new VirtualClock()]
  const one = operator(server, clock)
  await clock.advance(0)
  one.state.deaf = true
  one.act('a', 'Assigned')
  await clock.advance(secondsToFlush)
  expect(server.records).toEqual(['uid-a/1'])
})

test('a long log is not read at start, except where it may hold what an outbox shows', async () => {
  const [server, clock] = [new Server(), new VirtualClock()]
  const first = operator(server, clock)
  await clock.advance(0)
  for (let index = 0; index < 1200; index += 1) {
    first.act(`t${index}`, 'Assigned')
    if (index % 100 === 99) await clock.advance(secondsToFlush)
  }
  expect(server.maps.size).toBeGreaterThan(2)
  first.act('t5', 'Succeeded', { dies: true })
  await first.kill()
  server.reads = 0
  operator(server, clock)
  await clock.advance(secondsToFlush)
  expect(server.reads).toBe(1)
  expect(server.records).toHaveLength(1201)
  expect(new Set(server.records).size).toBe(1201)
  expect(verify(server.lines).kind).toBe('intact')
  for (const map of server.maps.values())
    expect(JSON.stringify(map).length).toBeLessThan(1024 * 1024)
})

test('a leader that slept while others filled segments finds its records behind them', async () => {
  const [server, clock] = [new Server(), new VirtualClock()]
  const old = operator(server, clock)
  await clock.advance(0)
  old.act('a', 'Assigned')
  await clock.advance(secondsToFlush)
  const young = operator(server, clock)
  await clock.advance(secondsToFlush)
  // Both take it in; the younger stores it and goes on for two segments before the older one's next turn.
  const seen = young.act('b', 'Assigned')
  for (let index = 0; index < 900; index += 1) young.act(`t${index}`, 'Assigned')
  await clock.advance(secondsToFlush)
  old.log.take(seen)
  await clock.advance(secondsToFlush)
  expect(new Set(server.records).size).toBe(server.records.length)
  expect(server.records).toHaveLength(902)
  expect(verify(server.lines).kind).toBe('intact')
})

test('while the log cannot be written an object goes on only as long as its outbox has room', async () => {
  const [server, clock] = [new Server(), new VirtualClock()]
  const one = operator(server, clock)
  await clock.advance(0)
  server.refuse = true
  for (let index = 0; index < mostPending; index += 1) one.act('a', `Step${index}`)
  expect(() => one.act('a', 'OneTooMany')).toThrow('the audit log lacks 8 records')
  server.refuse = false
  await clock.advance(secondsToFlush)
  one.act('a', 'GoesOn')
  await clock.advance(secondsToFlush)
  expect(server.records).toHaveLength(mostPending + 1)
})

test('a record that somebody spoiled does not end the log', async () => {
  const [server, clock] = [new Server(), new VirtualClock()]
  const first = operator(server, clock)
  await clock.advance(0)
  first.act('a', 'Assigned')
  await clock.advance(secondsToFlush)
  await first.kill()
  const [map] = server.maps.values()
  if (map === undefined) throw new Error('nothing was stored')
  server.maps.set(map.metadata.name, {
    ...map,
    metadata: {
      ...map.metadata,
      annotations: { 'guildhall.dev/audit-position': '{"AgentTask":7' },
    },
    data: { 'records.jsonl': 'oops\n' },
  })
  operator(server, clock)
  await clock.advance(secondsToFlush)
  expect(server.lines).toHaveLength(2)
  expect(server.lines[1]).toContain('"uid":"uid-a"')
})
