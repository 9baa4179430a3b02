// Bad input and broken surroundings: a sentence that names the cause and the remedy, and the work goes on by itself.
import { afterAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { smallModel } from '../../hack/demo/planning-call-step.ts'
import { conditionOf } from '../../core/api/condition-list.ts'
import {
  apply,
  devRequest,
  finished,
  getRequest,
  kubectl,
  lateModel,
  namespace,
  removeRequest,
  tasksOf,
  tryKubectl,
  until,
  wordOf,
} from './lab.ts'
import { agentImage, gitServer, serviceOf } from './git-server.ts'

const made = new Set<string>()
afterAll(async () => {
  for (const name of made) await removeRequest(name)
})

async function ask(name: string, spec: Record<string, unknown>): Promise<void> {
  made.add(name)
  await removeRequest(name)
  await apply(devRequest(name, spec))
}

const stalled = (name: string, reason: string): Promise<string> =>
  until(
    `${name} to stall with ${reason}`,
    async () => {
      const condition = conditionOf(await getRequest(name), 'Stalled')
      return condition?.status === 'True' && condition.reason === reason
        ? condition.message
        : undefined
    },
    120,
  )

const node = { template: { name: 'node' } }

const refused: readonly [string, Record<string, unknown>, RegExp][] = [
  ['no request text', { source: node }, /spec\.request: Required value/],
  ['an empty request', { request: '', source: node }, /spec\.request.*at least 1 chars/],
  [
    'two sources',
    { request: 'x', source: { ...node, repository: { name: 'a' } } },
    /exactly one of template, repository, git/,
  ],
  ['no source in source', { request: 'x', source: {} }, /exactly one of template, repository, git/],
  [
    'an unknown priority',
    { request: 'x', priority: 'asap' },
    /priority: Unsupported value: "asap"/,
  ],
  [
    'too many agents',
    { request: 'x', limits: { maxParallel: 11 } },
    /maxParallel.*less than or equal to 10/,
  ],
]
test.each(refused)('the API server refuses %s with a sentence', async (_what, spec, want) => {
  const { code, text } = await tryKubectl(['apply', '-f', '-'], {
    input: stringify(devRequest('refused', spec)),
  })
  expect(code).not.toBe(0)
  expect(text).toMatch(want)
})

test('the text of a request cannot be changed, and the refusal says what to do', async () => {
  await ask('fixed', { request: 'one', source: node, suspend: true })
  const { code, text } = await tryKubectl([
    'patch',
    'devrequest',
    'fixed',
    '--type=merge',
    '-p',
    '{"spec":{"request":"two"}}',
  ])
  expect(code).not.toBe(0)
  expect(text).toContain('spec.request cannot change; make a new DevRequest')
})

test('an unreachable repository stalls with a remedy, and the request goes on when it is there', async () => {
  const source = 'late-source'
  await kubectl(['delete', 'pod,service', source, '--ignore-not-found'])
  await apply(serviceOf(source))
  await ask('no-repo', {
    request: 'Add src/one.js that exports one(), which returns 1.',
    source: { git: { url: `http://${source}.${namespace}.svc:8080/app.git` } },
    planOnly: true,
    plan: { units: [{ name: 'one', goal: 'one', files: ['src/one.js'], doneWhen: 'one() is 1' }] },
  })
  const message = await stalled('no-repo', 'SourceUnavailable')
  expect(message).toContain(source)
  expect(message).toContain('Check spec.source')
  await apply(gitServer(source, await agentImage(), { 'package.json': '{"type":"module"}\n' }))
  try {
    expect(wordOf(await finished('no-repo', 180), 'Succeeded')).toBe('True/PlanOnly')
  } finally {
    await kubectl(['delete', 'pod,service', source, '--wait=false'])
  }
})

test('a model that is not set up stalls and names those that are', async () => {
  await ask('no-model', { request: 'x', source: node, model: 'nobody:7b' })
  const message = await stalled('no-model', 'ModelMissing')
  expect(message).toMatch(/nobody:7b.*known: rehearsal/)
})

const plain = {
  request: 'Add src/one.js that exports one(), which returns 1.',
  source: node,
  planOnly: true,
}

test('a model that the server does not hold stalls, and the request goes on when it does', async () => {
  await kubectl(['exec', 'statefulset/guildhall-ollama', '--', 'ollama', 'rm', lateModel]).catch(
    () => '',
  )
  await ask('late-model', { ...plain, model: lateModel })
  expect(await stalled('late-model', 'ModelMissing')).toContain(`ollama pull ${lateModel}`)
  await kubectl([
    'exec',
    'statefulset/guildhall-ollama',
    '--',
    'ollama',
    'cp',
    smallModel,
    lateModel,
  ])
  expect(wordOf(await finished('late-model', 120), 'Succeeded')).toBe('True/PlanOnly')
})

test('a dead Ollama stalls the request, and it goes on when the server is back', async () => {
  await kubectl(['scale', 'statefulset/guildhall-ollama', '--replicas=0'])
  await kubectl(['wait', '--for=delete', 'pod/guildhall-ollama-0', '--timeout=120s'])
  try {
    // Not the weak one: plans are made without that.
    await ask('dead-model', { ...plain, model: lateModel })
    expect(await stalled('dead-model', 'ModelUnavailable')).toContain('it is tried again by itself')
    const row = (await kubectl(['get', 'devrequest', 'dead-model'])).replaceAll(/\s+/g, ' ')
    expect(row).toContain('ModelUnavailable the model server')
  } finally {
    await kubectl(['scale', 'statefulset/guildhall-ollama', '--replicas=1'])
  }
  const request = await finished('dead-model', 180)
  expect(wordOf(request, 'Succeeded')).toBe('True/PlanOnly')
  expect(conditionOf(request, 'Stalled')).toBeUndefined()
})

test('a full disk on the forge stalls the request, and it goes on when there is room', async () => {
  // The forge keeps a reserve free; asking it for all there is makes the disk full without filling the machine's.
  await kubectl(['set', 'env', 'statefulset/guildhall-forge', 'FORGE_RESERVE_MIB=1000000000'])
  await kubectl(['rollout', 'status', 'statefulset/guildhall-forge', '--timeout=120s'])
  try {
    await ask('full', { request: 'x', source: node, planOnly: true })
    expect(await stalled('full', 'ForgeFull')).toContain('Make room')
  } finally {
    await kubectl(['set', 'env', 'statefulset/guildhall-forge', 'FORGE_RESERVE_MIB-'])
    await kubectl(['rollout', 'status', 'statefulset/guildhall-forge', '--timeout=120s'])
  }
  expect(wordOf(await finished('full', 180), 'Finished')).toBe('True/PlanOnly')
})

test('a request that the rehearsal model has no script for is dead-lettered honestly', async () => {
  await ask('unscripted', { request: 'Write src/haiku.js that exports haiku().', source: node })
  const request = await finished('unscripted', 600)
  expect(wordOf(request, 'Succeeded')).toBe('False/TasksFailed')
  const dead = (await tasksOf('unscripted')).find(
    (task) => wordOf(task, 'DeadLettered') !== 'absent',
  )
  expect(dead?.status?.failure).toMatchObject({
    reason: 'ModelRefused',
    message: expect.stringContaining('I am the rehearsal model') as string,
    remedy: expect.stringContaining('model') as string,
  })
  // What the server will not answer ends with the first question.
  expect(dead?.status?.attempts).toBe(1)
})

test('with a model far too weak a request ends with an honest result, never a false success', async () => {
  await ask('weak', {
    request: 'Add src/double.js that exports double(n), which returns n times 2. double(4) is 8.',
    source: node,
    model: smallModel,
    limits: { maxAttempts: 1 },
  })
  const request = await finished('weak', 840)
  const tasks = await tasksOf('weak')
  const verify = tasks.find((task) => task.spec.action === 'finish')
  if (wordOf(request, 'Succeeded').startsWith('True')) {
    expect(verify?.status?.result?.evidence.at(-1)).toMatchObject({ exitCode: 0, failed: 0 })
    expect(verify?.status?.result?.evidence.at(-1)?.passed).toBeGreaterThan(0)
    return
  }
  const dead = tasks.find((task) => wordOf(task, 'DeadLettered') !== 'absent')
  expect(dead?.status?.failure?.reason).toBeTruthy()
  expect(dead?.status?.failure?.remedy).toBeTruthy()
  expect(dead?.status?.result?.evidence.length ?? 0).toBeGreaterThan(0)
  expect(dead?.status?.result?.model).toBe(smallModel)
})
