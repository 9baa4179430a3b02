import { z } from 'zod'
import { auditTrail } from './audit-trail.ts'
import { agentTypes } from './agent-types.ts'
import {
  type ApiObject,
  type KindDefinition,
  conditions,
  count,
  list,
  note,
  object,
  objectName,
  relied,
  time,
} from './schema.ts'

const spec = object(
  {
    type: z.enum(agentTypes).meta({ description: 'The type of the agent.' }),
    skills: list(objectName('A skill.'), 16, 'Skills besides those of its type.').default([]),
    model: note(120, 'The model that the agent uses by default.').default(''),
    maxTasks: count(1, 1000, 'The agent ends after this many tasks.').default(50),
  },
  'One agent. The operator makes agents. You may delete an agent at any time; its task goes to another one.',
)

/** What an agent is doing; the STATUS column prints it. */
const agentStates = ['starting', 'idle', 'busy', 'draining', 'terminated'] as const
export type AgentState = (typeof agentStates)[number]

const status = object(
  {
    observedGeneration: z
      .int()
      .optional()
      .meta({ description: 'The metadata.generation that this status is about.', format: 'int64' }),
    conditions: conditions.optional(),
    state: z
      .enum(agentStates)
      .optional()
      .meta({ description: 'starting, idle, busy, draining or terminated.' }),
    podName: note(253, 'Its Pod.').optional(),
    podUid: note(64, 'The uid of its Pod: its identity at the hub.').optional(),
    currentTask: note(63, 'The task it holds.').optional(),
    currentRequest: note(
      63,
      'The request that the agent works for; also between two tasks, while the agent belongs to that request.',
    ).optional(),
    servedRequest: object(
      {
        name: note(63, 'Its name.'),
        uid: note(
          64,
          'Its uid. A request that is made again under the same name is another request.',
        ),
      },
      'The request that the agent belongs to since its first task: it gets no task of another request. Not set before its first task, and not with agents.reuse: any.',
    ).optional(),
    activity: note(200, "The agent's present activity, in a few words.").optional(),
    heartbeatTime: time(
      'When the hub last heard of the agent; written seldom, to save API writes.',
    ).optional(),
    idleSince: time('The time since which the agent has had nothing to do.').optional(),
    performance: object(
      {
        completed: count(0, 100000, 'Tasks that succeeded.'),
        failed: count(0, 100000, 'Tasks that did not succeed.'),
        meanSeconds: count(0, 1000000, 'Mean duration of a task.'),
        tokens: count(0, 2000000000, 'Tokens used, read and written.'),
      },
      'Its record.',
    ).optional(),
    audit: auditTrail.optional(),
  },
  'What the operator has observed. Only the operator writes it.',
)

export const agentKind = {
  kind: 'Agent',
  plural: 'agents',
  singular: 'agent',
  shortNames: ['gagent'],
  description:
    'One agent: a Pod that works on one task after another until it is idle for too long.',
  spec,
  status,
  columns: [
    { name: 'TYPE', path: '.spec.type' },
    { name: 'STATUS', path: '.status.state' },
    { name: 'TASK', path: '.status.currentTask' },
    { name: 'REQUEST', path: '.status.currentRequest' },
    { name: 'MODEL', path: '.spec.model' },
    { name: 'TASKS', path: '.status.performance.completed', type: 'integer' },
    { name: 'AGE', path: '.metadata.creationTimestamp', type: 'date' },
    { name: 'ACTIVITY', path: '.status.activity', wide: true },
    { name: 'TOKENS', path: '.status.performance.tokens', type: 'integer', wide: true },
    { name: 'FAILED', path: '.status.performance.failed', type: 'integer', wide: true },
    { name: 'POD', path: '.status.podName', wide: true },
    { name: 'HEARTBEAT', path: '.status.heartbeatTime', type: 'date', wide: true },
  ],
  reliesOn: relied(
    { type: z.enum(agentTypes), maxTasks: z.number() },
    { state: z.enum(agentStates).optional() },
  ),
  // An agent that is deleted is replaced, and its task goes to another agent.
  people: 'delete',
} as const satisfies KindDefinition

type AgentSpec = z.infer<typeof spec>
export type AgentStatus = z.infer<typeof status>
export type Agent = ApiObject<AgentSpec, AgentStatus>
