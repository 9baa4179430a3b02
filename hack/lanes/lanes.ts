// The lanes of `npm test`: what each needs, and beside which others it may run.

/** Lanes of one chain run one after another; the two chains run at the same time. */
export type Chain = 'computing' | 'waiting'

export interface Lane {
  /** What it needs beyond the clone; the tests themselves bring it up. */
  readonly about: string
  /**
   * `computing` lanes fill the processors. `waiting` lanes mostly wait for a server, a model or a cluster, and some judge
   * by real time, so they get the processors first and never run beside each other.
   */
  readonly chain: Chain
  /** Higher gives way to lower, as `nice` counts it. */
  readonly niceness: number
  /** What has to be built before it can start. */
  readonly needs?: 'binaries' | 'images'
}

const computing = { chain: 'computing', niceness: 5 } as const

/** In the order in which the lanes of one chain run. */
export const lanes = {
  unit: { ...computing, about: 'pure code, real git, real sockets on loopback' },
  chart: { ...computing, about: 'what helm makes of the chart' },
  verdicts: {
    ...computing,
    about:
      'whole repositories and stories of careless models through the real agent: what is Done, and what is not',
  },
  simulation: {
    ...computing,
    about: 'the whole operator in virtual time, with faults; see docs/reliability.md',
  },
  conformance: {
    about: 'a real kube-apiserver and etcd, started by the tests',
    chain: 'waiting',
    niceness: 0,
    needs: 'binaries',
  },
  faults: {
    about:
      'the real operator before a kube-apiserver that fails, and agents that die; started by the tests',
    chain: 'waiting',
    niceness: 0,
    needs: 'binaries',
  },
  cluster: {
    about: 'a real cluster with images, chart, agents and models',
    chain: 'waiting',
    niceness: 0,
    needs: 'images',
  },
  containers: {
    about: 'the images as ordinary containers; needs a container engine',
    chain: 'waiting',
    niceness: 0,
    needs: 'images',
  },
  // Its model computes on all processors and no test of it judges by time, so it gives way.
  models: {
    about:
      'planner, guild plan and rehearsal model beside the real Ollama, with a very small model',
    chain: 'waiting',
    niceness: 5,
    needs: 'images',
  },
} as const satisfies Readonly<Record<string, Lane>>

export type LaneName = keyof typeof lanes
export const laneNames = Object.keys(lanes) as readonly LaneName[]

/** How much is run of the lanes that can be cut. docs/tests.md says what is left out. */
export type Share = 'fast' | 'budget' | 'whole'

/** What `npm test -- --fast` runs. */
export const fastLanes = [
  'unit',
  'chart',
  'simulation',
  'conformance',
] as const satisfies readonly LaneName[]

/** Without `npm test`, as with `npx vitest`, everything is run. */
export const share = (process.env['GUILDHALL_TEST_SHARE'] ?? 'whole') as Share

/** A build server has the time for long lists, and what it passes must not depend on the day. */
export const isCutToday = share === 'budget' && (process.env['CI'] ?? '') === ''

/** `npm test` without the name of a lane runs one of so many parts of a long list, another one each day. */
const parts = 3

/**
 * What to run now of a long list: all of it, or of each three neighbours the one of this day (UTC).
 *
 * Prints how many, because a run that was cut must not read like a whole one.
 */
export function todaysShare<One>(what: string, all: readonly One[], lane: string): readonly One[] {
  if (!isCutToday) return all
  const day = Math.floor(Date.now() / 86_400_000)
  const part = all.filter((_, index) => index % parts === day % parts)
  console.log(`${what}: ${part.length} of ${all.length} today; all: npm test -- ${lane}`)
  return part
}
