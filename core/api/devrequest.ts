import { z } from 'zod'
import { auditTrail } from './audit-trail.ts'
import { actions, agentTypes, priorities } from './agent-types.ts'
import {
  conditions,
  count,
  list,
  modelName,
  note,
  object,
  objectName,
  refName,
  repositoryPath,
  sourceUrl,
  text,
  time,
  withRules,
  relied,
  type KindDefinition,
  type Metadata,
} from './schema.ts'

const templateName = z.enum(['empty', 'node', 'python']).meta({
  description:
    'empty: nothing but a README. node: a package.json with the built-in test runner. python: a package with unittest.',
})

const source = withRules(
  object(
    {
      template: object(
        { name: templateName },
        'Start a new repository from a template.',
      ).optional(),
      repository: object(
        {
          name: objectName('Name of a repository on the forge.'),
          ref: refName(
            'Branch, tag or commit to start from; the default branch when empty.',
          ).optional(),
        },
        'Work on a repository the forge already holds.',
      ).optional(),
      git: object(
        {
          url: sourceUrl(
            'http(s) or git URL without credentials. Only the forge fetches it; a host in a private network or in the cluster must be in forge.sources.allowedHosts of the chart.',
          ),
          ref: refName(
            'Branch, tag or commit to start from; the default branch when empty.',
          ).optional(),
        },
        'Mirror a repository from elsewhere into the forge first.',
      ).optional(),
    },
    'Where the code comes from; exactly one of template, repository, git.',
  ),
  [
    {
      rule: '[has(self.template), has(self.repository), has(self.git)].exists_one(x, x)',
      message: 'spec.source needs exactly one of template, repository, git',
    },
  ],
)

/** One unit of work as a person or a model proposes it: code that can be written and tested on its own. */
export const unit = object(
  {
    name: objectName('Short name, unique in the plan; used in task and branch names.', 30),
    goal: text(2000, 'What must exist when the unit is done, in plain language.'),
    files: list(
      repositoryPath('A file the unit creates or changes.'),
      6,
      'The files the unit may touch, tests excluded.',
    ),
    doneWhen: text(2000, 'How one can see that it is done; tests are written from this sentence.'),
    after: list(
      objectName('Name of an earlier unit.', 30),
      8,
      'Units that must be finished first. Only units named earlier in the list count.',
    ).optional(),
  },
  'One unit of work.',
)
export type Unit = z.infer<typeof unit>

/** A plan as a person gives it. */
export const givenPlan = object(
  {
    units: withRules(list(unit, 8, 'The units of work, in order.').min(1), [
      {
        rule: 'self.all(unit, self.exists_one(other, other.name == unit.name))',
        message: 'spec.plan.units names one unit twice; their names must differ',
      },
    ]),
  },
  'Your own plan. When given, no model is asked to plan. It may change until the plan is authorized.',
)
export type GivenPlan = z.infer<typeof givenPlan>

const limits = object(
  {
    maxTasks: count(1, 50, 'Most tasks the plan may have.').default(30),
    maxParallel: count(1, 10, 'Most tasks of this request that run at once.').default(10),
    taskTimeoutSeconds: count(30, 86400, 'Longest time one attempt of one task may take.').default(
      1800,
    ),
    maxAttempts: count(1, 5, 'How often a task is tried before it is dead-lettered.').default(3),
    tokens: count(
      1000,
      2000000000,
      'Most tokens of the model, read and written, that the request may use; no limit when empty.',
    ).optional(),
    taskTokens: count(
      1000,
      2000000000,
      'Most tokens one task may use in all its attempts; no limit when empty.',
    ).optional(),
  },
  'Bounds for this request.',
)

