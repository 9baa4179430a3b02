import type { Random } from '../../core/base/clock.ts'
import { seededRandom } from '../support/virtual-clock.ts'
import type { Fault, RequestPlan, Story, TaskPlan } from './story.ts'

const plurals = ['devrequests', 'agenttasks', 'agents', 'languagemodels', 'pods'] as const
const types = ['coding', 'testing', 'review', 'git'] as const

/**
 * The story of a seed: small enough to be run in tens of milliseconds, different enough to meet
 * every corner.
 */
export function storyOf(seed: number): Story {
  const random = seededRandom(seed)
  const replicas = chance(random, 0.25) ? 2 : 1
  const requests = times(1 + pick(random, 3), (index) => requestPlan(random, index))
  return {
    seed,
    replicas,
    maxAgents: 2 + pick(random, 4),
    requests,
    // One seed in sixteen has no faults: then everything has to succeed.
    faults: chance(random, 1 / 16) ? [] : times(1 + pick(random, 5), () => fault(random)),
  }
}

function requestPlan(random: Random, index: number): RequestPlan {
  return {
    name: `r${index}`,
    atMs: pick(random, 6) * 2_000,
    priority: choose(random, ['critical', 'high', 'normal', 'low']),
    plan: chance(random, 0.15)
      ? choose(random, ['model', 'model', 'revised', 'edited'])
      : taskPlans(random, index),
    maxAttempts: 5,
    ...(chance(random, 0.2) ? { ttlSeconds: 10 + pick(random, 60) } : {}),
  }
}

function taskPlans(random: Random, request: number): readonly TaskPlan[] {
  const name = (index: number) => `r${request}-t${index}`
  return times(1 + pick(random, 4), (index) => ({
    name: name(index),
    type: choose(random, types),
    after: times(index, name).filter(() => chance(random, 0.5)),
    onFailure: chance(random, 0.2) ? 'Continue' : 'FailRequest',
    commits: chance(random, 0.6),
    workMs: 200 + pick(random, 6_000),
    failures: chance(random, 0.08) ? 9 : chance(random, 0.2) ? 1 : 0,
    conflicts: chance(random, 0.1) ? 1 : 0,
  }))
}

const makers: readonly ((random: Random, atMs: number) => Fault)[] = [
  (random, _atMs) => ({
    kind: 'crash',
    point: { effect: pick(random, 90), when: chance(random, 0.5) ? 'before' : 'after' },
    restartMs: 500 + pick(random, 5_000),
  }),
  (random, atMs) => ({ kind: 'kill', atMs, restartMs: 500 + pick(random, 20_000) }),
  (random, atMs) => ({ kind: 'terminate', atMs, restartMs: 500 + pick(random, 5_000) }),
  (random, atMs) => ({ kind: 'pause', atMs, forMs: 1_000 + pick(random, 40_000) }),
  (random, atMs) => ({
    kind: 'clock',
    atMs,
    byMs: choose(random, [-3_600_000, 3_600_000, -5_000]),
  }),
  (random, atMs) => ({
    kind: 'refuse',
    atMs,
    forMs: 1_000 + pick(random, 20_000),
    status: choose(random, [409, 429, 500, 503, 403, 504]),
    share: choose(random, [0.1, 0.3, 1]),
    ...(chance(random, 0.5) ? { target: choose(random, plurals) } : {}),
  }),
  (random, atMs) => ({
    kind: 'lose',
    atMs,
    forMs: 1_000 + pick(random, 15_000),
    share: choose(random, [0.2, 0.5, 1]),
    reset: chance(random, 0.7),
  }),
  (random, atMs) => ({
    kind: 'late',
    atMs,
    forMs: 500 + pick(random, 5_000),
    share: choose(random, [0.2, 0.5]),
    byMs: choose(random, [500, 2_000, 4_000]),
  }),
  (random, atMs) => ({ kind: 'down', atMs, forMs: 500 + pick(random, 30_000) }),
  (random, atMs) => ({
    kind: 'stale',
    atMs,
    plural: choose(random, plurals),
    revisions: 1 + pick(random, 20),
    forMs: 500 + pick(random, 15_000),
  }),
  (random, atMs) => ({
    kind: 'hide',
    atMs,
    plural: choose(random, plurals),
    forMs: 500 + pick(random, 10_000),
  }),
  (random, atMs) => ({ kind: 'cut', atMs, plural: choose(random, plurals) }),
  (random, atMs) => ({ kind: 'silence', atMs, plural: choose(random, plurals) }),
  (_random, atMs) => ({ kind: 'compact', atMs }),
  (random, atMs) => ({
    kind: 'agent',
    atMs,
    does: choose(random, ['die', 'hang', 'partition', 'lie', 'twice']),
    forMs: 1_000 + pick(random, 60_000),
  }),
  (random, atMs) => ({
    kind: 'pods',
    atMs,
    forMs: 1_000 + pick(random, 20_000),
    does: choose(random, ['fail', 'wait', 'quota', 'webhook']),
  }),
  (random, atMs) => ({
    kind: 'forge',
    atMs,
    forMs: 1_000 + pick(random, 15_000),
    does: choose(random, ['down', 'lose']),
  }),
  (random, atMs) => ({ kind: 'model', atMs, forMs: 1_000 + pick(random, 20_000) }),
  (random, atMs) => ({
    kind: 'delete',
    atMs,
    what: choose(random, ['agents', 'agents', 'pods', 'agenttasks', 'devrequests']),
    nth: pick(random, 4),
  }),
  (random, atMs) => ({ kind: 'rate', atMs, by: choose(random, [1.2, 1 / 1.2]) }),
  (random, atMs) => ({
    kind: 'events',
    atMs,
    plural: choose(random, plurals),
    forMs: 1_000 + pick(random, 30_000),
    does: choose(random, ['repeat', 'drop']),
  }),
]

/** Most faults strike in the first minute: that is when there is work. */
function fault(random: Random): Fault {
  return choose(random, makers)(random, 500 + pick(random, 60_000))
}

/** A whole number in [0, below). */
function pick(random: Random, below: number): number {
  return Math.floor(random.next() * below)
}

function chance(random: Random, share: number): boolean {
  return random.next() < share
}

function choose<T>(random: Random, from: readonly T[]): T {
  const chosen = from[pick(random, from.length)]
  if (chosen === undefined) throw new RangeError('nothing to choose from')
  return chosen
}

function times<T>(count: number, make: (index: number) => T): readonly T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}
