// The demo must be true: the scripted plan is a good plan, the scripted tests run, the wrong answer
// fails, the repair passes.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { refuse } from '../agent-image/agent/edit/guards.ts'
import { symbolsOf } from '../agent-image/agent/prompt-layout.ts'
import { proseProblem } from '../agent-image/agent/pipelines/document.ts'
import { specProblems } from '../agent-image/agent/verify/spec-gate.ts'
import { devRequestSpec } from '../core/api/devrequest.ts'
import { extractBlocks } from '../core/models/answers/blocks.ts'
import { createGateway } from '../core/models/gateway.ts'
import { modelProfile } from '../core/models/profile.ts'
import { makePlan } from '../core/planner/plan.ts'
import { systemClock, systemRandom } from '../core/base/clock.ts'
import { noScript } from './answer.ts'
import { createScripts, loadScripts } from './script.ts'
import { rehearsalName } from './server.ts'
import { startRehearsal } from '../test/support/rehearsal.ts'

const rules = await loadScripts(join(import.meta.dirname, 'scripts'))
const { spec } = await example('hello')

async function example(name: string) {
  const text = await readFile(join(import.meta.dirname, `../examples/${name}.yaml`), 'utf8')
  const object = z.object({ metadata: z.object({ name: z.string() }), spec: z.unknown() })
  const { metadata, spec: raw } = object.parse(parse(text))
  return { request: metadata.name, spec: devRequestSpec.parse(raw) }
}

/** The operator's gateway to a server that holds the rehearsal model. */
function gatewayTo(endpoint: string) {
  const profile = modelProfile.parse({ name: rehearsalName, endpoint })
  return {
    profile,
    gateway: createGateway({ profile: () => profile, clock: systemClock, random: systemRandom }),
  }
}

/** Plans an example with the rehearsal model, in a repository fresh from the template. */
async function planOf(name: string) {
  await using server = await startRehearsal({ rules })
  const { gateway, profile } = gatewayTo(server.endpoint)
  const facts = {
    files: ['.gitignore', 'README.md', 'package.json'],
    truncated: false,
    language: 'node',
    languageAssumed: false,
    manifest: 'package.json: name hello, ES modules, test: node --test',
    readme: '# hello',
    symbols: [],
  } as const
  return await makePlan({ ...(await example(name)), profile, facts, call: gateway.call }, {})
}

describe('the plan', () => {
  test('of hello has two units that are worked on at the same time, and nothing to warn of', async () => {
    const { plan, transcript } = await planOf('hello')
    expect(transcript.map((entry) => [entry.purpose, entry.outcome])).toEqual([
      ['plan.notes', 'used'],
      ['plan.units', 'used'],
    ])
    expect(plan).toMatchObject({ source: 'model', model: rehearsalName, warnings: [] })
    expect(plan.waves.map((wave) => wave.length)).toEqual([1, 2, 2, 2, 1, 1, 1])
    expect(plan.waves[2]).toEqual(['hello-code-slug', 'hello-code-wrap'])
    expect(plan.team.find((line) => line.type === 'coding')?.count).toBe(2)
  })

  test('of the users API has four units, three at the same time and the endpoints after all of them', async () => {
    const { plan } = await planOf('users-api')
    expect(plan.warnings).toEqual([])
    expect(plan.waves.map((wave) => wave.length)).toEqual([1, 4, 3, 3, 1, 1, 1, 1, 1])
    const endpoints = plan.tasks.find((task) => task.name === 'users-api-code-server')
    expect(endpoints?.after).toEqual([
      'users-api-spec-server',
      ...['users', 'passwords', 'tokens'].map((unit) => `users-api-verify-${unit}`),
    ])
    const titles = plan.tasks
      .filter((task) => ['coding', 'review', 'documentation'].includes(task.type))
      .map((task) => task.title)
    expect(titles).toEqual([
      'Write src/users.js: User model and schema',
      'Write src/passwords.js: Password hashing',
      'Write src/tokens.js: JWT authentication',
      'Write src/server.js: REST endpoints',
      'Review the security of the change',
      'Document the API',
    ])
    expect(plan.team).toEqual([
      { type: 'coding', count: 3 },
      { type: 'testing', count: 4 },
      { type: 'review', count: 1 },
      { type: 'documentation', count: 1 },
      { type: 'git', count: 1 },
    ])
  })
})

/** Asks the scripts as an agent would; the layout is that of agent-image/agent/prompt-layout.ts. */
function ask(question: {
  readonly unit?: string
  readonly purpose: string
  readonly file?: string
  readonly failed?: string | undefined
  readonly diff?: string
}): string {
  const { unit = 'all', purpose, file = 'x', failed, diff } = question
  const user = [
    `## Request\n${spec.request}`,
    `## Unit\nUnit: ${unit}\nTask: code`,
    `## File\nFile: ${file}\nPurpose: ${purpose}`,
    ...(diff === undefined ? [] : [`## Diff\n${diff}`]),
    ...(failed === undefined ? [] : [`## What failed\n${failed}`]),
  ].join('\n\n')
  const answer = createScripts(rules).answer({ system: 'You write one file.', user })
  if (answer === undefined) throw new Error(`there is no answer for ${unit} ${purpose}`)
  return answer
}

