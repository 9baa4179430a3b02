// Holds that test code stays out of what is built and shipped, by asking the builds themselves
// which files they take.
import { execFileSync } from 'node:child_process'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { recipes } from '../hack/images/catalogue.ts'

const root = join(import.meta.dirname, '..')

/**
 * Whether a path below the repository is code of tests: a test, a fixture, a scripted double, or a
 * library of tests.
 */
function isTestCode(path: string): boolean {
  // A project's template comes with tests of its own.
  if (path.includes('/templates/')) return false
  return (
    /^(?:dist\/)?(?:test|simulated-kubernetes)\//.test(path) ||
    /\.test\.\w+(?:\.map)?$/.test(path) ||
    /(?:^|[/-])(?:fixtures?|testing|scripted)(?:[/.-]|$)/.test(path) ||
    /node_modules\/(?:@?vitest|fast-check|testcontainers|@testcontainers)\//.test(path)
  )
}

/** The sources that the compiler reads for `npm run build`, its own libraries left out. */
function compiledSources(): readonly string[] {
  const tsc = join(root, 'node_modules/.bin/tsc')
  const listed = execFileSync(tsc, ['-p', 'tsconfig.build.json', '--listFilesOnly'], { cwd: root })
  return listed
    .toString()
    .trim()
    .split('\n')
    .map((path) => relative(root, path))
    .filter((path) => !path.includes('node_modules/'))
}

/** Every file of an image's build context, and every source that a bundle in it was made from. */
async function carriedBy(image: keyof typeof recipes): Promise<readonly string[]> {
  const inputs = await recipes[image].inputs()
  const sources = inputs
    .filter(({ name }) => name.endsWith('.js.map'))
    .flatMap(({ content }) => {
      const map = JSON.parse(Buffer.from(content).toString()) as { readonly sources: string[] }
      // A map names its sources from the folder `bundle` in the root of the repository.
      return map.sources.map((path) => path.replace(/^\.\.\//, ''))
    })
  return [...inputs.map(({ name }) => name), ...sources]
}

test('nothing that npm run build compiles into dist/ is test code', () => {
  const sources = compiledSources()
  expect(sources).toContain('operator/main.ts')
  expect(sources.filter(isTestCode)).toEqual([])
})

test.each([
  ['operator', 'operator/main.ts'],
  ['agent', 'agent-image/agent/main.ts'],
  ['rehearsal', 'rehearsal/main.ts'],
] as const)('the image %s carries %s and no test code', async (image, program) => {
  const carried = await carriedBy(image)
  expect(carried).toContain(program)
  expect(carried.filter(isTestCode)).toEqual([])
})

test.each([
  ['test/support/objects.ts', true],
  ['operator/hub/desk.test.ts', true],
  ['operator/audit/log-fixture.ts', true],
  ['agent-image/testing/scripted-model.ts', true],
  ['simulated-kubernetes/server.ts', true],
  ['node_modules/vitest/dist/index.js', true],
  ['forge/templates/node/test/app.test.js', false],
  ['core/api/test-paths.ts', false],
  ['agent-image/agent/verify/test-run.ts', false],
])('%s is test code: %j', (path, want) => {
  expect(isTestCode(path)).toBe(want)
})
