// Where the programs meet the real world: time, chance, timers, sockets and processes come in at listed edges only.
import { expect, test } from 'vitest'
import { code, factsOf, factsOfText, inside, isTest, type Load, read } from './support/sources.ts'

/** The code of the programs; of them the operator and what it shares are run by the simulator, too. */
const sources = code.filter(
  (file) =>
    /^(?:core|operator|forge|agent-image|cli|rehearsal|simulated-kubernetes)\//.test(file) &&
    !isTest(file) &&
    // What a sandbox runs lives in the project's own process and time.
    !inside(file, 'agent-image/sandbox/programs'),
)

/**
 * Reads the time, sets a timer, throws dice or calls `fetch` without having been given the means
 * to.
 */
const bare = new RegExp(
  [
    String.raw`\bDate\.now\b`,
    String.raw`\bnew Date\(\)`,
    String.raw`\bperformance\.(?:now|timeOrigin)\b`,
    String.raw`\bhrtime\b`,
    String.raw`\bset(?:Timeout|Interval|Immediate)\b`,
    String.raw`\bAbortSignal\.timeout\b`,
    String.raw`'(?:node:)?timers(?:/promises)?'`,
    String.raw`\bmonitorEventLoopDelay\b`,
    String.raw`\bMath\.random\b`,
    String.raw`\brandom(?:UUID|Bytes|Int|FillSync)\b`,
    String.raw`\bgetRandomValues\b`,
    // Not the declaration of a method of this name, with which a line begins.
    String.raw`(?<!^\s*)(?<![\w.#])fetch\(`,
  ].join('|'),
  'm',
)

/**
 * The edges of the processes, where the real clock, timers and chance come in; each with its
 * reason.
 */
const edges: Readonly<Record<string, string>> = {
  'agent-image/agent/code/javascript/concerns.ts':
    'names what tests may not use, and uses none of it',
  'agent-image/agent/code/javascript/late-assertions.ts': 'names the timers of tests, and has none',
  'core/base/clock.ts': 'the clock, timers and chance that everybody else is given',
  'core/kube/runtime/health.ts': 'measures how late the event loop of the real process is',
  'agent-image/agent/main.ts': 'gives the agent its clock and chance',
  'agent-image/agent/timers.ts': 'the timers of the agent',
  'agent-image/agent/sandbox-client.ts': 'a number used once that a command must not guess',
  'agent-image/agent/verify/runner.ts': 'a key that a test must not guess',
  'agent-image/sandbox/exec.ts': 'bounds and times a real command',
  'agent-image/sandbox/processes.ts': 'waits for the kernel to end processes',
  'agent-image/sandbox/server.ts': 'a mark that a command must not guess',
  'cli/commands/logs.ts': 'lines since so long ago, and when a line was heard',
  'cli/commands/read.ts': 'shows ages to a person',
  'cli/commands/watch.ts': 'redraws a person’s screen',
  'cli/failure.ts': 'two interrupts of a person in quick succession',
}

/**
 * Where the operator opens sockets. The simulator replaces those to servers and to agents by its
 * own, and has neither plug-ins nor probes.
 */
const sockets: Readonly<Record<string, string>> = {
  'core/kube/transport.ts': 'to the API server',
  'core/kube/proxy.ts': 'compares addresses, and opens none',
  'core/kube/exec-plugin.ts': 'the plug-in of a kubeconfig, on people’s machines only',
  'core/models/servers/transport.ts': 'to model servers',
  'operator/hub/hub-server.ts': 'the hub’s port',
  'core/kube/runtime/health.ts': 'the port of probes and metrics',
}

test('time, chance, timers and fetch come in at the edges of the processes only', () => {
  // The rehearsal model is a server of its own: it speaks as slowly as a model does, by the real
  // clock.
  const found = sources.filter((file) => !inside(file, 'rehearsal') && bare.test(read(file)))
  expect(found.toSorted()).toEqual(Object.keys(edges).toSorted())
})

/** Whether a load is of a package by which sockets are opened or processes started. Types alone open nothing. */
const opens = ({ how, specifier = '' }: Load): boolean =>
  (how === 'import' || how === 'require') &&
  /^(?:undici|(?:node:)?(?:http|https|http2|net|tls|dgram|dns|child_process|worker_threads|cluster))(?:\/|$)/.test(
    specifier,
  )

test('the operator opens sockets and starts processes at its edges only', () => {
  const found = sources.filter(
    (file) => (inside(file, 'operator') || inside(file, 'core')) && factsOf(file).loads.some(opens),
  )
  expect(found.toSorted()).toEqual(Object.keys(sockets).toSorted())
})

test.each([
  ["import { request } from 'undici'", true],
  ['import {\n  connect,\n} from\n  "node:net"', true],
  ["const { spawn } = await import('node:child_process')", true],
  ["export { Worker } from 'node:worker_threads'", true],
  ["const q = require('dns/promises')", true],
  ["import type { Dispatcher } from 'undici'", false],
  ["import { type Socket } from 'node:net'", false],
  ["type S = import('node:tls').TLSSocket", false],
  ["import { join } from 'node:path'", false],
])('%s opens a socket or starts a process: %j', (text, want) => {
  expect(factsOfText('operator/hub/hub.ts', text).loads.some(opens)).toBe(want)
})

test.each([
  ['const at = Date.now()', true],
  ['const now = Date.now', true],
  ['new Date().toISOString()', true],
  ['new Date(clock.now()).toISOString()', false],
  ["import { setTimeout as sleep } from 'node:timers/promises'", true],
  ['AbortSignal.timeout(5)', true],
  ['AbortSignal.any([signal])', false],
  ['const answer = await fetch(url)', true],
  ['  void fetch(url)', true],
  ['  fetch(profile: ModelProfile): void', false],
  ['await this.#fetch(url)', false],
  ['servers.fetch(profile)', false],
  ['performance.now()', true],
  ['clearTimeout(timer)', false],
])('%s reaches around what it was given: %j', (line, want) => {
  expect(bare.test(line)).toBe(want)
})
