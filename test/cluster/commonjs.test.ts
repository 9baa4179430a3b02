// An ordinary project: CommonJS, no "type", tests of its own. It is extended by one request, and its result by another.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DevRequest } from '../../core/api/devrequest.ts'
import { agentImage, gitServer, serviceOf } from './git-server.ts'
import {
  allAgents,
  apply,
  devRequest,
  finished,
  kubectl,
  namespace,
  removeRequest,
  tasksOf,
  wordOf,
} from './lab.ts'

const ownTest = `'use strict'\r
const { test } = require('node:test')\r
const assert = require('node:assert')\r
const { slugify } = require('../src/slug.js')\r
\r
test('joins words', () => assert.equal(slugify('a b'), 'a-b'))\r
test('lowers', () => assert.equal(slugify('A'), 'a'))`
const files = {
  'package.json': '{"name":"slugs","version":"1.0.0","main":"src/slug.js"}\n',
  'src/slug.js': `'use strict'\n\nfunction slugify(text) {\n  return text.trim().toLowerCase().replace(/\\s+/g, '-')\n}\n\nmodule.exports = { slugify }\n`,
  'test/slug.test.js': ownTest,
}
const source = 'commonjs-source'
let scratch = ''

const planOf = (name: string, doneWhen: string): object => ({
  units: [{ name: 'slug', goal: `${name} in src/slug.js`, files: ['src/slug.js'], doneWhen }],
})

/** Runs a request to its end; review and documentation are left out by the limit. */
async function run(name: string, spec: Record<string, unknown>): Promise<DevRequest> {
  await removeRequest(name)
  await apply(devRequest(name, { ...spec, limits: { maxTasks: 5 } }))
  return finished(name, 240)
}

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'guildhall-commonjs-'))
  await kubectl(['delete', 'pod,service', source, '--ignore-not-found'])
  await apply(serviceOf(source))
  await apply(gitServer(source, await agentImage(), files))
}, 120_000)
afterAll(async () => {
  await rm(scratch, { recursive: true, force: true })
  await kubectl(['delete', 'pod,service', source, '--wait=false', '--ignore-not-found'])
  for (const name of ['cjs-one', 'cjs-two']) await removeRequest(name)
})

/** The delivered branch, as a person takes it home. */
async function delivered(name: string): Promise<string> {
  const directory = join(scratch, name)
  const args = ['cli/main.ts', 'fetch', name, '-n', namespace, '--directory', directory]
  await execa(process.execPath, args)
  return directory
}

test('it is extended twice in a row, and its own tests stay byte for byte as they were', async () => {
  const one = await run('cjs-one', {
    request: 'Add unslug(slug) to src/slug.js. unslug("a-b-c") is "a b c".',
    source: { git: { url: `http://${source}.${namespace}.svc:8080/app.git` } },
    plan: planOf('unslug', 'unslug("a-b-c") is "a b c"'),
  })
  expect(wordOf(one, 'Succeeded'), JSON.stringify(one.status?.conditions)).toBe('True/Succeeded')
  const two = await run('cjs-two', {
    request: 'Add initials(text) to src/slug.js. initials("ada lovelace") is "AL".',
    source: { repository: { name: one.status?.repository, ref: one.status?.branch } },
    plan: planOf('initials', 'initials("ada lovelace") is "AL"'),
  })
  expect(wordOf(two, 'Succeeded'), JSON.stringify(two.status?.conditions)).toBe('True/Succeeded')

  const tree = await delivered('cjs-two')
  expect(await readFile(join(tree, 'test/slug.test.js'), 'utf8')).toBe(ownTest)
  const { stdout } = await execa('git', ['ls-files', 'test'], { cwd: tree })
  expect(stdout.split('\n')).toHaveLength(3)
  const tests = await execa(process.execPath, ['--test'], { cwd: tree, reject: false })
  expect(tests.exitCode, tests.stdout).toBe(0)
  expect(tests.stdout).toMatch(/pass 6/)
}, 600_000)

test('no agent worked for both', async () => {
  const pods = async (name: string): Promise<readonly string[]> =>
    (await tasksOf(name)).flatMap(({ status }) => status?.assignment?.podUid ?? [])
  const [one, two] = [await pods('cjs-one'), await pods('cjs-two')]
  expect(one.length).toBeGreaterThan(0)
  expect(two.length).toBeGreaterThan(0)
  expect(one.filter((uid) => two.includes(uid))).toEqual([])
  const served = (await allAgents()).map(({ status }) => status?.servedRequest?.name)
  expect(served).not.toContain('cjs-one')
})