describe('the work', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hello-'))
    await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  })
  afterAll(async () => {
    await rm(folder, { recursive: true })
  })

  async function write(unit: string, purpose: string, failed?: string): Promise<void> {
    const [block] = extractBlocks(ask({ unit, purpose, failed }))
    if (block?.path === undefined) throw new Error(`no file for ${unit} ${purpose}`)
    await mkdir(dirname(join(folder, block.path)), { recursive: true })
    await writeFile(join(folder, block.path), `${block.text}\n`)
  }

  async function runTests(unit: string): Promise<{ pass: number; fail: number }> {
    const args = ['--test', '--test-reporter=tap', `test/${unit}.test.js`]
    // The runner inside the runner must not think that it is a child of it.
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined, NODE_OPTIONS: '' }
    const run = promisify(execFile)(process.execPath, args, { cwd: folder, env })
    const { stdout } = await run.catch((error: { readonly stdout: string }) => error)
    const count = (word: string) => Number(new RegExp(`^# ${word} (\\d+)`, 'm').exec(stdout)?.[1])
    return { pass: count('pass'), fail: count('fail') }
  }

  test('on slug is right at once', async () => {
    await write('slug', 'spec.write')
    expect(await runTests('slug')).toEqual({ pass: 0, fail: 1 })
    await write('slug', 'code.write')
    expect(await runTests('slug')).toEqual({ pass: 5, fail: 0 })
  })

  test('on wrap fails two tests first, and passes after the repair', async () => {
    await write('wrap', 'spec.write')
    expect(await runTests('wrap')).toEqual({ pass: 0, fail: 1 })
    await write('wrap', 'code.write')
    expect(await runTests('wrap')).toEqual({ pass: 4, fail: 2 })
    await write('wrap', 'code.repair', '- test/wrap.test.js: counts the blank')
    expect(await runTests('wrap')).toEqual({ pass: 6, fail: 0 })
  })
})

test('the review quotes a line of the repaired file, word for word, and has nothing on the other', () => {
  const text =
    extractBlocks(ask({ unit: 'wrap', purpose: 'code.repair', failed: 'x' }))[0]?.text ?? ''
  const diff = text.replace(/^/gm, '+')
  const question = { purpose: 'review.findings', file: 'src/wrap.js', diff }
  const finding = z
    .object({ a_quote: z.string(), d_severity: z.string() })
    .parse(JSON.parse(ask(question)))
  expect(text.split('\n').map((line) => line.trim())).toContain(finding.a_quote)
  expect(finding.d_severity).toBe('low')
  expect(ask({ ...question, file: 'src/slug.js', diff: '+export function slugify' })).toContain(
    'none',
  )
})

test('what is written passes the checks of the agents', () => {
  const specText = extractBlocks(ask({ unit: 'wrap', purpose: 'spec.write' }))[0]?.text ?? ''
  expect(specProblems('test/wrap.test.js', specText)).toEqual([])
  const files = ['src/slug.js', 'src/wrap.js'].map((path) => {
    const unit = path.includes('slug') ? 'slug' : 'wrap'
    const text = extractBlocks(ask({ unit, purpose: 'code.repair', failed: 'x' }))[0]?.text ?? ''
    const rules = {
      path,
      text,
      before: undefined,
      allowed: [path],
      requested: '',
      mayShrink: false,
    }
    expect(refuse(rules)).toBeUndefined()
    return { path, symbols: symbolsOf(path, text) }
  })
  const prose = extractBlocks(ask({ purpose: 'document.write', file: 'README.md' }))[0]
  expect(prose?.path).toBe('README.md')
  const project = {
    files: ['README.md', 'src/slug.js', 'src/wrap.js'],
    scripts: { test: 'node --test' },
  }
  expect(proseProblem(prose?.text ?? '', files, project)).toBeUndefined()
})

describe('a request without a script is refused in words that say so', () => {
  const question = { system: 'You write one file.', user: '## Request\nBuild src/ship.js.\n' }

  test('by way of the gateway, after one question', async () => {
    await using server = await startRehearsal({ rules })
    const { gateway } = gatewayTo(server.endpoint)
    const asked = gateway.call({
      model: rehearsalName,
      request: 'other',
      priority: 'normal',
      verb: 'write',
      purpose: 'code.write',
      system: question.system,
      sections: [{ title: 'Request', text: 'Build a space ship in src/ship.js.', must: true }],
      instruction: 'One block.',
      temperature: 0,
      seed: 1,
      maxTokens: 500,
    })
    await expect(asked).rejects.toMatchObject({
      code: 'QuestionRefused',
      retryable: false,
      message: expect.stringMatching(/I am the rehearsal model.*connect a real model/) as string,
    })
    expect((await server.recorded()).records).toMatchObject([
      { answered: 'no script', status: 400 },
    ])
  })

  test.each([
    ['/api/chat', { messages: [{ role: 'user', content: question.user }] }],
    ['/api/chat', { messages: [{ role: 'user', content: question.user }], stream: false }],
    ['/api/chat', { messages: [{ role: 'user', content: question.user }], format: 'json' }],
    ['/api/generate', { system: question.system, prompt: question.user }],
  ])('by %s, %o', async (path, body) => {
    await using server = await startRehearsal({ rules })
    const response = await fetch(server.endpoint + path, {
      method: 'POST',
      body: JSON.stringify({ model: rehearsalName, ...body }),
    })
    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error: noScript })
  })
})
