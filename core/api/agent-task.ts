import { z } from 'zod'
import { auditTrail } from './audit-trail.ts'
import { actions, agentTypes, priorities, verdicts } from './agent-types.ts'
import { neverSet } from './condition-list.ts'
import { taskConditions, taskReasons } from './conditions.ts'
import { failureReasons } from './failures.ts'
import {
  type ApiObject,
  type KindDefinition,
  conditions,
  count,
  list,
  moment,
  note,
  object,
  objectName,
  refName,
  relied,
  repositoryPath,
  text,
  time,
  withRules,
} from './schema.ts'

const spec = withRules(
  object(
    {
      requestRef: object(
        { name: objectName('Name of the DevRequest.') },
        'The request that the task belongs to.',
      ),
      type: z.enum(agentTypes).meta({ description: 'The type of agent that does the task.' }),
      action: z.enum(actions).meta({ description: 'The work that the agent is asked to do.' }),
      title: text(120, 'One line for people.'),
      goal: text(4000, 'The result of the task.'),
      doneWhen: note(2000, 'How a person can see that the task is done.').default(''),
      files: list(
        repositoryPath('A file it may touch.'),
        12,
        'The files that the task may change.',
      ).default([]),
      unit: objectName('The unit that the task belongs to.', 30).optional(),
      after: list(objectName('Name of a task.'), 32, 'The tasks that this task waits for.').default(
        [],
      ),
      priority: z
        .enum(priorities)
        .default('normal')
        .meta({ description: 'Its place in the queue.' }),
      timeoutSeconds: count(30, 86400, 'The longest time that one attempt may take.').default(1800),
      maxAttempts: count(1, 5, 'How often the task is tried.').default(3),
      onFailure: z
        .enum(['FailRequest', 'Continue'])
        .default('FailRequest')
        .meta({ description: 'Continue: the request goes on without this task and says so.' }),
      repository: objectName('The repository on the forge.'),
      branch: refName("The request's branch: work starts from it and is integrated into it."),
      model: note(120, 'The model that the task uses.').default(''),
    },
    'One action on one unit, done by one type of agent.',
  ),
  [{ rule: 'self == oldSelf', message: 'the spec of an AgentTask cannot change' }],
)

/** One thing that was run and what it gave. */
export const evidence = object(
  {
    command: text(300, 'What was run.'),
    exitCode: z.int32().meta({
      description: 'Its exit code; -1 when it was stopped, or when there was nothing to run.',
      format: 'int32',
    }),
    passed: count(0, 1000000, 'Tests that passed, by the runner’s own report.'),
    failed: count(
      0,
      1000000,
      'Tests that failed, by the runner’s own report, and the test files of `unloaded`.',
    ),
    unloaded: count(
      0,
      1000000,
      'Of `failed`: test files that could not be loaded, so that nobody knows their tests. Absent for none.',
    ).optional(),
    digest: note(2000, 'The failures that matter, shortened.'),
  },
  'One thing that was run and what it gave.',
)
export type Evidence = z.infer<typeof evidence>

/** Why an attempt failed. */
export const failure = object(
  {
    reason: z.enum(failureReasons).meta({ description: 'One word, from a fixed table.' }),
    message: note(1000, 'What happened.'),
    remedy: note(500, 'What to do about it.'),
  },
  'The reason of the failure, and its remedy.',
)
export type Failure = z.infer<typeof failure>

/** The outcome of an attempt, as the operator accepted it. */
const taskResult = object(
  {
    verdict: z.enum(verdicts).meta({ description: 'The outcome; computed, never a model’s word.' }),
    summary: note(1000, 'One or two sentences for people.'),
    commit: note(64, 'The commit on the task’s branch.').optional(),
    merged: note(64, 'The commit on the request’s branch that contains it.').optional(),
    files: list(repositoryPath('A file.'), 50, 'Files that were changed.'),
    evidence: list(evidence, 10, 'What was run to check it.'),
    tries: count(0, 100, 'How often the model was asked for an answer.'),
    tokens: count(0, 2000000000, 'Tokens used, read and written.'),
    durationSeconds: count(0, 1000000, 'How long the attempt took.'),
    notes: list(
      text(500, 'A sentence.'),
      20,
      'Facts that a person should know: findings, quarantined tests, repairs.',
    ),
    model: note(120, 'The model that answered.'),
  },
  'What the agent brought, as the operator accepted it.',
)
export type TaskResult = z.infer<typeof taskResult>

