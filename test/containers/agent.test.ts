// The agent image as ordinary containers, against a real hub, gateway and forge on this machine.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Report } from '../../core/api/agent-protocol.ts'
import type { AgentTask } from '../../core/api/agent-task.ts'
import type { DevRequest } from '../../core/api/devrequest.ts'
import { apiVersion, git as gitNames, rehearsalModel, trailers } from '../../core/api/names.ts'
import { agentPod } from '../../operator/controllers/agent/pod.ts'
import { endedStatus } from '../support/objects.ts'
import { exampleAgent, exampleSettings } from './example-agent.ts'
import { announce, findEngine, loadImages } from './engine.ts'
import { type HostSide, known, startHostSide, taskFor } from './host-side.ts'
import { startRehearsalContainer, type ModelContainer } from './model-container.ts'
import { runPod, type RunningPod } from './pod.ts'

const repository = 'shop'
const specFile = 'test/wrap.test.js'
const specText = `import { test } from 'node:test'
import assert from 'node:assert/strict'
import { wrap } from '../src/wrap.js'

test('breaks text at blanks', () => {
  assert.equal(wrap('the quick brown fox', 10), 'the quick\\nbrown fox')
})

test('counts the blank between two words', () => {
  assert.equal(wrap('one two six', 6), 'one\\ntwo\\nsix')
})

test('takes several blanks for one', () => {
  assert.equal(wrap('one   two', 20), 'one two')
})

test('refuses a width that is not a whole number of at least 1', () => {
  assert.throws(() => wrap('text', 0), RangeError)
})
`
const request: DevRequest = {
  apiVersion,
  kind: 'DevRequest',
  metadata: { ...exampleAgent.metadata, name: 'text', uid: 'uid-text' },
  spec: {
    request: 'src/wrap.js exports wrap(text, width), which breaks text at blanks into lines.',
    priority: 'normal',
    limits: { maxTasks: 30, maxParallel: 10, taskTimeoutSeconds: 1800, maxAttempts: 3 },
  },
}
const engine = announce('the agent image as ordinary containers', await findEngine())

