import { expect, it } from 'vitest'
import { isTestPath } from './test-paths.ts'

it.each([
  'test/a.js',
  'tests/data.json',
  'src/tests/deep/helper.ts',
  'packages/a/__tests__/b.tsx',
  'src/a.test.js',
  'src/a.spec.mts',
  'src/a-test.cjs',
  'src/a_test.py',
  'tests.py',
  'shop/tests.py',
  'conftest.py',
  'test_a.py',
  'test-a.mjs',
  'spec/a_spec.rb',
  'specs/model.js',
  'pkg/a_test.go',
  'src/main/AppTest.java',
  'AppSpec.scala',
  'Test/Api.cs',
])('%s belongs to tests', (path) => {
  expect(isTestPath(path)).toBe(true)
})

it.each([
  'src/contest.js',
  'src/attest.py',
  'src/latest.ts',
  'spec/openapi.yaml',
  'specs/api.md',
  'src/spec-reader.js',
  'src/testing.js',
  'src/inspect.py',
  'docs/testing.md',
  'src/protest/index.js',
  'Manifest.java',
])('%s does not', (path) => {
  expect(isTestPath(path)).toBe(false)
})
