// Holds that test code stays out of what is built and shipped, by asking the builds themselves
// which files they take.
import { execFileSync } from 'node:child_process'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { recipes } from '../hack/images/catalogue.ts'
import {
  code,
  type Facts,
  factsOf,
  factsOfText,
  files,
  inside,
  isOurs,
  isTest,
  read,
  root,
} from './support/sources.ts'

/** What doubles and their like are called. */
const doubles =
  'fakes?|mocks?|mocked|dummy|dummies|spy|spies|doubles?|fixtures?|testing|scripted|harness'

/**
 * Whether a path below the repository is code of tests: a test, a fixture, a scripted double, or a
 * library of tests.
 */
function isTestCode(path: string): boolean {
  // A project's template comes with tests of its own.
  if (path.includes('/templates/')) return false
  return (
    /^(?:dist\/)?(?:test|simulated-kubernetes)\//.test(path) ||
    /[._](?:test|spec)\.\w+(?:\.map)?$|(?:^|\/)__\w+__\//.test(path) ||
    new RegExp(`(?:^|[/._-])(?:${doubles})(?:[/._-]|$)`).test(path) ||
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

/** The programs that are shipped: their files are in an image, or run from a checkout. */
const shipped = code.filter(
  (file) =>
    ['core', 'operator', 'forge', 'agent-image', 'cli', 'rehearsal'].some((room) =>
      inside(file, room),
    ) && !isTest(file),
)
const manifest = JSON.parse(read('package.json')) as {
  readonly dependencies: Record<string, string>
}

/** With a small or a large first letter. */
const anyCase = doubles.replace(/\b\w/g, (first) => `[${first}${first.toUpperCase()}]`)

/** What a program takes from a package that is not there when it runs, and names of doubles that it has. */
function testCodeIn({ loads, exports }: Facts): readonly string[] {
  const development = loads
    .filter(({ how, target }) => how !== 'type' && target === undefined)
    .flatMap(({ specifier }) => specifier ?? [])
    .filter((specifier) => !specifier.startsWith('node:'))
    .filter((one) => !Object.keys(manifest.dependencies).some((name) => inside(one, name)))
  const isDouble = new RegExp(`^(?:${anyCase})(?![a-z])`)
  return [...development, ...exports.map(({ name }) => name).filter((name) => isDouble.test(name))]
}

test('no program that is shipped has code of tests, or loads a package that is there for development', () => {
  expect(shipped.filter(isTestCode)).toEqual([])
  const found = shipped.flatMap((file) => testCodeIn(factsOf(file)).map((one) => `${file}: ${one}`))
  expect(found).toEqual([])
})

test.each([
  ["import { vi } from 'vitest'", true],
  ["import { expect } from 'vitest/node'", true],
  ['const { test } = await import("fast-check")', true],
  ["export { build } from 'esbuild'", true],
  ["import 'testcontainers'", true],
  ["import type { Node } from '@babel/types'", false],
  ["import { parse } from '@babel/parser'", false],
  ["import { z } from 'zod/v4'", false],
  ['export class FakeHub {}', true],
  ['export const mockHub = 1', true],
  ['export function fixture() {}', true],
  ['export const spying = 1', false],
])('a program that writes %s has test code: %j', (text, want) => {
  expect(testCodeIn(factsOfText('operator/hub/new.ts', text)).length > 0).toBe(want)
})

test('the definitions of the kinds are in crds, and nowhere else', () => {
  const definitions = files.filter(
    (file) =>
      isOurs(file) &&
      /\.(?:ya?ml|json|tpl)$/.test(file) &&
      /^["\s{-]*kind["']?:\s*["']?CustomResourceDefinition/m.test(read(file)),
  )
  expect(definitions.length).toBeGreaterThan(3)
  expect(definitions.filter((file) => !inside(file, 'crds'))).toEqual([])
})

test('an image copies only what was staged for it', () => {
  const staged = [
    '.',
    'node_modules',
    'package.json',
    'dist',
    'node',
    'npm/node_modules/npm',
    'rootfs/',
  ]
  const copied = files
    .filter((file) => file.endsWith('Dockerfile'))
    .flatMap((file) => [...read(file).matchAll(/^\s*(?:COPY|ADD)\s+(?:--\S+\s+)*(.+)\s+\S+$/gim)])
    .flatMap(([, sources = '']) => sources.split(/\s+/))
  expect([...new Set(copied)].toSorted()).toEqual(staged.toSorted())
})

test.each([
  ['test/support/objects.ts', true],
  ['operator/hub/desk.test.ts', true],
  ['operator/audit/log-fixture.ts', true],
  ['operator/hub/fakes.ts', true],
  ['operator/hub/mock-hub.ts', true],
  ['core/models/__mocks__/gateway.ts', true],
  ['cli/show/tree.spec.ts', true],
  ['agent-image/sandbox/programs/code_test.py', true],
  ['agent-image/agent/verify/spec-stubs.ts', false],
  ['agent-image/agent/pipelines/stand-ins.ts', false],
  ['agent-image/testing/scripted-model.ts', true],
  ['simulated-kubernetes/server.ts', true],
  ['node_modules/vitest/dist/index.js', true],
  ['forge/templates/node/test/app.test.js', false],
  ['core/api/test-paths.ts', false],
  ['agent-image/agent/verify/test-run.ts', false],
])('%s is test code: %j', (path, want) => {
  expect(isTestCode(path)).toBe(want)
})
