// Things die in the middle of the work; the outcome is the same. Against the real Pods of a real cluster.
import { afterAll, expect, test } from 'vitest'
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import {
  allAgents,
  apply,
  finished,
  kubectl,
  removeRequest,
  tasksOf,
  until,
  wordOf,
} from './lab.ts'

const names = ['quiet', 'operator-killed', 'agent-killed']

afterAll(async () => {
  for (const name of names) await removeRequest(name)
})

async function start(name: string): Promise<void> {
  await removeRequest(name)
  const example = parse(await readFile('examples/hello.yaml', 'utf8')) as { metadata: object }
  await apply({ ...example, metadata: { ...example.metadata, name } })
}

/** What came of a request, without what may differ: names, commits, agents. */
async function outcomeOf(name: string): Promise<unknown> {
  const request = await finished(name, 600)
  const tasks = await tasksOf(name)
  const plain = (text: string): string => text.replaceAll(name, 'NAME')
  return {
    succeeded: wordOf(request, 'Succeeded'),
    progress: request.status?.progress,
    tasks: tasks
      .map((task) => ({
        task: plain(task.metadata.name),
        succeeded: wordOf(task, 'Succeeded'),
        verdict: task.status?.result?.verdict,
        files: task.status?.result?.files.map(plain).toSorted(),
      }))
      .toSorted((a, b) => a.task.localeCompare(b.task)),
  }
}

/** Waits until at least one coding task is held: the middle of the work. */
const midway = (name: string): Promise<string> =>
  until(
    `a coding task of ${name} to be held`,
    async () => {
      const held = (await tasksOf(name)).find(
        (task) => task.spec.action === 'code' && wordOf(task, 'Assigned') === 'True/Running',
      )
      return held?.status?.assignment?.agent
    },
    300,
  )

let quiet: unknown

test('a run that nobody disturbs', async () => {
  await start('quiet')
  quiet = await outcomeOf('quiet')
  expect(quiet).toMatchObject({ succeeded: 'True/Succeeded' })
})

test('killing the operator Pod in the middle changes nothing in the outcome', async () => {
  await start('operator-killed')
  await midway('operator-killed')
  await kubectl([
    'delete',
    'pod',
    '-l',
    'app.kubernetes.io/component=operator',
    '--grace-period=0',
    '--force',
  ])
  expect(await outcomeOf('operator-killed')).toEqual(quiet)
})

test('killing an agent Pod in the middle changes nothing in the outcome', async () => {
  await start('agent-killed')
  const agent = await midway('agent-killed')
  const pod = (await allAgents()).find((one) => one.metadata.name === agent)?.status?.podName ?? ''
  await kubectl(['delete', 'pod', pod, '--grace-period=0', '--force'])
  expect(await outcomeOf('agent-killed')).toEqual(quiet)
  const retried = (await tasksOf('agent-killed')).filter((task) => (task.status?.attempts ?? 0) > 1)
  expect(retried.map((task) => task.status?.history?.[0]?.failure?.reason)).toContain('AgentLost')
})
