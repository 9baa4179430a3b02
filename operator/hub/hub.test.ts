import { expect, test } from 'vitest'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import type { HubMessage } from '../../core/api/agent-protocol.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { Hub, type HubBackend } from './hub.ts'
import { AgentStreams } from '../presence/agent-streams.ts'

const caller = { podUid: 'p1', agent: 'coding-1', type: 'coding' }

/** A hub whose backend lead nowhere but for what a test says. */
function hub(backend: Partial<HubBackend>) {
  const clock = new VirtualClock()
  const said: HubMessage[] = []
  const nowhere: HubBackend = {
    identify: async () => caller,
    assignmentOf: () => undefined,
    holds: () => true,
    isLeaving: () => false,
    report: async () => ({ outcome: 'fenced', message: '' }),
    ask: async () => undefined,
    log: () => undefined,
  }
  const made = new Hub({
    backend: { ...nowhere, ...backend },
    streams: new AgentStreams(clock),
    log: silentLogger,
    clock,
  })
  made.connect(caller, { send: (message) => said.push(message), close: () => undefined })
  return { made, kinds: () => said.map(({ kind }) => kind) }
}

test('an agent that is to leave is told so whenever it is heard, until it is gone', () => {
  let leaving = false
  const { made, kinds } = hub({ isLeaving: () => leaving })
  made.beat(caller, {})
  expect(kinds()).toEqual(['welcome'])
  leaving = true
  made.beat(caller, {})
  expect(kinds()).toEqual(['welcome', 'drain'])
  expect(hub({ isLeaving: () => true }).kinds()).toEqual(['welcome', 'drain'])
})

test('an agent that works on what it does not hold is told to stop', () => {
  const { made, kinds } = hub({ holds: () => false })
  made.beat(caller, { task: 'a', uid: 'u', attempt: 1 })
  expect(kinds()).toEqual(['welcome', 'cancel'])
})
