// The lane `simulation`: what `npm run simulate` does, as tests. Figures are printed; none of them
// is a timed assertion.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { storyOf } from './generate.ts'
import { keptStories } from './failed-stories.ts'
import { run } from './run.ts'
import { share } from '../../hack/lanes/lanes.ts'
import { bugs, breakSource } from './seeded-bugs/bugs.ts'
import type { Story } from './story.ts'

const isFast = share === 'fast'
if (isFast)
  console.warn('skipped with --fast: crash points, the small world, 1,000 requests, seeded bugs')
const seedArguments = {
  fast: ['--seeds', '2000', '--seconds', '30'],
  budget: ['--seeds', '2000', '--seconds', '60'],
  whole: ['--seeds', '2000'],
}[share]
/** Fewer seeds than these do not show each kind of fault. */
const fewestSeeds = share === 'whole' ? 2_000 : 100

const root = join(import.meta.dirname, '../..')

/** The part of the output of `--json` that is checked. */
interface Figures {
  readonly runs: number
  readonly failed: number
  readonly broken: Readonly<Record<string, number>>
  readonly seconds: number
  readonly runsPerSecond: number
  readonly injected: Readonly<Record<string, number>>
  readonly crashPoints: {
    readonly wanted: number
    readonly reached: number
    readonly percent: number
    readonly missing: readonly string[]
  }
}

async function simulate(...args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['test/simulation/main.ts', ...args],
      { cwd: root, maxBuffer: 64 * 1024 * 1024 },
    )
    return stdout
  } catch (error) {
    // The exit code is 1 when a promise was broken: the output says which.
    const { stdout } = error as { readonly stdout?: string }
    if (stdout?.startsWith('{') === true || stdout?.startsWith('[') === true) return stdout
    throw error
  }
}

async function figuresOf(...args: readonly string[]): Promise<Figures> {
  const figures = JSON.parse(await simulate(...args, '--json')) as Figures
  console.log(`simulate ${args.join(' ')}: ${figures.runs} runs in ${figures.seconds} s`)
  return figures
}

/** So many requests at once, of one short task each. */
function crowd(count: number): Story {
  const task = { onFailure: 'FailRequest', commits: false, failures: 0, conflicts: 0 } as const
  return {
    seed: 1,
    replicas: 1,
    maxAgents: 20,
    requests: Array.from({ length: count }, (_, index) => ({
      name: `r${index}`,
      atMs: 0,
      priority: index % 2 === 0 ? 'normal' : 'high',
      maxAttempts: 5,
      plan: [
        {
          ...task,
          name: `r${index}-a`,
          type: index % 3 === 0 ? 'testing' : 'coding',
          after: [],
          workMs: 200,
        },
      ],
    })),
    faults: [{ kind: 'kill', atMs: 30_000, restartMs: 2_000 }],
  }
}

describe('a run', () => {
  test('depends on its story alone', async () => {
    for (const seed of [7, 10, 22]) {
      const [one, other] = [await run(storyOf(seed)), await run(storyOf(seed))]
      expect(other.sites).toEqual(one.sites)
      expect(other.commits).toBe(one.commits)
      expect(other.elapsedMs).toBe(one.elapsedMs)
    }
  })
})

describe('every promise holds', () => {
  test('over 2,000 seeds, or as many as the time allows', async () => {
    const figures = await figuresOf(...seedArguments)
    expect(figures.runs).toBeGreaterThanOrEqual(fewestSeeds)
    expect(figures.broken).toEqual({})
    expect(figures.failed).toBe(0)
    // Each kind of fault struck; a generator that lost one would make the rest look better than it
    // is.
    expect(Object.keys(figures.injected).toSorted()).toEqual([
      'agent',
      'clock',
      'compact',
      'crash',
      'cut',
      'delete',
      'down',
      'events',
      'forge',
      'hide',
      'kill',
      'late',
      'lose',
      'model',
      'pause',
      'pods',
      'rate',
      'refuse',
      'silence',
      'stale',
      'terminate',
    ])
  })

  test.skipIf(isFast)('with a crash before and after every side effect', async () => {
    const figures = await figuresOf('--crash-points')
    const { wanted, reached, percent } = figures.crashPoints
    console.log(`crash points reached: ${reached} of ${wanted} (${percent} %)`)
    expect(figures.failed).toBe(0)
    expect(figures.crashPoints.missing).toEqual([])
    expect(figures.runs).toBe(wanted)
  })

  // All 20 depths by hand: they take five minutes.
  test.skipIf(isFast)(
    'in the small world, with every crash and stale views of every kind',
    async () => {
      const figures = await figuresOf('--exhaustive', '--depths', share === 'whole' ? '5' : '1')
      expect(figures.runs).toBeGreaterThan(share === 'whole' ? 1_000 : 500)
      expect(figures.failed).toBe(0)
    },
  )

  test.skipIf(isFast)(
    'with 1,000 requests at once, and an operator that is killed over them',
    async () => {
      const { violations } = await run(crowd(1_000))
      expect(violations).toEqual([])
    },
  )

  test.each(Object.entries(keptStories()))('in %s, which broke one once', async (_, story) => {
    expect((await run(story)).violations).toEqual([])
  })
})

describe('the net catches fish', () => {
  test('has at least 20 seeded bugs, each of which still fits the product', () => {
    expect(bugs.length).toBeGreaterThanOrEqual(20)
    for (const { edits } of bugs)
      for (const edit of edits)
        expect(() => breakSource(readFileSync(join(root, edit.file), 'utf8'), edit)).not.toThrow()
  })

  test.skipIf(isFast)('finds every seeded bug', async () => {
    const catches = JSON.parse(await simulate('--bugs', '--seeds', '600', '--json')) as readonly {
      readonly bug: string
      readonly invariant?: string
    }[]
    console.log(
      catches.map(({ bug, invariant }) => `${bug}: ${invariant ?? 'NOT FOUND'}`).join('\n'),
    )
    expect(catches.filter(({ invariant }) => invariant === undefined)).toEqual([])
    expect(catches.length).toBe(bugs.length)
  })
})
