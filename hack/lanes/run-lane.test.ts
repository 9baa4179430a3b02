import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { countOf, runToEnd, signalAll, type VitestReport } from './run-lane.ts'

const good: VitestReport = {
  numPassedTests: 2,
  numFailedTests: 0,
  numPendingTests: 1,
  testResults: [],
}

test('a runner that ends well gives the counts of its report', () => {
  expect(countOf('unit', 0, good)).toEqual({ passed: 2, failed: 0, skipped: 1, failures: [] })
})

test('a runner that fails although no test did is a failure with a name', () => {
  expect(countOf('unit', 1, good)).toMatchObject({
    failed: 1,
    failures: ['FAILED unit: no test failed, but the exit code is 1'],
  })
})

test('a test that failed is told by its file, its name and the first line of the error', () => {
  const report: VitestReport = {
    ...good,
    numFailedTests: 1,
    testResults: [
      {
        name: `${process.cwd()}/a.test.ts`,
        assertionResults: [
          { fullName: 'adds', status: 'failed', failureMessages: ['Error: 3\n  at a.ts:1'] },
          { fullName: 'takes', status: 'passed' },
        ],
      },
    ],
  }
  expect(countOf('unit', 1, report).failures).toEqual(['FAILED unit: a.test.ts > adds: Error: 3'])
})

test('a file that cannot be loaded is told by what was wrong with it', () => {
  const testResults = [
    { name: `${process.cwd()}/a.test.ts`, message: 'no b', assertionResults: [] },
  ]
  expect(countOf('unit', 1, { ...good, testResults }).failures).toEqual([
    'FAILED unit: a.test.ts > no b',
  ])
})

test('a signal reaches the programs that a lane started, too', async () => {
  const lines: string[] = []
  // The shell waits for another process; both have to go for the pipe to close.
  const ended = runToEnd({
    command: 'sh',
    args: ['-c', 'sleep 60 & echo started; wait'],
    line: (text) => lines.push(text),
  })
  while (lines.length === 0) await sleep(10)
  signalAll('SIGKILL')
  expect(await ended).not.toBe(0)
  expect(lines).toEqual(['started'])
})
