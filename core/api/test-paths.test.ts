import { expect, test } from 'vitest'
import { isTestPath, mayBeTest } from './test-paths.ts'

test.each([
  'test/a.js',
  'tests/data.json',
  'src/tests/deep/helper.ts',
  'packages/a/__tests__/b.tsx',
  'src/a.test.js',
  'src/a.spec.mts',
  'src/a-test.cjs',
  'src/a_test.py',
  'src/a.tests.ts',
  'a_spec.rb',
  'packages/a/spec/b.js',
  'src/test_slug.py',
  'test-slug.js',
  'src/tests.py',
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
  expect(mayBeTest(path)).toBe(false)
})

test.each([
  'src/contest.js',
  'src/contest.py',
  'latest.py',
  'src/testing.py',
  'src/manifest.js',
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
  expect(mayBeTest(path)).toBe(false)
})

test.each([
  'src/count-tests.js',
  'count_tests.py',
  'lib/run-tests.mjs',
  'lib/test-utils.js',
  'test_data.py',
  'src/test-case-parser.ts',
  'src/spec.js',
  'spec.py',
  'src/openapi-spec.ts',
  'src/specs/loader.js',
  'src/specs.js',
])('%s may be code as well', (path) => {
  expect(isTestPath(path)).toBe(false)
  expect(mayBeTest(path)).toBe(true)
})
