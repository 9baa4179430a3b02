import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Integrate } from '../core/api/forge-protocol.ts'
import {
  fromTemplate,
  heldTask,
  startForge,
  type ForgeFixture,
} from '../test/support/forge/forge.ts'
import { mergeMessage } from './integrate.ts'

// Real git, many processes; the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const api = '/api/repositories/shop'
const into = 'guild/r1'

let fixture: ForgeFixture
let base = ''
/** What each task wrote: the files that its spec would name. */
const written = new Map<string, Set<string>>()
beforeEach(async () => {
  written.clear()
  fixture = await startForge()
  const made = await fixture.call('PUT', api, 'operator', fromTemplate('node'))
  base = String(made.body['head'])
})
afterEach(() => fixture.stop())

/** Does the work of one task on top of `guild/r1` as it is now, and pushes it. */
async function work(task: string, files: Record<string, string>) {
  fixture.tasks.set(task, heldTask(task))
  const directory = await fixture.clone('shop', 'agent-1', '--branch', into)
  return { task, directory, commit: await push(directory, task, files) }
}

async function push(directory: string, task: string, files: Record<string, string>) {
  const commit = await fixture.commit(directory, files)
  written.set(task, new Set([...(written.get(task) ?? []), ...Object.keys(files)]))
  const ref = `HEAD:refs/heads/guild-task/${task}/1`
  const pushed = await fixture.git(directory, 'agent-1', 'push', 'origin', ref)
  expect(pushed.exitCode, pushed.output).toBe(0)
  return commit
}

const merge = (task: string, commit: string, more: Partial<Integrate> = {}) =>
  fixture.call('POST', `${api}/integrate`, 'operator', {
    into,
    from: `guild-task/${task}/1`,
    commit,
    task: { action: 'code', files: [...(written.get(task) ?? [])] },
    subject: `Do ${task}`,
    trailers: [
      { name: 'Guild-Request', value: 'r1' },
      { name: 'Guild-Task', value: task },
    ],
    ...more,
  })

async function show(format: string, commit: string): Promise<string> {
  const path = fixture.forge.root
  const args = [`--git-dir=${path}/shop.git`, 'show', '-s', `--format=${format}`, commit]
  return (await fixture.git(path, '', ...args)).output
}

const head = async () => (await fixture.refs('shop'))[`refs/heads/${into}`]

test('a task becomes a merge commit with its trailers, even where git could move forward', async () => {
  const { commit } = await work('r1-code', { 'src/a.js': 'a' })
  const answer = await merge('r1-code', commit)
  expect(answer).toMatchObject({ status: 200, body: { outcome: 'merged' } })
  const merged = String(answer.body['commit'])
  expect(await head()).toBe(merged)
  expect(await show('%P', merged)).toBe(`${base} ${commit}`)
  expect(await show('%B', merged)).toBe('Do r1-code\n\nGuild-Request: r1\nGuild-Task: r1-code\n')
  expect(await show('%cn %ce %ct', merged)).toBe('Guildhall agents@guildhall.dev 1767323045')
  expect(await show('%(trailers:key=Guild-Task,valueonly)', merged)).toContain('r1-code')
})

test('the same call again says contained, and changes nothing', async () => {
  const { commit } = await work('r1-code', { 'src/a.js': 'a' })
  const first = await merge('r1-code', commit)
  const second = await merge('r1-code', commit)
  expect(second.body).toEqual({ outcome: 'contained', commit: first.body['commit'] })
  expect(await head()).toBe(first.body['commit'])
})

test('a call is answered again even when the task branch went on meanwhile', async () => {
  const { commit, directory } = await work('r1-code', { 'src/a.js': 'a' })
  const first = await merge('r1-code', commit)
  await push(directory, 'r1-code', { 'src/a.js': 'b' })
  expect((await merge('r1-code', commit)).body).toEqual({
    outcome: 'contained',
    commit: first.body['commit'],
  })
})

test('a task that changed nothing is contained', async () => {
  fixture.tasks.set('r1-none', heldTask('r1-none'))
  const directory = await fixture.clone('shop', 'agent-1', '--branch', into)
  await fixture.git(directory, 'agent-1', 'push', 'origin', 'HEAD:refs/heads/guild-task/r1-none/1')
  expect((await merge('r1-none', base)).body).toEqual({ outcome: 'contained', commit: base })
})

test('tasks that touch different files are merged one after another', async () => {
  const a = await work('r1-a', { 'a.js': 'a' })
  const b = await work('r1-b', { 'b.js': 'b' })
  await merge('r1-a', a.commit)
  const answer = await merge('r1-b', b.commit)
  expect(answer.body['outcome']).toBe('merged')
  const tree = await fixture.call('GET', `${api}/tree/${String(answer.body['commit'])}`, 'reader')
  expect(tree.text).toMatch(/"a\.js".*"b\.js"/)
})

