import { z } from 'zod'
import { auditTrail } from './audit-trail.ts'
import { actions, agentTypes, priorities } from './agent-types.ts'
import {
  type ApiObject,
  type KindDefinition,
  conditions,
  count,
  list,
  modelName,
  note,
  object,
  objectName,
  refName,
  relied,
  repositoryPath,
  sourceUrl,
  text,
  time,
  withRules,
} from './schema.ts'
import { type WaitingReason, waitingReasons } from './waiting-reasons.ts'

const templateName = z.enum(['empty', 'node', 'python']).meta({
  description:
    'empty: only a README. node: a package.json with the built-in test runner. python: a package with unittest.',
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
        'Work on a repository that the forge already holds.',
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
    goal: text(2000, 'The result of the unit, in plain language.'),
    files: list(
      repositoryPath('A file the unit creates or changes.'),
      6,
      'The files that the unit may change, without tests.',
    ),
    doneWhen: text(
      2000,
      'How a person can see that the unit is done; tests are written from this sentence.',
    ),
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
    maxAttempts: count(
      1,
      5,
      'How often a task is tried before it fails for good (DeadLettered).',
    ).default(3),
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
        'What you want, in plain language: what to build or change, and how you will know that it works.',
      ),
      priority: z
        .enum(priorities)
        .default('normal')
        .meta({ description: 'critical runs before high, high before normal, normal before low.' }),
      source: source.optional().meta({
        ...source.meta(),
        description:
          'The origin of the code: exactly one of template, repository, git. Without it the work starts from an empty repository.',
      }),
      model: modelName(
        "The model for every task of this request; the operator's default when empty.",
      ).optional(),
      plan: givenPlan.optional(),
      planOnly: z.boolean().optional().meta({
        description: 'Stop after planning; no task is run. The plan is in status.plan.',
      }),
      suspend: z.boolean().optional().meta({
        description:
          'Start no further task until this is false again. Running tasks finish. A request that is suspended from the beginning is planned, and its plan can be changed in spec.plan until work starts.',
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
    'The work that a person asks for.',
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
const plannedTask = object(
  {
    name: objectName('Name of the AgentTask.'),
    type: z.enum(agentTypes).meta({ description: 'The type of agent that does the task.' }),
    action: z.enum(actions).meta({ description: 'The work that the agent is asked to do.' }),
    title: text(120, 'One line for people.'),
    goal: text(4000, 'The result of the task.'),
    doneWhen: note(2000, 'How a person can see that the task is done.'),
    files: list(repositoryPath('A file it may touch.'), 12, 'The files that the task may change.'),
    unit: objectName('The unit that the task belongs to.', 30).optional(),
    after: list(objectName('Name of a task.'), 32, 'The tasks that this task waits for.'),
    onFailure: z
      .enum(['FailRequest', 'Continue'])
      .meta({ description: 'Continue: the request goes on without this task and says so.' }),
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
      'SHA-256 of the spec.plan from which the plan was made; empty when no person gave one.',
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
          count: count(0, 50, 'The most agents of this type that can work at once.'),
        },
        'One line of the team.',
      ),
      6,
      'The agents that the plan needs.',
    ),
    tasks: list(plannedTask, 50, 'Every task of the plan.'),
    replaced: list(
      objectName('Name of a task.'),
      50,
      'Tasks of the plan before this revision that are no longer in it: they failed, or waited for a task that failed.',
    ).optional(),
    warnings: list(
      text(500, 'A sentence.'),
      20,
      'Facts about this plan that a person should know.',
    ),
    attempts: count(0, 10, 'How often the model was asked.'),
    tokens: count(0, 2000000000, 'Tokens that planning used.').optional(),
  },
  'The tasks, the agents for them, and their order.',
)
export type Plan = z.infer<typeof plan>

const waitsInWords = Object.entries(waitingReasons)
  .map(([reason, end]) => `${reason}: ${end}`)
  .join('; ')

const status = object(
  {
    observedGeneration: z
      .int()
      .optional()
      .meta({ description: 'The metadata.generation that this status is about.', format: 'int64' }),
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
      'Tasks whose work stands (done, unchecked, or nothing to do) of all tasks, as in 3/8. Failed and skipped tasks do not count: only a request that succeeded or is Unchecked reaches 8/8.',
    ).optional(),
    waitingFor: note(120, 'The thing or person that the request waits for, in words.').optional(),
    waitingReason: z
      .enum(Object.keys(waitingReasons) as [WaitingReason, ...WaitingReason[]])
      .optional()
      .meta({ description: `The same for programs. It ends when: ${waitsInWords}.` }),
    team: note(120, 'Agents that work on the request now, by type.').optional(),
    tokens: count(0, 2000000000, 'Tokens used so far, read and written.').optional(),
    startedAt: time('When work began.').optional(),
    completionTime: time('When it ended, with success or without.').optional(),
    summary: note(2000, 'The outcome, in one paragraph.').optional(),
    audit: auditTrail.optional(),
  },
  'What the operator has observed and done. Only the operator writes it.',
)

export const devRequestKind = {
  kind: 'DevRequest',
  plural: 'devrequests',
  singular: 'devrequest',
  shortNames: ['devreq'],
  description:
    'A piece of software work that a person describes in plain language and agents in this cluster carry out.',
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
export type DevRequest = ApiObject<DevRequestSpec, DevRequestStatus>

/** The schema of a spec: the controller reports an object that fails it, and does not crash. */
export const devRequestSpec = spec
