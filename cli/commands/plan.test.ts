// The command as people run it: a process of its own, before a server that answers from scripts.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { agentTypes } from '../../core/api/agent-types.ts'
import { loadScripts } from '../../rehearsal/script.ts'
import {
  closedEndpoint,
  startRehearsal,
  type RunningRehearsal,
} from '../../test/support/rehearsal.ts'

const root = join(import.meta.dirname, '../..')
const patience = { timeout: 60_000 }
let server: RunningRehearsal

beforeAll(async () => {
  server = await startRehearsal({ rules: await loadScripts(join(root, 'rehearsal/scripts')) })
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

interface Run {
  readonly code: number | undefined
  readonly stdout: string
  readonly stderr: string
}

/** Runs `guild plan`; nothing of the surroundings decides which server it asks or how it prints. */
async function plan(args: readonly string[], input = ''): Promise<Run> {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], NO_COLOR: '1' }
  return await new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [join(root, 'cli/main.ts'), 'plan', '--ollama', server.endpoint, ...args],
      { cwd: root, env },
      (_, stdout, stderr) => resolve({ code: child.exitCode ?? undefined, stdout, stderr }),
    )
    child.stdin?.end(input)
  })
}

const shown = z.strictObject({
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  source: z.enum(['model', 'template', 'person']),
  waves: z.array(z.array(z.string()).min(1)).min(1),
  team: z.partialRecord(z.enum(agentTypes), z.int().min(1)),
  tasks: z.array(
    z.strictObject({
      name: z.string(),
      type: z.enum(agentTypes),
      title: z.string(),
      after: z.array(z.string()),
      files: z.array(z.string()),
      doneWhen: z.string(),
    }),
  ),
  warnings: z.array(z.string()),
})

async function requestOf(example: string): Promise<string> {
  const text = await readFile(join(root, `examples/${example}.yaml`), 'utf8')
  return z.object({ spec: z.object({ request: z.string() }) }).parse(parse(text)).spec.request
}

describe('with --json', () => {
  test.each([
    ['the text of hello', async () => ['--request', await requestOf('hello')], 10],
    ['examples/users-api.yaml', async () => ['--file', 'examples/users-api.yaml'], 16],
  ])('%s gives one object on stdout, the same every time', patience, async (_, flags, want) => {
    const args = [...(await flags()), '--json']
    const [first, second] = [await plan(args), await plan(args)]
    expect([first.code, second.code]).toEqual([0, 0])
    expect(second.stdout).toBe(first.stdout)
    const made = shown.parse(JSON.parse(first.stdout))
    expect(made.source).toBe('model')
    expect(made.tasks).toHaveLength(want)
    expect(made.waves.flat().toSorted()).toEqual(made.tasks.map((task) => task.name).toSorted())
    expect(made.team.coding).toBeGreaterThan(1)
    expect(first.stderr).toContain('planning with rehearsal (scripted answers)')
    expect(first.stderr).toMatch(/the units of work: \d+ tokens, \ds/)
  })

  test(
    'an answer that cannot be used still ends in a plan, and the plan says so',
    patience,
    async () => {
      const { code, stdout } = await plan(
        ['--file', '-', '--json'],
        'Write a chess engine in Python.\n',
      )
      const made = shown.parse(JSON.parse(stdout))
      expect([code, made.source]).toEqual([0, 'template'])
      expect(made.warnings.join()).toContain('became one unit')
    },
  )
})

test(
  'for people it shows waves, team and what the model said, on a repository that is there',
  patience,
  async () => {
    const repo = await mkdtemp(join(tmpdir(), 'guild-'))
    onTestFinished(() => rm(repo, { recursive: true }))
    await writeFile(join(repo, 'lib.js'), 'export function zebra() {}\n')
    const { code, stdout } = await plan(['--file', 'examples/hello.yaml', '--repo', repo])
    expect(code).toBe(0)
    expect(stdout).toContain('units proposed by the model rehearsal (scripted answers)')
    expect(stdout).toMatch(/wave 3\n├─ coding +hello-code-slug +Write src\/slug.js\n/)
    expect(stdout).toContain('What the model said   rehearsal (scripted answers)')
    const asked = (await server.records()).map((record) => record.user)
    expect(asked.at(-1)).toContain('lib.js exports zebra')
  },
)