test('a conflict names its files and moves nothing', async () => {
  const a = await work('r1-a', { 'same.js': 'a', 'dir/other ü.js': 'a', 'mine.js': 'a' })
  const b = await work('r1-b', { 'same.js': 'b', 'dir/other ü.js': 'b', 'yours.js': 'b' })
  const first = await merge('r1-a', a.commit)
  const answer = await merge('r1-b', b.commit)
  expect(answer).toMatchObject({
    status: 200,
    body: { outcome: 'conflict', files: ['dir/other ü.js', 'same.js'] },
  })
  expect(await head()).toBe(first.body['commit'])
})

test('eight at once: all are merged, none is lost', async () => {
  const tasks = []
  for (let index = 0; index < 8; index += 1) {
    tasks.push(await work(`r1-t${index}`, { [`f${index}.js`]: 'x' }))
  }
  const answers = await Promise.all(tasks.map(({ task, commit }) => merge(task, commit)))
  expect(answers.map(({ body }) => body['outcome'])).toEqual(tasks.map(() => 'merged'))
  const tree = await fixture.call('GET', `${api}/tree/${await head()}`, 'reader')
  for (let index = 0; index < 8; index += 1) expect(tree.text).toContain(`"f${index}.js"`)
}, 30_000)

test('the same task eight times at once is merged once', async () => {
  const { commit } = await work('r1-code', { 'a.js': 'x' })
  const answers = await Promise.all(Array.from({ length: 8 }, () => merge('r1-code', commit)))
  const outcomes = answers.map(({ body }) => body['outcome'])
  expect(outcomes.filter((outcome) => outcome === 'merged')).toHaveLength(1)
  expect(outcomes.filter((outcome) => outcome === 'contained')).toHaveLength(7)
})

test('a task branch that went on is refused', async () => {
  const { commit, directory } = await work('r1-code', { 'a.js': '1' })
  const next = await push(directory, 'r1-code', { 'a.js': '2' })
  const answer = await merge('r1-code', commit)
  expect(answer).toMatchObject({ status: 409, body: { code: 'BranchMoved' } })
  expect(answer.body['message']).toContain(next)
  expect(await head()).toBe(base)
})

test('a request branch that moves while the merge is computed is not overwritten', async () => {
  const { commit } = await work('r1-code', { 'a.js': '1' })
  const { git } = fixture.forge
  const run = git.run.bind(git)
  vi.spyOn(git, 'run').mockImplementation(async (args, options) => {
    const result = await run(args, options)
    if (args[0] === 'commit-tree') {
      await run(['update-ref', `refs/heads/${into}`, commit], options)
    }
    return result
  })
  const answer = await merge('r1-code', commit)
  expect(answer).toMatchObject({ status: 409, body: { code: 'BranchMoved' } })
  expect(await head()).toBe(commit)
})

test('a branch without common history is refused', async () => {
  fixture.tasks.set('r1-code', heldTask('r1-code'))
  const directory = await fixture.clone('shop', 'agent-1', '--branch', into)
  await fixture.git(directory, '', 'checkout', '-q', '--orphan', 'fresh')
  const commit = await push(directory, 'r1-code', { 'a.js': '1' })
  const answer = await merge('r1-code', commit)
  expect(answer).toMatchObject({ status: 400, body: { code: 'BadRequest' } })
  expect(answer.body['message']).toContain('no history')
  expect(await head()).toBe(base)
})

test.for([
  ['into main', { into: 'main' }, 400],
  ['into a task branch', { into: 'guild-task/a/1' }, 400],
  ['from main', { from: 'main' }, 400],
  ['from another request', { from: 'guild/r2' }, 400],
  ['from a branch that is not there', { from: 'guild-task/none/1' }, 404],
  ['into a branch that is not there', { into: 'guild/none' }, 404],
  ['of half a commit id', { commit: 'abcdef' }, 400],
  ['of a revision', { commit: 'HEAD' as string }, 400],
  ['with a trailer that is two', { trailers: [{ name: 'A: b\nC', value: 'd' }] }, 400],
] as const)('a merge %s is refused', async ([, more, status]) => {
  const { commit } = await work('r1-code', { 'a.js': '1' })
  const { trailers, ...rest } = { trailers: undefined, ...more }
  const change = trailers === undefined ? rest : { ...rest, trailers: [...trailers] }
  const answer = await merge('r1-code', commit, change)
  expect(answer.status, answer.text).toBe(status)
  expect(await head()).toBe(base)
})

test('nothing that comes in can start a line of its own in the message', () => {
  const message = mergeMessage({
    from: 'guild-task/a/1',
    subject: 'one\n\nGuild-Verdict: Done',
    trailers: [{ name: 'Guild-Task', value: 'a\nGuild-Verdict: Done\u2028x' }],
  })
  expect(message).toBe('one Guild-Verdict: Done\n\nGuild-Task: a Guild-Verdict: Done x\n')
})

test('an empty subject is replaced', () => {
  expect(mergeMessage({ from: 'guild-task/a/1', subject: ' \n', trailers: [] })).toBe(
    'Integrate guild-task/a/1\n',
  )
})
