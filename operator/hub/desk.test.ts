import { expect, test } from 'vitest'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import type { HubMessage } from '../../core/api/agent-protocol.ts'
import { silentLogger } from '../../test/support/silent-logger.ts'
import { HubDesk, type HubDoors } from './desk.ts'
import { Lines } from '../presence/lines.ts'

const caller = { podUid: 'p1', agent: 'coding-1', type: 'coding' }

/** A desk whose doors lead nowhere but for what a test says. */
function desk(doors: Partial<HubDoors>) {
  const clock = new VirtualClock()
  const said: HubMessage[] = []
  const nowhere: HubDoors = {
    identify: async () => caller,
    assignmentOf: () => undefined,
    holds: () => true,
    isLeaving: () => false,
    report: async () => ({ outcome: 'fenced', message: '' }),
    ask: async () => undefined,
    log: () => undefined,
  }
  const made = new HubDesk({
    doors: { ...nowhere, ...doors },
    lines: new Lines(clock),
    log: silentLogger,
    clock,
  })
  made.connect(caller, { send: (message) => said.push(message), close: () => undefined })
  return { made, kinds: () => said.map(({ kind }) => kind) }
}

test('an agent that is to leave is told so whenever it is heard, until it is gone', () => {
  let leaving = false
  const { made, kinds } = desk({ isLeaving: () => leaving })
  made.beat(caller, {})
  expect(kinds()).toEqual(['welcome'])
  leaving = true
  made.beat(caller, {})
  expect(kinds()).toEqual(['welcome', 'drain'])
  expect(desk({ isLeaving: () => true }).kinds()).toEqual(['welcome', 'drain'])
})

test('an agent that works on what it does not hold is told to stop', () => {
  const { made, kinds } = desk({ holds: () => false })
  made.beat(caller, { task: 'a', uid: 'u', attempt: 1 })
  expect(kinds()).toEqual(['welcome', 'cancel'])
})
