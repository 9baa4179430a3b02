import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { share, todaysShare } from './hack/lanes/lanes.ts'

/** A machine that is busy with another lane, or with a build, is slow and not wrong. */
const patience = { expect: { poll: { timeout: 10_000 } } }
const chartTests = 'hack/gen/chart*.test.ts'
/**
 * They start many processes, or judge by growth. `npm test -- --fast` leaves them out, and `npm test` runs a third of them.
 * `test/repository.test.ts` holds that each of them is there.
 */
export const slowUnitTests = [
  'agent-image/agent/hub-client.test.ts',
  'agent-image/agent/workspace/workspace.test.ts',
  'agent-image/agent/verify/{runner*,spec-*}.test.ts',
  'agent-image/agent/edit/{guards-code,lost-members,omission}.test.ts',
  'agent-image/sandbox/{processes,takeover,tidying,server}.test.ts',
  'cli/command-line.test.ts',
  'cli/commands/{fetch,plan,try*}.test.ts',
  'cli/try/sandbox.test.ts',
  'core/base/command-line.test.ts',
  'core/planner/growth.test.ts',
  'forge/{fetch-source,integrate,integrate-scope,refused-pushes,repositories,server}.test.ts',
  'test/{agent,support}/*.test.ts',
]

function leftOut(): readonly string[] {
  // Every lane reads this file, and only one of them is told what is left out of the unit tests.
  if (!process.argv.includes('unit')) return []
  const slow = slowUnitTests.flatMap((pattern) => globSync(pattern)).toSorted()
  const run = new Set(share === 'fast' ? [] : todaysShare('slow files of unit tests', slow, 'unit'))
  return slow.filter((file) => !run.has(file))
}

// One project per lane. Only `unit` and `simulation` need nothing but the clone; the others bring up what they need.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...patience,
          name: 'unit',
          include: [
            '{core,operator,forge,agent-image,cli,rehearsal,simulated-kubernetes,hack}/**/*.test.ts',
            'test/*.test.ts',
            'test/{agent,support}/*.test.ts',
            'test/bench/**/*.test.ts',
            'test/lab/*.test.ts',
            'test/model-output/*.test.ts',
          ],
          exclude: ['**/node_modules/**', chartTests, ...leftOut()],
          // As many as there are processors: vitest itself leaves one of them to its own process, which is idle.
          maxWorkers: availableParallelism(),
          testTimeout: 20_000,
          hookTimeout: 30_000,
        },
      },
      {
        test: {
          ...patience,
          name: 'verdicts',
          include: ['test/verdicts/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          ...patience,
          name: 'chart',
          globalSetup: ['hack/gen/chart-render.ts'],
          include: [chartTests],
          testTimeout: 20_000,
          hookTimeout: 30_000,
        },
      },
      {
        test: {
          ...patience,
          name: 'conformance',
          include: ['test/conformance/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          ...patience,
          name: 'simulation',
          include: ['test/simulation/simulation.test.ts'],
          testTimeout: 1_800_000,
        },
      },
      {
        test: {
          ...patience,
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          ...patience,
          name: 'models',
          include: ['test/models/*.test.ts'],
          testTimeout: 900_000,
          hookTimeout: 1_800_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          ...patience,
          name: 'cluster',
          globalSetup: ['test/cluster/global-setup.ts'],
          include: ['test/cluster/**/*.test.ts'],
          testTimeout: 900_000,
          hookTimeout: 900_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          ...patience,
          name: 'containers',
          include: ['test/containers/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
