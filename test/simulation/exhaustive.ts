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

/**
 * Every story of the small world with one crash at every side effect and, in the process that comes after it, one stale
 * view: each kind, 1 to 20 revisions behind. Nothing is sampled, unless fewer `depths` are asked for, spread over the 20.
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
}