test('what the server refuses is told in its words', patience, async () => {
  const { code, stdout } = await plan(['--request', 'Add src/ship.js that exports fly().'])
  expect(code).toBe(0)
  const said = stdout.replaceAll(/\s+/g, ' ')
  expect(said).toMatch(/warning: The model gave no plan .*I have no script for this request/)
})

test('a server that is busy is waited for', patience, async () => {
  await server.inject({ kind: '503', match: 'src/slug.js exports slugify' })
  const { code, stdout, stderr } = await plan(['--file', 'examples/hello.yaml', '--json'])
  expect([code, shown.parse(JSON.parse(stdout)).source]).toEqual([0, 'model'])
  expect(stderr).toContain('the server was busy or broke off, asked again')
})

test('a person’s plan needs no server', patience, async () => {
  const text = [
    'apiVersion: guildhall.dev/v1alpha1',
    'kind: DevRequest',
    'metadata: {name: mine}',
    'spec:',
    '  request: Make one in JavaScript.',
    '  plan: {units: [{name: one, goal: make one, files: [src/one.js], doneWhen: it works}]}',
  ].join('\n')
  const { code, stdout, stderr } = await plan(
    ['-f', '-', '--json', '--ollama', closedEndpoint],
    text,
  )
  const made = shown.parse(JSON.parse(stdout))
  expect([code, made.source, stderr]).toEqual([0, 'person', ''])
  expect(made.tasks.map((task) => task.name)).toContain('mine-code-one')
})

test(
  'units are saved for a person to change, and planned again without a model',
  patience,
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'guild-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const file = join(folder, 'plan.yaml')
    const hello = ['--file', 'examples/hello.yaml', '--json']
    const first = await plan([...hello, '--save', file])
    expect(first.stderr).toContain(`its units are in ${file}`)
    const again = await plan([...hello, '--plan', file, '--ollama', closedEndpoint])
    expect([again.code, again.stderr]).toEqual([0, ''])
    const [made, own] = [first, again].map(({ stdout }) => shown.parse(JSON.parse(stdout)))
    expect(own?.source).toBe('person')
    expect(own?.tasks).toEqual(made?.tasks)
    await writeFile(file, (await readFile(file, 'utf8')).replaceAll('slug.js', 'other.js'))
    const changed = await plan([...hello, '--plan', file, '--ollama', closedEndpoint])
    expect(changed.stdout).toContain('src/other.js')
  },
)

test.each([
  ['nothing to plan', [], 2, /^error: plan needs either --request or --file\nnext: /],
  [
    'an unknown model',
    ['--request', 'x', '--model', 'b:7b'],
    1,
    /it holds rehearsal\nnext: ollama pull b:7b/,
  ],
  [
    'a server that is not there',
    ['--request', 'x', '--ollama', closedEndpoint],
    1,
    /ECONNREFUSED.*\nnext: ollama serve/,
  ],
  [
    'no such directory',
    ['--request', 'x', '--repo', '/no/such'],
    2,
    /^error: there is no directory \/no\/such\n/,
  ],
  [
    'a context that is no number',
    ['--request', 'x', '--context', 'big'],
    2,
    /write a whole number of tokens, as in 8192/,
  ],
])('%s is one sentence on stderr and nothing on stdout', patience, async (_, args, want, said) => {
  const { code, stdout, stderr } = await plan(args)
  expect([code, stdout]).toEqual([want, ''])
  expect(stderr).toMatch(said)
})

test('Ctrl-C ends it with 130, whatever the model is doing', patience, async () => {
  await server.inject({ kind: 'delay', ms: 30_000, match: 'interrupt me' })
  const args = ['plan', '--ollama', server.endpoint, '--request', 'interrupt me']
  const code = await new Promise((resolve) => {
    const child = execFile(process.execPath, [join(root, 'cli/main.ts'), ...args], () =>
      resolve(child.exitCode),
    )
    child.stderr?.on('data', (text) => {
      if (!child.killed && String(text).includes('what must exist')) child.kill('SIGINT')
    })
  })
  expect(code).toBe(130)
})
