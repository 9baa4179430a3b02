// Test frameworks that a project may want and that are not there: named by what its package.json says.
import type { NodePackage } from '../project.ts'

const known = new Set([
  'vitest',
  'jest',
  'mocha',
  'jasmine',
  'ava',
  'tap',
  'uvu',
  'qunit',
  'karma',
  'cypress',
  '@playwright/test',
  '@jest/globals',
  'bun',
  'deno',
])

/** The frameworks that a package starts its tests with or depends on, the likeliest first. */
export function frameworksOf({
  scripts,
  dependencies,
}: Pick<NodePackage, 'scripts' | 'dependencies'>): readonly string[] {
  const started = (scripts['test'] ?? '').split(/[\s;&|]+/).filter((word) => known.has(word))
  return [...new Set([...started, ...dependencies.filter((name) => known.has(name))])]
}
