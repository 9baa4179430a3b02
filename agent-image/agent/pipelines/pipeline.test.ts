import { describe, expect, test } from 'vitest'
import { type TestRun, unloadedIn, wholeFile } from '../verify/test-run.ts'
import { countsOf } from './pipeline.ts'

const fail = (id: string): TestRun['failed'][number] => {
  const [file = '', name = wholeFile] = id.split(' > ')
  return { file, name, message: 'no', derived: false }
}
function run(
  passed: readonly string[],
  failed: readonly string[],
  more: Partial<Pick<TestRun, 'skipped' | 'unrun'>> = {},
) {
  const tests = failed.filter((id) => id.includes(' > '))
  return { passed, failed: failed.map(fail), collected: [...passed, ...tests], ...more }
}

describe('a file that could not be loaded is told apart from tests', () => {
  test.each<[string, ReturnType<typeof run>]>([
    ['there are no tests', run([], [])],
    ['1 test passes', run(['a > x'], [])],
    ['2 tests pass', run(['a > x', 'a > y'], [])],
    ['1 of 1 test fails', run([], ['a > x'])],
    ['1 of 2 tests fails', run(['a > y'], ['a > x'])],
    ['2 of 3 tests fail', run(['a > z'], ['a > x', 'a > y'])],
    ['1 file could not be loaded', run([], ['a'])],
    ['2 files could not be loaded', run([], ['a', 'b'])],
    ['2 tests pass, 1 file could not be loaded', run(['a > x', 'a > y'], ['b'])],
    ['1 of 2 tests fails, 1 file could not be loaded', run(['a > x'], ['a > y', 'b'])],
    ['1 file could not be loaded, 1 skipped', run([], ['b'], { skipped: ['a > x'] })],
    ['no test was run, 1 skipped', run([], [], { skipped: ['a > x'] })],
    // It was loaded, and something failed besides its tests.
    ['1 of 3 tests fails', run(['a > x', 'a > y'], ['a'])],
  ])('%s', (want, given) => {
    expect(countsOf(given)).toBe(want)
  })

  test('a file whose name begins like another one is another one', () => {
    expect(unloadedIn(run(['a.test.js > x'], ['a']))).toEqual(['a'])
  })
})