const spec = withRules(
  object(
    {
      request: text(
        16384,
        'What you want, in plain language: what to build or change, and how you will know it works.',
      ),
      priority: z
        .enum(priorities)
        .default('normal')
        .meta({ description: 'critical runs before high, high before normal, normal before low.' }),
      source: source.optional().meta({
        ...source.meta(),
        description:
          'Where the code comes from; exactly one of template, repository, git. An empty repository when left out.',
      }),
      model: modelName(
        "The model for every task of this request; the operator's default when empty.",
      ).optional(),
      plan: givenPlan.optional(),
      planOnly: z.boolean().optional().meta({
        description: 'Stop after planning; nothing is run. The plan stands in status.plan.',
      }),
      suspend: z.boolean().optional().meta({
        description:
          'Start no further task until this is false again. Running tasks finish. From the beginning: it is planned, and the plan can be changed in spec.plan until work starts.',
      }),
      limits: limits.default({
        maxTasks: 30,
        maxParallel: 10,
        taskTimeoutSeconds: 1800,
        maxAttempts: 3,
      }),
      ttlSecondsAfterFinished: count(
        0,
        31536000,
        'Delete the request this many seconds after it finished; never when empty. Its branch stays.',
      ).optional(),
    },
    'What you ask for.',
  ),
  [
    {
      rule: "self.request.matches('[^[:space:]]')",
      message: 'spec.request is empty: say what to build or change, and how you will know it works',
    },
    {
      rule: 'self.request == oldSelf.request',
      message: 'spec.request cannot change; make a new DevRequest',
    },
    {
      rule: 'has(self.source) == has(oldSelf.source) && (!has(self.source) || self.source == oldSelf.source)',
      message: 'spec.source cannot change; make a new DevRequest',
    },
    {
      rule: 'has(self.plan) || !has(oldSelf.plan)',
      message: 'spec.plan cannot be taken back; make a new DevRequest',
    },
    {
      rule: 'has(self.model) == has(oldSelf.model) && (!has(self.model) || self.model == oldSelf.model)',
      message: 'spec.model cannot change; make a new DevRequest',
    },
  ],
)

/** One task of a plan: everything its AgentTask is made from. */
export const plannedTask = object(
  {
    name: objectName('Name of the AgentTask.'),
    type: z.enum(agentTypes).meta({ description: 'Which specialist does it.' }),
    action: z.enum(actions).meta({ description: 'What the specialist is asked to do.' }),
    title: text(120, 'One line for people.'),
    goal: text(4000, 'What must exist when it is done.'),
    doneWhen: note(2000, 'How one can see that it is done.'),
    files: list(repositoryPath('A file it may touch.'), 12, 'The files it may touch.'),
    unit: objectName('The unit it belongs to.', 30).optional(),
    after: list(objectName('Name of a task.'), 32, 'The tasks it waits for.'),
    onFailure: z
      .enum(['FailRequest', 'Continue'])
      .meta({ description: 'Continue: the request goes on without it and says so.' }),
  },
  'One task of the plan.',
)
export type PlannedTask = z.infer<typeof plannedTask>

/** The plan as it is stored; the first stored one wins. */
export const plan = object(
  {
    hash: text(64, 'SHA-256 of the plan; an edit changes it.'),
    revision: count(1, 100000, 'Grows with every re-planning and with every change of spec.plan.'),
    given: note(
      64,
      'SHA-256 of the spec.plan that it was made from; empty when no person gave one.',
    ).optional(),
    source: z.enum(['model', 'template', 'person']).meta({
      description: 'Who proposed the units: a model, the fallback template, or a person.',
    }),
    model: note(120, 'The model that was asked, if any.').optional(),
    waves: list(
      list(objectName('Name of a task.'), 50, 'Tasks that may run at the same time.'),
      50,
      'The tasks in the order in which they can run.',
    ),
    team: list(
      object(
        {
          type: z.enum(agentTypes).meta({ description: 'Type of agent.' }),
          count: count(0, 50, 'Most of them that can work at once.'),
        },
        'One line of the team.',
      ),
      6,
      'Who is needed.',
    ),
    tasks: list(plannedTask, 50, 'Every task of the plan.'),
    replaced: list(
      objectName('Name of a task.'),
      50,
      'Tasks of the plan before this revision that it does without: they failed, or waited for one that did.',
    ).optional(),
    warnings: list(text(500, 'A sentence.'), 20, 'What a person should know about this plan.'),
    attempts: count(0, 10, 'How often the model was asked.'),
    tokens: count(0, 2000000000, 'Tokens that planning used.').optional(),
  },
  'What will be done, by whom, in which order.',
)
export type Plan = z.infer<typeof plan>