const assignment = object(
  {
    agent: objectName('Name of the Agent.'),
    podUid: text(64, 'Only a report from this Pod counts.'),
    attempt: count(1, 10, 'Number of the attempt; only a report for this attempt counts.'),
    at: time('When it was given.'),
    deadline: time('When it is taken away.'),
  },
  'Who holds the task.',
)
export type TaskAssignment = z.infer<typeof assignment>

const attempt = object(
  {
    attempt: count(1, 10, 'Number of the attempt.'),
    agent: note(63, 'The agent that held it.'),
    startedAt: time('When it began.'),
    finishedAt: time('When it ended.'),
    verdict: z
      .enum(verdicts)
      .optional()
      .meta({ description: 'What came of it, when there was a report.' }),
    failure: failure.optional(),
    branch: note(200, 'The branch that keeps its work.').optional(),
  },
  'One attempt that ended.',
)

const status = object(
  {
    observedGeneration: z
      .int()
      .optional()
      .meta({ description: 'The metadata.generation that this status is about.', format: 'int64' }),
    conditions: conditions.optional(),
    assignment: assignment.optional(),
    attempts: count(0, 10, 'Attempts begun so far.').optional(),
    history: list(attempt, 10, 'Attempts that ended without success.').optional(),
    queue: object(
      {
        position: count(0, 100000, 'Tasks before it in the queue.'),
        reason: note(200, 'Why the task is not running yet.'),
      },
      'Its place in the queue while it waits for an agent.',
    ).optional(),
    result: taskResult.optional(),
    failure: failure.optional(),
    notBefore: time('The task is not tried again before this time.').optional(),
    startedAt: time('When the first attempt began.').optional(),
    completionTime: time('When it ended, with success or without.').optional(),
    audit: auditTrail.optional(),
  },
  'What the operator has observed and done. Only the operator writes it.',
)

/** The default of the status, so that a new task shows its conditions without a write. */
const untouched = {
  conditions: (
    [
      [taskConditions.Ready, 'Unknown'],
      [taskConditions.Assigned, 'False'],
      [taskConditions.Succeeded, 'Unknown'],
      [taskConditions.Finished, 'False'],
    ] as const
  ).map(([type, state]) => ({
    type,
    status: state,
    reason: taskReasons.Waiting,
    message: 'the task waits for the tasks that it needs, then for an agent',
    lastTransitionTime: neverSet,
  })),
}

export const agentTaskKind = {
  kind: 'AgentTask',
  plural: 'agenttasks',
  singular: 'agenttask',
  shortNames: ['atask'],
  description:
    'One action on one unit, done by one type of agent. The operator makes AgentTasks from the plan of a request.',
  spec,
  status: status.default(untouched),
  columns: [
    { name: 'STATUS', path: '.status.conditions[?(@.type=="Succeeded")].reason' },
    { name: 'TYPE', path: '.spec.type' },
    { name: 'ACTION', path: '.spec.action' },
    { name: 'REQUEST', path: '.spec.requestRef.name' },
    { name: 'AGENT', path: '.status.assignment.agent' },
    { name: 'ATTEMPT', path: '.status.attempts', type: 'integer' },
    { name: 'AGE', path: '.metadata.creationTimestamp', type: 'date' },
    { name: 'PRIORITY', path: '.spec.priority', wide: true },
    { name: 'WAITS-FOR', path: '.status.queue.reason', wide: true },
    { name: 'VERDICT', path: '.status.result.verdict', wide: true },
    { name: 'MODEL', path: '.status.result.model', wide: true },
    { name: 'TOKENS', path: '.status.result.tokens', type: 'integer', wide: true },
    { name: 'REASON', path: '.status.failure.reason', wide: true },
  ],
  selectableFields: ['.spec.type', '.spec.requestRef.name'],
  reliesOn: relied(
    {
      requestRef: z.looseObject({ name: z.string() }),
      type: z.enum(agentTypes),
      action: z.string(),
      after: z.array(z.string()),
      priority: z.enum(priorities),
      timeoutSeconds: z.number(),
      maxAttempts: z.number(),
      onFailure: z.enum(['FailRequest', 'Continue']),
      repository: z.string(),
      branch: z.string(),
    },
    {
      assignment: z
        .looseObject({
          agent: z.string(),
          podUid: z.string(),
          attempt: z.number(),
          at: moment,
          deadline: moment,
        })
        .optional(),
      history: z.array(z.looseObject({ attempt: z.number() })).optional(),
      result: z.looseObject({ verdict: z.string() }).optional(),
    },
  ),
  people: 'view',
} as const satisfies KindDefinition

export type AgentTaskSpec = z.infer<typeof spec>
export type AgentTaskStatus = z.infer<typeof status>
export type AgentTask = ApiObject<AgentTaskSpec, AgentTaskStatus>
