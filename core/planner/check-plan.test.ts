import { expect, test } from 'vitest'
import type { Plan, PlannedTask } from '../api/devrequest.ts'
import { pathRule } from '../api/schema.ts'
import { planProblems } from './check-plan.ts'
import { planHash } from './tasks.ts'

const task = (name: string, after: readonly string[] = [], changes: Partial<PlannedTask> = {}) =>
  ({
    name,
    type: 'coding',
    action: 'code',
    title: `Write ${name}`,
    goal: `make ${name}`,
    doneWhen: 'it works',
    files: [`src/${name}.js`],
    after: [...after],
    onFailure: 'FailRequest',
    ...changes,
  }) satisfies PlannedTask

function planOf(tasks: PlannedTask[], waves: string[][], changes: Partial<Plan> = {}): Plan {
  return {
    hash: planHash(tasks),
    revision: 1,
    source: 'model',
    waves,
    team: [{ type: 'coding', count: 1 }],
    tasks,
    warnings: [],
    attempts: 1,
    ...changes,
  }
}
const limits = { maxTasks: 3, maxParallel: 2 }
const good = [task('a'), task('b', ['a'])]

test('a plan that can be carried out has no problem', () => {
  expect(planProblems(planOf(good, [['a'], ['b']]), limits)).toEqual([])
})

test.each([
  ['nothing to do', planOf([], []), ['it has no task']],
  [
    'a field that the API refuses',
    planOf([task('a', [], { title: '' })], [['a']]),
    [expect.stringContaining('tasks.0.title: ')],
  ],
  ['one task twice', planOf([task('a'), task('a')], [['a']]), ['two tasks have the same name']],
  [
    'a task that waits for nobody',
    planOf([task('a', ['x'])], [['a']]),
    ['a waits for x, which is not a task of the plan'],
  ],
  [
    'tasks that wait for each other',
    planOf([task('a', ['b']), task('b', ['a'])], [['a'], ['b']]),
    ['a waits for b, which comes no earlier'],
  ],
  [
    'a task that waits for one of its own wave',
    planOf(good, [['a', 'b']]),
    ['b waits for a, which comes no earlier'],
  ],
  ['a task in no wave', planOf(good, [['a']]), ['its waves do not hold every task once']],
  [
    'a task in two waves',
    planOf([task('a')], [['a'], ['a']]),
    ['its waves do not hold every task once'],
  ],
  ['an empty wave', planOf(good, [['a'], [], ['b']]), ['one of its waves is empty']],
  [
    'too many tasks',
    planOf(
      ['a', 'b', 'c', 'd'].map((name) => task(name)),
      [['a', 'b', 'c', 'd']],
    ),
    ['it has 4 tasks, and maxTasks is 3'],
  ],
  [
    'a file inside .git',
    planOf([task('a', [], { files: ['.git/hooks/pre-commit'] })], [['a']]),
    [`tasks.0.files.0: ${pathRule}`],
  ],
  [
    'work for the wrong agent',
    planOf([task('a', [], { action: 'review' })], [['a']]),
    ['a asks a coding agent to review'],
  ],
  [
    'a team that lacks somebody',
    planOf(good, [['a'], ['b']], { team: [] }),
    ['nobody in its team is a coding agent'],
  ],
  [
    'a team that is too large',
    planOf(good, [['a'], ['b']], { team: [{ type: 'coding', count: 3 }] }),
    ['its team has 3 coding agents, and maxParallel is 2'],
  ],
  [
    'the hash of other tasks',
    planOf(good, [['a'], ['b']], { hash: planHash([task('a')]) }),
    ['its hash is not that of its tasks'],
  ],
])('%s is found', (_, plan, want) => {
  expect(planProblems(plan, limits)).toEqual(want)
})
