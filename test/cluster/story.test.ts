// The example of the README, on the real cluster, from `kubectl apply` to a plain `git clone` of what was delivered.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { trailers } from '../../core/api/names.ts'
import type { AgentTask } from '../../core/api/agent-task.ts'
import type { DevRequest } from '../../core/api/devrequest.ts'
import { cleanEnvironment } from '../../hack/demo/story-step.ts'
import {
  allAgents,
  apply,
  finished,
  guild,
  kubectl,
  namespace,
  removeRequest,
  tasksOf,
  until,
  watching,
  wordOf,
} from './lab.ts'

const name = 'story'
let scratch = ''
let request: DevRequest
let tasks: readonly AgentTask[]
/** What three terminals with `kubectl get … --watch` showed while it ran. */
const screens = ['devrequests', 'agenttasks', 'agents.guildhall.dev'].map(watching)
/** Most agents that were there at once, and tasks that were held at once. */
let mostAgents = 0
let mostHeld = 0
/** What `agents-registry.json` held at any time. */
const registry: unknown[] = []

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'guildhall-story-'))
  await removeRequest(name)
  const example = parse(await readFile('examples/hello.yaml', 'utf8')) as {
    metadata: { name: string }
  }
  await apply({ ...example, metadata: { ...example.metadata, name } })
  await until(
    'the story to end',
    async () => {
      const data = await kubectl([
        'get',
        'configmap',
        'guildhall-registry',
        '-o',
        'jsonpath={.data.agents-registry\\.json}',
      ])
      registry.push(...(JSON.parse(data) as unknown[]))
      mostAgents = Math.max(mostAgents, (await allAgents()).length)
      const held = (await tasksOf(name)).filter(
        (task) => wordOf(task, 'Assigned') === 'True/Running',
      )
      mostHeld = Math.max(mostHeld, held.length)
      const word = await kubectl([
        'get',
        'devrequest',
        name,
        '-o',
        'jsonpath={.status.completionTime}',
      ])
      return word !== ''
    },
    600,
  )
  await Promise.all(screens.map((screen) => screen.stop()))
  request = await finished(name, 10)
  tasks = await tasksOf(name)
  await execa(process.execPath, [
    'cli/main.ts',
    'fetch',
    name,
    '-n',
    namespace,
    '--directory',
    join(scratch, 'delivered'),
  ])
})

afterAll(async () => {
  await rm(scratch, { recursive: true, force: true })
})

const git = async (...args: string[]): Promise<string> =>
  (await execa('git', args, { cwd: join(scratch, 'delivered') })).stdout

test('the request ends with success and says so in every place', () => {
  expect(wordOf(request, 'Succeeded')).toBe('True/Succeeded')
  expect(wordOf(request, 'Finished')).toBe('True/Succeeded')
  expect(wordOf(request, 'Delivered')).toBe('True/Succeeded')
  expect(request.status).toMatchObject({ branch: `guild/${name}`, model: 'rehearsal' })
  expect(request.status?.progress).toBe(`${tasks.length}/${tasks.length}`)
})

test('two coding units were planned by the model and ran at the same time on two agents', () => {
  const code = tasks.filter((task) => task.spec.action === 'code')
  expect(code).toHaveLength(2)
  expect(request.status?.plan?.source).toBe('model')
  expect(new Set(code.map((task) => task.status?.assignment?.agent)).size).toBe(2)
  expect(mostHeld).toBeGreaterThanOrEqual(2)
})

test('one unit failed its tests first and passed after a repair', () => {
  const tries = tasks
    .filter((task) => task.spec.action === 'code')
    .map((task) => task.status?.result?.tries ?? 0)
  expect(tries.toSorted((a, b) => a - b)).toEqual([1, 2])
})

test('never more agents than allowed', () => {
  expect(mostAgents).toBeGreaterThan(2)
  expect(mostAgents).toBeLessThanOrEqual(10)
})

test('the delivered tree passes its own tests in a plain clone', async () => {
  const run = await execa(process.execPath, ['--test', '--test-reporter=tap'], {
    cwd: join(scratch, 'delivered'),
    env: cleanEnvironment(process.env),
    extendEnv: false,
    reject: false,
  })
  expect(run.stdout).toMatch(/^# pass [1-9]\d*$/m)
  expect(run.stdout).toMatch(/^# fail 0$/m)
  expect(run.exitCode).toBe(0)
})

test('every commit of an agent carries the trailers', async () => {
  const log = await git(
    'log',
    '--format=%H%x00%(trailers:only,unfold)%x01',
    `${request.status?.base}..HEAD`,
  )
  const commits = log
    .split('\x01')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
  expect(commits.length).toBeGreaterThanOrEqual(5)
  for (const commit of commits)
    for (const trailer of Object.values(trailers)) expect(commit).toContain(`${trailer}: `)
})

test('kubectl reads well at every stage', () => {
  const all = screens.flatMap(({ lines }) => lines).join('\n')
  for (const word of [
    'STATUS',
    'PROGRESS',
    'WAITING-FOR',
    'Planning',
    'Running',
    'Waiting',
    'Integrating',
    'busy',
    'rehearsal',
  ])
    expect(all).toContain(word)
})

test('kubectl explain teaches', async () => {
  const text = await kubectl(['explain', 'devrequest.spec'])
  expect(text).toContain('What you want, in plain language')
})

test('the tree names the model as rehearsal and ends with every task done', async () => {
  const tree = await guild('tree', name, '--no-color')
  expect(tree.split('\n').slice(0, 3).join(' ')).toContain('rehearsal')
  expect(tree).toContain('2 tries')
})

test('the audit holds a record of every transition, in one unbroken chain', async () => {
  const maps = JSON.parse(
    await kubectl(['get', 'configmaps', '-l', 'app.kubernetes.io/component=audit', '-o', 'json']),
  ) as { items: { metadata: { name: string }; data: Record<string, string> }[] }
  const { verify } = await import('../../operator/audit/chain.ts')
  const lines = maps.items
    .toSorted((a, b) => a.metadata.name.localeCompare(b.metadata.name))
    .flatMap((map) => (map.data['records.jsonl'] ?? '').split('\n'))
    .filter((line) => line !== '')
  expect(verify(lines)).toMatchObject({ kind: 'intact' })
  for (const task of tasks) {
    const actions = lines
      .map((line) => JSON.parse(line) as { uid: string; action: string })
      .filter((record) => record.uid === task.metadata.uid)
      .map((record) => record.action)
    expect(actions).toEqual(expect.arrayContaining(['Assigned', 'Succeeded']))
  }
})

test('the registry listed the agents for people who have kubectl alone', () => {
  expect(registry).toContainEqual(
    expect.objectContaining({ type: 'coding', performance: expect.anything() as unknown }),
  )
})

test('what agents said is in the operator’s log, by task', async () => {
  const text = await guild('logs', name, '--no-color')
  expect(text).toMatch(/story-code-/)
})

test('agents go with their request', async () => {
  await until('every agent to go', async () => (await allAgents()).length === 0, 120)
})
