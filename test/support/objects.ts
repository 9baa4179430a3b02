// Small builders for objects: a test names only the fields that it is about.
import type { AgentTask, AgentTaskSpec, AgentTaskStatus } from '../../core/api/agent-task.ts'
import type { Agent } from '../../core/api/agent.ts'
import type { DevRequest } from '../../core/api/devrequest.ts'
import type { LanguageModel } from '../../core/api/language-model.ts'
import { apiVersion } from '../../core/api/names.ts'
import type { Condition, Metadata } from '../../core/api/schema.ts'
import type { GatewayCall } from '../../core/models/gateway.ts'
import type { TraceRecord } from '../../core/models/gateway.ts'

/** 2026-11-23T12:00:00Z, the present of all pure tests. */
export const now = Date.UTC(2026, 10, 23, 12)
export const at = (seconds: number): string => new Date(now + seconds * 1000).toISOString()

const metadata = (name: string, created = at(-60)): Metadata => ({
  name,
  namespace: 'guildhall',
  uid: `uid-${name}`,
  resourceVersion: '1',
  generation: 1,
  creationTimestamp: created,
})

/** A condition that holds since before the test. */
export const condition = (
  type: string,
  status: Condition['status'],
  reason = 'Because',
): Condition => ({ type, status, reason, message: '', lastTransitionTime: at(-30) })

/** An AgentTask that was begun and is queued, unless `status` says otherwise. */
export function task(
  name: string,
  spec: Partial<AgentTaskSpec> = {},
  status: AgentTaskStatus = queuedStatus,
  created?: string,
): AgentTask {
  return {
    apiVersion,
    kind: 'AgentTask',
    metadata: metadata(name, created),
    spec: {
      requestRef: { name: 'hello' },
      type: 'coding',
      action: 'code',
      title: name,
      goal: name,
      doneWhen: '',
      files: [],
      after: [],
      priority: 'normal',
      timeoutSeconds: 600,
      maxAttempts: 3,
      onFailure: 'FailRequest',
      repository: 'hello',
      branch: 'guild/hello',
      model: 'm',
      ...spec,
    },
    status,
  }
}

export const queuedStatus: AgentTaskStatus = {
  attempts: 0,
  conditions: [
    condition('Ready', 'True', 'Queued'),
    condition('Assigned', 'False'),
    condition('Succeeded', 'Unknown', 'Queued'),
    condition('Finished', 'False'),
  ],
}

/** Held by the Pod `podUid` of `agent`. */
export const heldStatus = (podUid: string, attempt = 1, deadline = at(600)): AgentTaskStatus => ({
  attempts: attempt,
  assignment: { agent: `agent-of-${podUid}`, podUid, attempt, at: at(-10), deadline },
  conditions: [
    condition('Ready', 'True', 'Queued'),
    condition('Assigned', 'True', 'Running'),
    condition('Succeeded', 'Unknown', 'Running'),
    condition('Finished', 'False'),
  ],
})

export const endedStatus = (succeeded: boolean): AgentTaskStatus => ({
  attempts: 1,
  completionTime: at(-1),
  conditions: [
    condition('Ready', 'True'),
    condition('Assigned', 'False'),
    condition('Succeeded', succeeded ? 'True' : 'False', succeeded ? 'Succeeded' : 'DeadLettered'),
    condition('Finished', 'True'),
  ],
})

/** Its work stands and nothing could check it. */
export const uncheckedStatus = (): AgentTaskStatus => ({
  ...endedStatus(false),
  conditions: [
    condition('Ready', 'True'),
    condition('Assigned', 'False'),
    condition('Succeeded', 'False', 'Unchecked'),
    condition('Finished', 'True', 'Unchecked'),
  ],
})

export function agent(name: string, status: Agent['status'] = {}, created?: string): Agent {
  return {
    apiVersion,
    kind: 'Agent',
    metadata: metadata(name, created),
    spec: { type: 'coding', skills: [], model: 'm', maxTasks: 50 },
    status,
  }
}

export function request(
  name: string,
  spec: Partial<DevRequest['spec']> = {},
  status?: DevRequest['status'],
): DevRequest {
  return {
    apiVersion,
    kind: 'DevRequest',
    metadata: metadata(name),
    spec: {
      request: 'make it',
      priority: 'normal',
      limits: { maxTasks: 30, maxParallel: 10, taskTimeoutSeconds: 1800, maxAttempts: 3 },
      ...spec,
    },
    ...(status === undefined ? {} : { status }),
  }
}

/** A LanguageModel that was not looked at yet, unless `status` says otherwise. */
export function languageModel(
  name: string,
  spec: Partial<LanguageModel['spec']> = {},
  status?: LanguageModel['status'],
): LanguageModel {
  return {
    apiVersion,
    kind: 'LanguageModel',
    metadata: metadata(name),
    spec: {
      model: `${name}:7b`,
      provider: 'ollama',
      source: 'preloaded',
      contextTokens: 8192,
      outputTokens: 2048,
      parallel: 1,
      ...spec,
    },
    ...(status === undefined ? {} : { status }),
  }
}

/** A question to the model `m`, as short as one can be. */
export const question: GatewayCall = {
  model: 'm',
  request: 'hello',
  priority: 'normal',
  verb: 'write',
  purpose: 'test',
  system: 'You are a test.',
  sections: [],
  instruction: 'Answer.',
  temperature: 0,
  seed: 1,
  maxTokens: 100,
}

/** One call to a model that went well, at the second sending. */
export const callRecord: TraceRecord = {
  id: 'abc-1',
  time: '2026-01-01T00:00:00.000Z',
  model: 'm',
  request: 'hello',
  task: undefined,
  purpose: 'plan.notes',
  verb: 'write',
  promptHash: 'p',
  answerHash: 'a',
  system: 'a system prompt',
  prompt: 'a secret prompt',
  dropped: [],
  temperature: 0,
  seed: 1,
  maxTokens: 100,
  text: 'a secret answer',
  blocks: [],
  verdict: 'ok',
  message: '',
  sent: 2,
  queueMs: 500,
  answerMs: 3000,
  firstPieceMs: 800,
  perTokenMs: 20,
  inputTokens: 70,
  outputTokens: 30,
}
