/**
 * The times of the agent protocol in milliseconds, each with its meaning. Agents and hub are started apart and may be of
 * two versions, so the relations between them count more than the figures: `agent-times.test.ts` holds them.
 */
export const agentTimes = {
  /** How often an agent sends a heartbeat; the hub says so in `welcome`. */
  heartbeatMs: 4_000,
  /** How often the hub sends a ping on each stream. */
  pingMs: 4_000,
  /** An open stream without a heartbeat for this long counts as closed: the process hangs, or the node is gone. */
  hubSilenceMs: 12_000,
  /** An agent takes a stream without a line for this long for dead, and connects again. */
  agentSilenceMs: 14_000,
  /** An agent whose stream was closed for this long has lost its task. */
  lostMs: 10_000,
  /** The same after a start of the operator: agents may have to wait for the Service to follow the new leader. */
  returnMs: 30_000,
  /** A stream is this old before its agent can be expected to have said everything that it had to say. */
  settleMs: 5_000,
  /** A Pod whose stream stays closed for this long is given up. */
  silentMs: 60_000,
  /** The hub takes an attempt for one that is being reported this long after its agent tried: the API server may be away. */
  reportingMs: 60_000,
  /** An agent may still speak of an attempt that ended this long ago, because its last log lines come in batches. */
  lastWordsMs: 60_000,
} as const
