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

/** How much is run of the lanes that can be cut. The tests read it from GUILDHALL_TEST_SHARE; without it they run whole. */
export type Share = 'fast' | 'budget' | 'whole'

/** What `npm test -- --fast` runs. */
export const fastLanes = [
  'unit',
  'chart',
  'simulation',
  'conformance',
] as const satisfies readonly LaneName[]

/** Shortens lanes of `--fast` that have a setting of their own; the others read GUILDHALL_TEST_SHARE. */
export const fastEnvironment = { GUILDHALL_FIDELITY_RUNS: '100' } as const
