import { crashPointsOf, withCrash } from './crash-points.ts'
import type { RunReport } from './run.ts'
import type { Fault, Story } from './story.ts'

/** Two tasks, two agents: the smallest world in which everything can get in each other's way. */
export const smallWorld: Story = {
  seed: 1,
  replicas: 1,
  maxAgents: 2,
  requests: [
    {
      name: 'r0',
      atMs: 0,
      priority: 'normal',
      maxAttempts: 5,
      plan: [
        {
          name: 'r0-a',
          type: 'coding',
          after: [],
          onFailure: 'FailRequest',
          commits: true,
          workMs: 1_500,
          failures: 0,
          conflicts: 0,
        },
        {
          name: 'r0-b',
          type: 'testing',
          after: [],
          onFailure: 'FailRequest',
          commits: false,
          workMs: 1_500,
          failures: 0,
          conflicts: 0,
        },
      ],
    },
  ],
  faults: [],
}

const plurals = ['devrequests', 'agenttasks', 'agents', 'languagemodels', 'pods'] as const
/** The deepest stale view. */
export const deepest = 20

/** Until when deletions are tried; the work itself is long over by then. */
const lastDeletionMs = 30_000

/**
 * Every story of the small world with one crash at every side effect and, in the process that comes after it, one stale
 * view: each kind, 1 to 20 revisions behind. Nothing is sampled, unless fewer `depths` are asked for, spread over the 20.
 * Then every object deleted by a person, each half second, while the view of each kind is old.
 */
export function* everyStory(base: RunReport, count: number = deepest): Generator<Story> {
  const depths = Array.from({ length: count }, (_, index) =>
    Math.ceil(((index + 1) * deepest) / count),
  )
  for (const point of crashPointsOf(base))
    for (const plural of plurals)
      for (const revisions of depths)
        yield withCrash(smallWorld, point, [
          { kind: 'stale-start', plural, revisions } satisfies Fault,
        ])
  yield* everyDeletion()
}

function* everyDeletion(): Generator<Story> {
  for (let atMs = 500; atMs < lastDeletionMs; atMs += 500)
    for (const what of ['devrequests', 'agenttasks', 'agents', 'pods'] as const)
      for (const nth of what === 'devrequests' ? [0] : [0, 1])
        for (const plural of plurals)
          yield {
            ...smallWorld,
            faults: [
              { kind: 'stale', atMs: atMs - 100, plural, revisions: deepest / 2, forMs: 8_000 },
              { kind: 'delete', atMs, what, nth },
            ],
          }
}
