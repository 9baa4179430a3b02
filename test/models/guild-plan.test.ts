// `guild plan` against the real Ollama, as a person types it.
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RealOllama, smallModel, startSmallModel } from './ollama-process.ts'

const root = join(import.meta.dirname, '../..')

let server: RealOllama
beforeAll(async () => {
  server = await startSmallModel(1)
})
afterAll(async () => server?.[Symbol.asyncDispose]())

test('prints one object with a valid plan, and leaves with 0', async () => {
  const { stdout, exitCode } = await execa(
    process.execPath,
    [
      'cli/main.ts',
      'plan',
      '--request',
      'Add src/slug.js that exports slugify(text). slugify("A B") is "a-b".',
      '--ollama',
      server.endpoint,
      '--model',
      smallModel,
      '--context',
      '2048',
      '--json',
    ],
    { cwd: root },
  )
  const plan = JSON.parse(stdout)
  expect(exitCode).toBe(0)
  expect(Object.keys(plan)).toEqual(['hash', 'source', 'waves', 'team', 'tasks', 'warnings'])
  const files = plan.tasks.flatMap((task: { files: string[] }) => task.files)
  expect(files).toContain('src/slug.js')
})

test('a model that it does not hold is named, with those it holds', async () => {
  const { stderr, exitCode } = await execa(
    process.execPath,
    ['cli/main.ts', 'plan', '--request', 'x', '--ollama', server.endpoint, '--model', 'nope:7b'],
    { cwd: root, reject: false },
  )
  expect(stderr).toMatch(/does not hold the model nope:7b; it holds smollm2:135m/)
  expect(exitCode).toBe(1)
})
