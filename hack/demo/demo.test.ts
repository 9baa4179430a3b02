import { describe, expect, test } from 'vitest'
import {
  condition,
  ended,
  exampleRequest,
  exampleResult,
  taskOf,
  tasks,
} from '../../test/support/example-objects.ts'
import type { Pod } from '../../core/kube/built-in-kinds.ts'
import { type Workload, chartValues, isRolledOut, podTrouble } from './chart-step.ts'
import { DemoError, closing, explain } from './steps.ts'
import { splitReference } from './cluster-step.ts'
import { judge, wrapped } from './planning-call-step.ts'
import { cleanEnvironment, evidenceOf, freshName } from './story-step.ts'

describe('the name of the story', () => {
  test.each([
    [[], 'hello'],
    [['other', 'hello-world'], 'hello'],
    [['hello'], 'hello-2'],
    [['hello', 'hello-2', 'hello-9', 'hello-x'], 'hello-10'],
    [['hello-3'], 'hello-4'],
  ])('with %j there is %s', (taken, want) => {
    expect(freshName('hello', taken)).toBe(want)
  })
})

test('an image is named to the chart in its parts, and what it is made of is pinned by the tag', () => {
  expect(splitReference('guildhall.dev/agent:0.1.0-3f2a')).toEqual({
    registry: 'guildhall.dev',
    repository: 'agent',
    tag: '0.1.0-3f2a',
  })
  const image = { digest: '', archive: '', sizeBytes: 1, built: false }
  expect(
    chartValues({
      images: [{ ...image, name: 'agent', reference: 'r.example:5000/a/agent:1' }],
      model: { name: 'm:1', rehearsal: true, openForDownload: false },
    }),
  ).toEqual({
    images: { agent: { registry: 'r.example:5000', repository: 'a/agent', tag: '1', digest: '' } },
    model: { name: 'm:1', pull: false },
    rehearsal: { enabled: true, default: true },
    models: [{ name: 'smollm2:135m', contextTokens: 4096, outputTokens: 1024, tier: 'weak' }],
  })
})

describe('a workload', () => {
  const workload = (status: Workload['status']): Workload => ({
    metadata: { name: 'guildhall-forge', generation: 3 },
    spec: { replicas: 1 },
    ...(status === undefined ? {} : { status }),
  })
  const up = { observedGeneration: 3, updatedReplicas: 1, readyReplicas: 1, replicas: 1 }
  test.each([
    ['is rolled out when its one Pod is new and ready', up, true],
    ['is not before its controller saw the change', { ...up, observedGeneration: 2 }, false],
    ['is not while an old Pod is left', { ...up, replicas: 2 }, false],
    ['is not without a ready Pod', { ...up, readyReplicas: 0 }, false],
    ['is not without a status', undefined, false],
  ])('%s', (_, status, want) => {
    expect(isRolledOut(workload(status))).toBe(want)
  })
})

describe('a Pod that is not ready', () => {
  const pod = (status: Pod['status']): Pod => ({
    metadata: { name: 'forge-0' },
    ...(status === undefined ? {} : { status }),
  })
  const container = {
    name: 'forge',
    image: '',
    imageID: '',
    ready: false,
    restartCount: 1,
  }
  test.each([
    [
      'that waits for its image says so',
      { containerStatuses: [{ ...container, state: { waiting: { reason: 'ImagePullBackOff' } } }] },
      'forge-0 (ImagePullBackOff)',
    ],
    [
      'that crashed says with which exit code',
      {
        containerStatuses: [
          {
            ...container,
            state: { waiting: { reason: 'CrashLoopBackOff' } },
            lastState: { terminated: { exitCode: 1 } },
          },
        ],
      },
      'forge-0 (CrashLoopBackOff, last exit code 1)',
    ],
    [
      'that no node takes says why',
      {
        conditions: [
          { type: 'PodScheduled', status: 'False', message: '0/1 nodes: Insufficient memory' },
        ],
      },
      'forge-0 (0/1 nodes: Insufficient memory)',
    ],
    [
      'is no trouble once it is ready',
      { conditions: [{ type: 'Ready', status: 'True' }] },
      undefined,
    ],
  ])('%s', (_, status, want) => {
    expect(podTrouble(pod(status))).toBe(want)
  })
})

test('a failed request is told with every failed task, its evidence and its remedy', () => {
  const snapshot = {
    request: exampleRequest({
      conditions: [
        condition('Succeeded', 'False', 'TasksFailed', '1 task failed'),
        condition('Finished', 'True', 'TasksFailed'),
      ],
    }),
    tasks: [
      taskOf(tasks.codeGreet, {
        ...ended('DeadLettered', {
          reason: 'ChecksFailed',
          message: 'tests still fail',
          remedy: 'Sharpen the request.',
        }),
        result: exampleResult({
          evidence: [
            { command: 'node --test', exitCode: 1, passed: 1, failed: 1, digest: 'greet: no' },
          ],
        }),
      }),
    ],
    agents: [],
  }
  expect(evidenceOf(snapshot)).toEqual([
    'TasksFailed: 1 task failed',
    'hello-code-greet: ChecksFailed: tests still fail',
    '  node --test (exit code 1): greet: no',
    '  remedy: Sharpen the request.',
  ])
})

describe('the raw answer of the small model', () => {
  const unit = { a_goal: 'x', b_files: ['a.js'], c_done_when: 'y', d_after: 0 }
  test.each([
    ['cut', '{"a_units":[', true, /cut at its limit/],
    ['a copy', '{"a_units":[{"a_goal":"zqLampHours"', false, /copies the example/],
    ['no JSON', 'Sure!', false, /no JSON/],
    ['another shape', '{"a_units":[]}', false, /does not follow the schema/],
    [
      'the right shape',
      JSON.stringify({ a_units: [unit], b_docs: true, c_deploy: false }),
      false,
      /follows the schema \(1 units\)/,
    ],
  ])('that is %s is called so', (_, text, cut, want) => {
    expect(judge({ text, cut })).toMatch(want)
  })

  test('is shown whole, however long its lines are', () => {
    const text = `${'a'.repeat(25)}\n\nb`
    const lines = wrapped(text, 10)
    expect(lines).toEqual(['aaaaaaaaaa', 'aaaaaaaaaa', 'aaaaa', '', 'b'])
  })
})

test('the closing lines say rehearsal when the model was one, and name five commands', () => {
  const lines = closing({
    request: exampleRequest({ model: 'rehearsal', branch: 'guild/hello', progress: '9/9' }),
    namespace: 'guildhall',
    elapsed: '80 s',
  })
  expect(lines.join('\n')).toContain('model rehearsal (scripted answers)')
  expect(lines.filter((line) => /^ {2}(kubectl|npm)/.test(line))).toHaveLength(5)
})

test('a failure is told with its evidence and the next command', () => {
  const error = new DemoError('the chart is not up', {
    evidence: ['forge-0 (ImagePullBackOff)'],
    next: ['kubectl -n guildhall get pods'],
  })
  const text = explain(error, '12 s').join('\n')
  expect(text).toMatch(/failed after 12 s: the chart is not up\n {2}forge-0 \(ImagePullBackOff\)/)
  expect(text).toMatch(/\n {2}kubectl -n guildhall get pods$/)
})

test('the delivered tests see nothing of npm or of the cluster', () => {
  const env = { PATH: '/bin', HOME: '/h', KUBECONFIG: '/k', npm_config_x: '1', NODE_OPTIONS: '-x' }
  expect(cleanEnvironment(env)).toEqual({ PATH: '/bin', HOME: '/h' })
})
