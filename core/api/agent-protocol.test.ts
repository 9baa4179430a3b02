import { expect, test } from 'vitest'
import { agentTimes } from './agent-protocol.ts'

const {
  heartbeatMs,
  pingMs,
  hubSilenceMs,
  agentSilenceMs,
  lostMs,
  returnMs,
  settleMs,
  silentMs,
  lastWordsMs,
} = agentTimes
/** The longest pause of an agent before it connects again, and the most that a connection may take. */
const reconnectMs = 3_000 + 3_000

test.each([
  ['the hub tolerates two lost heartbeats', 3 * heartbeatMs, hubSilenceMs],
  ['an agent tolerates two lost pings, with time for a late third', 3 * pingMs + 1, agentSilenceMs],
  ['a heartbeat comes within the time in which a stream settles', heartbeatMs + 1, settleMs],
  ['an agent that lost its connection is back before it loses its task', reconnectMs, lostMs],
  [
    'an agent leaves a frozen leader and is back with the next before it loses its task',
    agentSilenceMs + reconnectMs,
    returnMs,
  ],
  ['a start of the operator leaves more time than a lost connection', lostMs + 1, returnMs],
  [
    'an agent loses its task before its Pod is given up, so that the task goes on elsewhere',
    hubSilenceMs + returnMs + settleMs,
    silentMs,
  ],
  ['an agent can tell the end of an attempt that it lost', hubSilenceMs + lostMs, lastWordsMs],
])('%s', (_, least, ms) => {
  expect(ms).toBeGreaterThanOrEqual(least)
})
