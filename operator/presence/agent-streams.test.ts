import { expect, test } from 'vitest'
import type { HubMessage } from '../../core/api/agent-protocol.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { AgentStreams } from './agent-streams.ts'

function set() {
  const clock = new VirtualClock()
  const streams = new AgentStreams(clock)
  const changed: string[] = []
  streams.onChange((agent) => changed.push(agent))
  const open = (podUid: string) => {
    const sent: HubMessage[] = []
    const state = { closed: false }
    const end = streams.open({
      podUid,
      agent: `agent-${podUid}`,
      send: (message) => sent.push(message),
      close: () => {
        state.closed = true
      },
    })
    return { sent, state, end }
  }
  return { clock, streams, changed, open }
}

test('a message reaches the Pod whose stream is open, and nobody else', () => {
  const { streams, open } = set()
  const one = open('p1')
  expect(streams.send('p1', { kind: 'drain' })).toBe(true)
  expect(streams.send('p2', { kind: 'drain' })).toBe(false)
  expect(one.sent).toEqual([{ kind: 'drain' }])
})

test('a second stream of a Pod replaces the first, whose end then changes nothing', () => {
  const { streams, open } = set()
  const first = open('p1')
  const second = open('p1')
  expect(first.state.closed).toBe(true)
  first.end()
  expect(streams.of('p1').open).toBe(true)
  second.end()
  expect(streams.of('p1').open).toBe(false)
})

test('an open stream without heartbeats counts as closed since the last one', async () => {
  const { clock, streams, open } = set()
  open('p1')
  streams.beat('p1', 'agent-p1', { activity: 'cloning' })
  const heardAt = clock.now()
  await clock.advance(13_000)
  expect(streams.of('p1')).toMatchObject({ open: false, since: heardAt })
})

test('listeners hear of news only', () => {
  const { streams, changed, open } = set()
  open('p1')
  streams.beat('p1', 'agent-p1', { activity: 'cloning' })
  streams.beat('p1', 'agent-p1', { activity: 'cloning' })
  streams.beat('p1', 'agent-p1', { activity: 'testing' })
  expect(changed).toHaveLength(3)
})

test('a Pod never heard of counts as closed since the hub started', async () => {
  const { clock, streams } = set()
  const startedAt = clock.now()
  await clock.advance(5_000)
  expect(streams.of('p9')).toMatchObject({ open: false, since: startedAt })
})

test('a replica that followed for long gives agents time from when its hub began', async () => {
  const { clock, streams } = set()
  await clock.advance(3_600_000)
  streams.begin()
  expect(streams.of('p9')).toMatchObject({ open: false, known: false, since: clock.now() })
})

test('listeners hear of an agent that speaks again after a silence', async () => {
  const { clock, streams, changed, open } = set()
  open('p1')
  streams.beat('p1', 'agent-p1', { activity: 'cloning' })
  await clock.advance(13_000)
  streams.beat('p1', 'agent-p1', { activity: 'cloning' })
  expect(streams.of('p1').open).toBe(true)
  expect(changed).toHaveLength(3)
})