const status = object(
  {
    observedGeneration: z
      .int()
      .optional()
      .meta({ description: 'The generation this status is about.', format: 'int64' }),
    conditions: conditions.optional(),
    model: note(120, 'The model in use. `rehearsal` answers from checked-in scripts.').optional(),
    repository: note(80, 'The repository on the forge.').optional(),
    base: note(64, 'The commit the work started from.').optional(),
    branch: note(200, 'The branch that carries the result.').optional(),
    head: note(64, 'The newest commit on that branch.').optional(),
    commits: count(0, 100000, 'Commits on the branch since the base.').optional(),
    plan: plan.optional(),
    progress: note(
      16,
      'Tasks whose work stands (done, unchecked, or nothing to do) of all tasks, as in 3/8. Those that failed or were skipped do not count: only a request that succeeded, or is Unchecked, gets to 8/8.',
    ).optional(),
    waitingFor: note(120, 'What or whom it waits for.').optional(),
    team: note(120, 'Agents at work on it now, by type.').optional(),
    tokens: count(0, 2000000000, 'Tokens used so far, read and written.').optional(),
    startedAt: time('When work began.').optional(),
    completionTime: time('When it ended, either way.').optional(),
    summary: note(2000, 'What came of it, in one paragraph.').optional(),
    audit: auditTrail.optional(),
  },
  'What the operator has seen and done. Written by the operator only.',
)

export const devRequestKind = {
  kind: 'DevRequest',
  plural: 'devrequests',
  singular: 'devrequest',
  shortNames: ['devreq'],
  description:
    'A piece of software work, asked for in plain language, carried out by agents in this cluster.',
  spec,
  status,
  columns: [
    { name: 'STATUS', path: '.status.conditions[?(@.type=="Succeeded")].reason' },
    { name: 'PROGRESS', path: '.status.progress' },
    { name: 'WAITING-FOR', path: '.status.waitingFor' },
    { name: 'BRANCH', path: '.status.branch' },
    { name: 'MODEL', path: '.status.model' },
    { name: 'AGE', path: '.metadata.creationTimestamp', type: 'date' },
    { name: 'TEAM', path: '.status.team', wide: true },
    { name: 'TOKENS', path: '.status.tokens', type: 'integer', wide: true },
    { name: 'PRIORITY', path: '.spec.priority', wide: true },
  ],
  rules: [
    {
      rule: "self.metadata.name.size() <= 63 && !self.metadata.name.contains('.')",
      message:
        'metadata.name may have at most 63 characters and no dot: branches, tasks and labels are named after it',
    },
    {
      rule: "has(self.spec.plan) == has(oldSelf.spec.plan) && (!has(self.spec.plan) || self.spec.plan == oldSelf.spec.plan) || !(has(oldSelf.status) && has(oldSelf.status.conditions) && oldSelf.status.conditions.exists(c, c.type == 'Authorized' && c.status == 'True'))",
      message:
        'spec.plan cannot change once the plan is authorized; make a new DevRequest, with suspend: true to change its plan before work starts',
    },
  ],
  // Its spec is judged by its controller, which has more to say about it.
  reliesOn: relied(
    { request: z.string() },
    {
      plan: z
        .looseObject({
          hash: z.string(),
          tasks: z.array(z.looseObject({ name: z.string(), after: z.array(z.string()) })),
        })
        .optional(),
    },
  ),
  people: 'write',
} as const satisfies KindDefinition

export type DevRequestSpec = z.infer<typeof spec>
export type DevRequestStatus = z.infer<typeof status>
/** A DevRequest as the API server gives it: defaults filled in, status empty at first. */
export interface DevRequest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: Metadata
  readonly spec: DevRequestSpec
  readonly status?: DevRequestStatus
}
/** Parses what a watch delivers; an object that fails is isolated, never a crash. */
export const devRequestSpec = spec
