import type { RunReport } from './run.ts'
import type { Fault, RequestPlan, Story, TaskPlan } from './story.ts'
import type { CrashPoint } from './world/process.ts'

const task = (name: string, more: Partial<TaskPlan> = {}): TaskPlan => ({
  name,
  type: 'coding',
  after: [],
  onFailure: 'FailRequest',
  commits: true,
  workMs: 1_500,
  failures: 0,
  conflicts: 0,
  ...more,
})

const request = (plan: RequestPlan['plan'], more: Partial<RequestPlan> = {}): RequestPlan => ({
  name: 'r0',
  atMs: 0,
  priority: 'normal',
  plan,
  maxAttempts: 5,
  ...more,
})

const story = (requests: readonly RequestPlan[], more: Partial<Story> = {}): Story => ({
  seed: 1,
  replicas: 1,
  maxAgents: 3,
  requests,
  faults: [],
  ...more,
})

/**
 * Stories that together go through every side effect of the operator. Each is run once as it is,
 * which lists its side effects, and then once for each of them with a crash before and once with a
 * crash after.
 */
export const scenes: Readonly<Record<string, Story>> = {
  'two tasks in a row, merged': story([
    request([task('r0-a'), task('r0-b', { type: 'review', after: ['r0-a'], commits: false })]),
  ]),
  'a plan of the model': story([request('model')]),
  'a unit that fails and is planned again': story([request('revised', { maxAttempts: 2 })]),
  'a plan that a person changes': story([request('edited')]),
  'failing, colliding, given up and skipped': story([
    request([
      task('r0-a', { failures: 1 }),
      task('r0-b', { conflicts: 1 }),
      task('r0-c', { failures: 9, onFailure: 'Continue', commits: false }),
      task('r0-d', { failures: 9, commits: false, type: 'testing' }),
      task('r0-e', { after: ['r0-d'] }),
    ]),
  ]),
  'more types than agents, removed after a while': story(
    [
      request(
        [
          task('r0-a'),
          task('r0-b', { type: 'testing', commits: false }),
          task('r0-c', { type: 'review', commits: false }),
        ],
        { ttlSeconds: 10 },
      ),
    ],
    { maxAgents: 1 },
  ),
  // The second has to take the place of the first, whose second task comes back for it.
  'two requests and one place': story(
    [
      request([
        task('r0-a', { workMs: 500 }),
        task('r0-b', { type: 'testing', after: ['r0-a'], commits: false }),
      ]),
      request([task('r1-a', { commits: false })], { name: 'r1', atMs: 1_000 }),
    ],
    { maxAgents: 1 },
  ),
  'a request that is made anew under its name': story(
    [
      request([task('r0-a', { workMs: 2_000 })]),
      request([task('r0-a', { workMs: 2_000 })], { atMs: 9_000 }),
    ],
    { faults: [{ kind: 'delete', atMs: 5_000, what: 'devrequests', nth: 0 }] },
  ),
  'agents die and hang': story([request([task('r0-a', { workMs: 6_000 }), task('r0-b')])], {
    faults: [
      { kind: 'agent', atMs: 5_000, does: 'die', forMs: 0 },
      { kind: 'agent', atMs: 5_500, does: 'hang', forMs: 0 },
    ],
  }),
  'agents lie and say everything twice': story(
    [
      request([
        task('r0-a', { workMs: 4_000 }),
        task('r0-b', { type: 'testing', workMs: 7_000, failures: 1 }),
        task('r0-c', { type: 'testing', workMs: 3_000, failures: 1 }),
        task('r0-d', { after: ['r0-a'], commits: false }),
      ]),
    ],
    {
      maxAgents: 4,
      faults: [
        { kind: 'agent', atMs: 3_000, does: 'lie', forMs: 0 },
        { kind: 'agent', atMs: 7_500, does: 'lie', forMs: 0 },
        { kind: 'agent', atMs: 9_000, does: 'twice', forMs: 0 },
      ],
    },
  ),
  'Pods that fail, then run': story([request([task('r0-a')])], {
    faults: [{ kind: 'pods', atMs: 0, forMs: 6_000, does: 'fail' }],
  }),
  'deleted by people': story([request([task('r0-a', { workMs: 8_000 }), task('r0-b')])], {
    faults: [
      { kind: 'delete', atMs: 5_000, what: 'agents', nth: 0 },
      { kind: 'delete', atMs: 9_000, what: 'agenttasks', nth: 0 },
      { kind: 'delete', atMs: 15_000, what: 'devrequests', nth: 0 },
    ],
  }),
  'forge and model away, then back': story([request([task('r0-a')])], {
    faults: [
      { kind: 'forge', atMs: 0, forMs: 4_000, does: 'down' },
      { kind: 'model', atMs: 0, forMs: 9_000 },
    ],
  }),
  // No event mends a write that was refused here: only the repetition does.
  'an API server that refuses for a while': story(
    [request([task('r0-a'), task('r0-b', { after: ['r0-a'], commits: false })])],
    {
      faults: [
        {
          kind: 'refuse',
          atMs: 3_500,
          forMs: 4_000,
          status: 500,
          share: 1,
          target: 'devrequests',
        },
        { kind: 'refuse', atMs: 9_000, forMs: 4_000, status: 403, share: 1, target: 'agents' },
      ],
    },
  ),
  'two replicas': story([request([task('r0-a'), task('r0-b')])], { replicas: 2 }),
}

/** The story with one more crash. */
export function withCrash(base: Story, point: CrashPoint, more: readonly Fault[] = []): Story {
  const crash: Fault = { kind: 'crash', point, restartMs: 1_000 }
  return { ...base, faults: [...base.faults, crash, ...more] }
}

/** Every place where the process of a run could have died last. */
export function crashPointsOf(report: RunReport): readonly CrashPoint[] {
  return report.sites.flatMap((_site, effect) => [
    { effect, when: 'before' as const },
    { effect, when: 'after' as const },
  ])
}

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
 * Every story of the small world with one crash at every side effect and, in the process that comes
 * after it, one stale view: each kind, 1 to 20 revisions behind. Nothing is sampled, unless fewer
 * `depths` are asked for, spread over the 20.
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
