// Small builders of API objects for tests of the views.
import type { AgentTask, AgentTaskStatus, TaskResult } from '../../core/api/agent-task.ts'
import { actionType, type Action } from '../../core/api/agent-types.ts'
import type { Agent, AgentStatus } from '../../core/api/agent.ts'
import type { DevRequest, DevRequestStatus, PlannedTask } from '../../core/api/devrequest.ts'
import { apiVersion } from '../../core/api/names.ts'
import type { Condition, Metadata } from '../../core/api/schema.ts'

/** The moment all examples start from. */
export const start = Date.parse('2026-01-01T12:00:00Z')

/** RFC 3339 time some seconds after the start. */
export const at = (seconds: number): string =>
  new Date(start + seconds * 1000).toISOString().replace('.000Z', 'Z')

const metadata = (name: string): Metadata => ({
  name,
  namespace: 'guildhall',
  uid: `uid-${name}`,
  resourceVersion: '1',
  generation: 1,
  creationTimestamp: at(0),
})

export const condition = (
  type: string,
  status: Condition['status'],
  reason: string,
  message = '',
): Condition => ({ type, status, reason, message, lastTransitionTime: at(0) })

export const exampleRequest = (status: DevRequestStatus = {}): DevRequest => ({
  apiVersion,
  kind: 'DevRequest',
  metadata: metadata('hello'),
  spec: {
    request: 'Write a greeting library',
    priority: 'normal',
    limits: { maxTasks: 30, maxParallel: 10, taskTimeoutSeconds: 1800, maxAttempts: 3 },
  },
  status,
})

export const exampleTask = (
  action: Action,
  options: {
    readonly unit?: string
    readonly title?: string
    readonly after?: readonly string[]
  } = {},
): PlannedTask => ({
  name: options.unit === undefined ? `hello-${action}` : `hello-${action}-${options.unit}`,
  type: actionType[action],
  action,
  title: options.title ?? `Do the ${action}`,
  goal: 'it is there',
  doneWhen: 'one can see it',
  files: [],
  ...(options.unit === undefined ? {} : { unit: options.unit }),
  after: [...(options.after ?? [])],
  onFailure: 'FailRequest',
})

/** The AgentTask of a planned task. */
export const taskOf = (planned: PlannedTask, status: AgentTaskStatus = {}): AgentTask => {
  const { name, ...rest } = planned
  return {
    apiVersion,
    kind: 'AgentTask',
    metadata: metadata(name),
    spec: {
      ...rest,
      requestRef: { name: 'hello' },
      priority: 'normal',
      timeoutSeconds: 1800,
      maxAttempts: 3,
      repository: 'hello',
      branch: 'guild/hello',
      model: '',
    },
    status,
  }
}

export const exampleResult = (fields: Partial<TaskResult> = {}): TaskResult => ({
  verdict: 'Done',
  summary: '',
  files: [],
  evidence: [],
  tries: 1,
  tokens: 0,
  durationSeconds: 10,
  notes: [],
  model: 'qwen2.5-coder:7b',
  ...fields,
})

/** Status of a task that an agent holds since some second. */
export const held = (agent: string, since: number, attempt = 1): AgentTaskStatus => ({
  conditions: [
    condition('Assigned', 'True', 'Assigned'),
    condition('Succeeded', 'Unknown', 'Running'),
  ],
  assignment: { agent, podUid: 'pod-1', attempt, at: at(since), deadline: at(1800) },
  attempts: attempt,
  startedAt: at(since),
})

/** Status of a task that succeeded. */
export const done = (
  agent: string,
  from: number,
  to: number,
  result: Partial<TaskResult> = {},
): AgentTaskStatus => ({
  ...held(agent, from),
  conditions: [
    condition('Finished', 'True', 'Succeeded'),
    condition('Succeeded', 'True', 'Succeeded'),
  ],
  completionTime: at(to),
  result: exampleResult(result),
})

/** Status of a task that ended without success; `word` as in the STATUS column. */
export const ended = (
  word: 'Failed' | 'DeadLettered' | 'Skipped',
  failure: AgentTaskStatus['failure'],
): AgentTaskStatus => ({
  conditions: [
    condition('Finished', 'True', word),
    condition('Succeeded', 'False', word),
    ...(word === 'DeadLettered' ? [condition('DeadLettered', 'True', word)] : []),
  ],
  ...(failure === undefined ? {} : { failure }),
})

export const exampleAgent = (name: string, status: AgentStatus = {}): Agent => ({
  apiVersion,
  kind: 'Agent',
  metadata: metadata(name),
  spec: {
    type: name.startsWith('testing') ? 'testing' : 'coding',
    skills: [],
    model: 'qwen2.5-coder:7b',
    maxTasks: 50,
  },
  status,
})

const planned = [
  exampleTask('branch', { title: 'Prepare the branch' }),
  exampleTask('spec', { unit: 'greet', after: ['hello-branch'] }),
  exampleTask('code', { unit: 'greet', after: ['hello-spec-greet'] }),
  exampleTask('spec', { unit: 'parse', after: ['hello-branch'] }),
  exampleTask('finish', { after: ['hello-code-greet', 'hello-spec-parse'] }),
] as const

/** The planned tasks of the example, by a short name. */
export const tasks = {
  branch: planned[0],
  specGreet: planned[1],
  codeGreet: planned[2],
  specParse: planned[3],
  finish: planned[4],
}

export const examplePlan: NonNullable<DevRequestStatus['plan']> = {
  hash: 'abc',
  revision: 1,
  source: 'model',
  waves: [
    ['hello-branch'],
    ['hello-spec-greet', 'hello-spec-parse'],
    ['hello-code-greet'],
    ['hello-finish'],
  ],
  team: [
    { type: 'testing', count: 2 },
    { type: 'coding', count: 1 },
  ],
  tasks: [...planned],
  warnings: [],
  attempts: 1,
}