describe.skipIf(!engine.usable)('the agent image as ordinary containers', () => {
  let model: ModelContainer
  let host: HostSide
  let pod: RunningPod
  let report: Report
  let base: string

  beforeAll(async () => {
    const images = await loadImages(['agent', 'rehearsal'])
    model = await startRehearsalContainer(images.rehearsal)
    host = await startHostSide({ profile: model.profile, agent: exampleAgent })
    base = await prepareRepository(host)
    const { template, hubUrl } = exampleSettings({ image: images.agent, hubUrl: host.hubUrl })
    pod = await runPod(agentPod(exampleAgent, template, hubUrl), {
      token: known.token,
      ready: { agent: /agent begins/, sandbox: /sandbox listens/ },
    })
    const task = taskFor('text-code-wrap', {
      requestRef: { name: 'text' },
      repository,
      branch: gitNames.resultBranch('text'),
      title: 'Write src/wrap.js',
      goal: 'src/wrap.js exports wrap(text, width), which breaks text at blanks into lines',
      unit: 'wrap',
      files: ['src/wrap.js'],
      model: rehearsalModel,
    })
    report = await host.assign(task, { ...request, status: { base } }, [specTask(base)])
  })
  afterAll(async () => {
    await pod?.[Symbol.asyncDispose]()
    await host?.[Symbol.asyncDispose]()
    await model?.[Symbol.asyncDispose]()
  })

  test('take a coding task, fail its tests once, repair, and push the one branch of the task', async () => {
    expect(report).toMatchObject({ verdict: 'Done', tries: 2, files: ['src/wrap.js'] })
    expect(report.evidence.at(-1)).toMatchObject({ exitCode: 0, passed: 4, failed: 0 })
    expect(host.activities.join('\n')).toMatch(/try 1: 2 of 4 tests fail/)
    const refs = await host.forge.refs(repository)
    expect(refs[`refs/heads/${gitNames.taskBranch('text-code-wrap', 1)}`]).toBe(report.commit)
    expect(refs[`refs/heads/${gitNames.resultBranch('text')}`]).toBe(base)
  })

  test('ask the model by way of the hub alone, the second time with what failed', async () => {
    const questions = await model.questions()
    expect(questions.map(({ user }) => /^Purpose: (.*)$/m.exec(user)?.[1])).toEqual([
      'code.write',
      'code.repair',
    ])
    expect(questions[0]?.user).not.toContain('2 failed')
    expect(questions[1]?.user).toContain('counts the blank between two words')
  })

  test('deliver a commit whose tests pass in a plain clone, and that says where it comes from', async () => {
    const branch = gitNames.taskBranch('text-code-wrap', 1)
    const clone = await host.forge.clone(repository, 'reader', '--branch', branch)
    // The runner inside the runner must not think that it is a child of it.
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined, NODE_OPTIONS: '' }
    const args = ['--test', '--test-reporter=tap']
    const run = await promisify(execFile)(process.execPath, args, { cwd: clone, env })
    expect(run.stdout).toMatch(/^# pass 4$/m)
    expect(run.stdout).toMatch(/^# fail 0$/m)
    const log = await host.forge.git(clone, '', 'log', '-1', '--format=%an%n%(trailers:unfold)')
    expect(log.output.trim().split('\n')).toEqual([
      gitNames.committerName,
      `${trailers.request}: text`,
      `${trailers.task}: text-code-wrap`,
      `${trailers.agent}: otto`,
      `${trailers.model}: ${rehearsalModel}`,
      `${trailers.attempts}: 1`,
      `${trailers.verdict}: Done`,
    ])
  })

  test('leave nothing of the task behind', async () => {
    const listed = await pod.exec('agent', ['find', '/workspace', '/git', '-mindepth', '1'])
    expect(listed).toEqual({ exitCode: 0, output: '' })
    const places = ['/tmp', '/dev/shm', '/var/tmp', '/run/guildhall']
    const own = ['-mindepth', '1', '-user', '10002', '!', '-name', 'sandbox*']
    expect(await pod.exec('sandbox', ['find', ...places, ...own])).toEqual({
      exitCode: 0,
      output: '',
    })
  })

  test('run the sandbox’s server below a process 1 that a command cannot end', async () => {
    const server = (code: string) => pod.exec('sandbox', ['node', '-e', code])
    const { output } = await server(
      "console.log(require('fs').readFileSync('/proc/1/cmdline', 'utf8'))",
    )
    expect(output.split('\0').slice(3)).toEqual(
      expect.arrayContaining(['/app/sandbox-init.py', '--disable-sigusr1', '/app/sandbox.js']),
    )
    for (const signal of ['SIGTERM', 'SIGKILL', 'SIGSTOP', 'SIGUSR1'])
      expect(await server(`process.kill(1, '${signal}')`)).toMatchObject({ exitCode: 0 })
    const memory = await server("require('fs').openSync('/proc/1/mem', 'r')")
    expect(memory.output).toContain('EACCES')
    expect(await pod.output('sandbox')).not.toContain('starts again')
  })

  test('start the sandbox’s server again when a command killed it', async () => {
    const kill =
      "const fs = require('fs'); for (const n of fs.readdirSync('/proc')) if (/^\\d+$/.test(n) && n !== '1' && n !== String(process.pid)) { let c = ''; try { c = fs.readFileSync('/proc/' + n + '/cmdline', 'utf8') } catch {} if (c.includes('/app/sandbox.js')) process.kill(Number(n), 'SIGKILL') }"
    await pod.exec('sandbox', ['node', '-e', kill])
    await expect
      .poll(async () => (await pod.output('sandbox')).match(/sandbox listens/g)?.length, {
        timeout: 30_000,
      })
      .toBe(2)
  })

  test.each([
    ['agent', 10001],
    ['sandbox', 10002],
  ] as const)('run %s as user %i, without capabilities or a way to get any', async (name, uid) => {
    const { output } = await pod.exec(name, ['cat', '/proc/1/status'])
    const field = (key: string) =>
      new RegExp(`^${key}:\\s*(.*)$`, 'm').exec(output)?.[1]?.split(/\s+/)
    expect(field('Uid')).toEqual(Array(4).fill(String(uid)))
    expect(field('Gid')).toEqual(Array(4).fill('10000'))
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd'])
      expect(field(set)).toEqual(['0000000000000000'])
    expect(field('NoNewPrivs')).toEqual(['1'])
    expect(field('Seccomp')).toEqual(['2'])
  })

  test.each(['agent', 'sandbox'])(
    'give %s a root file system that cannot be written',
    async (name) => {
      const tried = await pod.exec(name, ['sh', '-c', 'echo x > /app/agent.js'])
      expect(tried.exitCode).not.toBe(0)
      const mounts = await pod.exec(name, ['sh', '-c', "grep ' / ' /proc/mounts"])
      expect(mounts.output.split(' ')[3]).toMatch(/^ro,/)
    },
  )

  test.each([
    ['the token', '/var/run/secrets/guildhall/hub/token'],
    ['the git directory', '/git'],
  ])('keep %s out of the sandbox’s reach', async (_what, path) => {
    expect((await pod.exec('agent', ['test', '-r', path])).exitCode).toBe(0)
    expect((await pod.exec('sandbox', ['test', '-e', path])).exitCode).not.toBe(0)
  })

  test('push nothing but the branch of a task that is held', async () => {
    const url = `${host.hubUrl.replace(/:\d+$/, '')}:${new URL(host.forge.url).port}/${repository}.git`
    const script = [
      'set -e; cd /tmp; rm -rf try; export HOME=/tmp GIT_TERMINAL_PROMPT=0',
      'header="http.extraHeader=Authorization: Bearer $(cat /var/run/secrets/guildhall/hub/token)"',
      `git -c "$header" clone -q --branch guild/text ${url} try; cd try`,
      'git -c user.name=x -c user.email=x@x commit -q --allow-empty -m x; set +e',
      'git -c "$header" push -q origin HEAD:refs/heads/guild/text; echo "result branch: $?"',
      'git -c "$header" push -q origin HEAD:refs/heads/guild-task/other/1; echo "other task: $?"',
    ]
    const { output } = await pod.exec('agent', ['sh', '-c', script.join('\n')])
    expect(output).toMatch(/result branch: [1-9]/)
    expect(output).toMatch(/other task: [1-9]/)
    const refs = await host.forge.refs(repository)
    expect(refs['refs/heads/guild/text']).toBe(base)
    expect(Object.keys(refs)).not.toContain('refs/heads/guild-task/other/1')
  })

  // The last: the agent is gone after it.
  test('end well when the hub has no more work', async () => {
    host.drain()
    expect(await pod.exited('agent', 30)).toBe(0)
  })
})

/** Makes a repository from the Node template whose request branch holds the spec tests. Returns the branch's commit. */
/** The spec task that ended before: its file decides. */
function specTask(merged: string): AgentTask {
  const planned = {
    action: 'spec',
    type: 'testing',
    unit: 'wrap',
    requestRef: { name: 'text' },
  } as const
  const result = {
    verdict: 'Done' as const,
    summary: 'Wrote 4 tests.',
    merged,
    files: [specFile],
    evidence: [],
    tries: 1,
    tokens: 1,
    durationSeconds: 1,
    notes: [],
    model: rehearsalModel,
  }
  return { ...taskFor('text-spec-wrap', planned), status: { ...endedStatus(true), result } }
}

async function prepareRepository({ forge }: HostSide): Promise<string> {
  const branch = gitNames.resultBranch('text')
  const body = { source: { template: { name: 'node' } }, branch, title: 'Text' }
  const made = await forge.call('PUT', `/api/repositories/${repository}`, 'operator', body)
  expect(made.status).toBe(200)
  // What the testing agent would have pushed: only a Pod that holds a task may push.
  const name = 'text-spec-wrap'
  forge.tasks.set(name, taskFor(name, { repository, branch }))
  const clone = await forge.clone(repository, 'reader', '--branch', branch)
  const commit = await forge.commit(clone, { [specFile]: specText })
  const from = gitNames.taskBranch(name, 1)
  const pushed = await forge.git(clone, known.token, 'push', 'origin', `HEAD:refs/heads/${from}`)
  expect(pushed).toMatchObject({ exitCode: 0 })
  const merged = await forge.call('POST', `/api/repositories/${repository}/integrate`, 'operator', {
    into: branch,
    from,
    commit,
    task: { action: 'spec', files: [] },
    subject: 'Specify wrap',
    trailers: [],
  })
  expect(merged.body).toMatchObject({ outcome: 'merged' })
  return String(merged.body['commit'])
}
