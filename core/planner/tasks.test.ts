import { expect, test } from 'vitest'
import type { Unit } from '../api/devrequest.ts'
import { expand, type ExpandOptions, teamOf, waves } from './tasks.ts'

const unit = (name: string, changes: Partial<Unit> = {}): Unit => ({
  name,
  goal: `make ${name}`,
  files: [`src/${name}.js`],
  doneWhen: `${name} works`,
  ...changes,
})
const options: ExpandOptions = {
  request: 'hello',
  documents: { title: 'Document the change', goal: 'Describe it.', files: ['README.md'] },
  security: false,
  maxTasks: 30,
}

test('independent units are worked on at the same time', () => {
  const { tasks, warnings } = expand([unit('slug'), unit('wrap')], options)
  expect(warnings).toEqual([])
  expect(waves(tasks)).toEqual([
    ['hello-branch'],
    ['hello-spec-slug', 'hello-spec-wrap'],
    ['hello-code-slug', 'hello-code-wrap'],
    ['hello-verify-slug', 'hello-verify-wrap'],
    ['hello-review'],
    ['hello-document'],
    ['hello-finish'],
  ])
  expect(teamOf(tasks, 10)).toEqual([
    { type: 'coding', count: 2 },
    { type: 'testing', count: 2 },
    { type: 'review', count: 1 },
    { type: 'documentation', count: 1 },
    { type: 'git', count: 1 },
  ])
  expect(teamOf(tasks, 1).every(({ count }) => count === 1)).toBe(true)
})

test('review and documentation may fail without failing the request', () => {
  const { tasks } = expand([unit('slug')], options)
  const lenient = tasks.filter((task) => task.onFailure === 'Continue').map((task) => task.action)
  expect(lenient).toEqual(['review', 'document'])
})

test.each([
  ['JWT authentication: signToken(claims) and more', 'Write src/slug.js: JWT authentication'],
  ['User model, with a schema', 'Write src/slug.js: User model'],
  ['make slugs', 'Write src/slug.js: make slugs'],
  ['src/slug.js exports slugify(text)', 'Write src/slug.js'],
  [`${'very '.repeat(20)}long`, 'Write src/slug.js'],
  ['\u001b[2Jclear: it', 'Write src/slug.js'],
])('a goal that begins with a name gives it to the title: %s', (goal, want) => {
  const { tasks } = expand([unit('slug', { goal })], options)
  expect(tasks.find((task) => task.action === 'code')?.title).toBe(want)
})

test('where somebody may get in, the review looks for that first', () => {
  const reviewOf = (security: boolean) =>
    expand([unit('slug')], { ...options, security }).tasks.find((task) => task.action === 'review')
  expect(reviewOf(false)?.title).toBe('Review the change')
  expect(reviewOf(true)?.title).toBe('Review the security of the change')
  expect(reviewOf(true)?.goal).toContain('where a secret could leak')
})

test.each([
  ['names the other', unit('wrap', { after: ['slug'] })],
  ['shares a file with it', unit('wrap', { files: ['src/wrap.js', 'src/slug.js'] })],
])('code waits for the verified code of an earlier unit when it %s', (_, second) => {
  const { tasks } = expand([unit('slug'), second], options)
  const code = tasks.find((task) => task.name === 'hello-code-wrap')
  expect(code?.after).toEqual(['hello-spec-wrap', 'hello-verify-slug'])
})

test.each([
  [8, 'branch spec code verify spec code verify finish', 1],
  [5, 'branch spec code verify finish', 2],
  [3, 'spec code verify', 2],
  [1, 'code', 2],
])(
  'with at most %i tasks the least needed are left out, and it says so',
  (maxTasks, want, said) => {
    const { tasks, warnings } = expand([unit('slug'), unit('wrap')], { ...options, maxTasks })
    expect(tasks.map((task) => task.action).join(' ')).toBe(want)
    expect(warnings).toHaveLength(said)
    expect(warnings.join()).toContain(`maxTasks is ${maxTasks}`)
  },
)

test('the order of tasks that wait for each other is refused', () => {
  expect(() =>
    waves([
      { name: 'a', after: ['b'] },
      { name: 'b', after: ['a'] },
    ]),
  ).toThrow('a, b')
})
