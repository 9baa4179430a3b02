// What the controllers rely on in an object. Much less than its schema says, since the API server checks that when somebody
// writes; but what was stored by another version, or before a rule existed, was checked by nobody.
import { z } from 'zod'
import { agentStates, type Agent } from '../../api/agent.ts'
import type { AgentTask } from '../../api/agent-task.ts'
import { agentTypes, priorities } from '../../api/agent-types.ts'
import type { DevRequest } from '../../api/devrequest.ts'
import { tiers, type LanguageModel } from '../../api/language-model.ts'

const metadata = z.looseObject({
  name: z.string(),
  namespace: z.string(),
  uid: z.string(),
  creationTimestamp: z.string(),
})
const conditions = z
  .array(
    z.looseObject({
      type: z.string(),
      status: z.enum(['True', 'False', 'Unknown']),
      reason: z.string(),
      lastTransitionTime: z.string(),
    }),
  )
  .optional()
const moment = z.string().refine((text) => !Number.isNaN(Date.parse(text)), 'is no time')
const audit = z
  .looseObject({ stored: z.number(), pending: z.array(z.looseObject({ after: z.string() })) })
  .optional()

const task = z.looseObject({
  metadata,
  spec: z.looseObject({
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
  }),
  status: z
    .looseObject({
      conditions,
      audit,
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
    })
    .optional(),
})

const agent = z.looseObject({
  metadata,
  spec: z.looseObject({ type: z.enum(agentTypes), maxTasks: z.number() }),
  status: z.looseObject({ conditions, audit, state: z.enum(agentStates).optional() }).optional(),
})

/** Its spec is judged by its controller, which has more to say about it. */
const model = z.looseObject({
  metadata,
  spec: z.looseObject({
    model: z.string(),
    contextTokens: z.number(),
    outputTokens: z.number(),
    parallel: z.number(),
    endpoint: z.string().optional(),
    tier: z.enum(tiers).optional(),
  }),
  status: z
    .looseObject({
      conditions,
      audit,
      tier: z.enum(tiers).optional(),
      test: z.looseObject({ digest: z.string(), contextTokens: z.number() }).optional(),
    })
    .optional(),
})

/** Its spec is judged by its controller, which has more to say about it. */
const request = z.looseObject({
  metadata,
  spec: z.looseObject({ request: z.string() }),
  status: z
    .looseObject({
      conditions,
      audit,
      plan: z
        .looseObject({
          hash: z.string(),
          tasks: z.array(z.looseObject({ name: z.string(), after: z.array(z.string()) })),
        })
        .optional(),
    })
    .optional(),
})

function checkBy(schema: z.ZodType): (object: unknown) => string | undefined {
  return (object) => {
    const { success, error } = schema.safeParse(object)
    if (success) return undefined
    const said = error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    return said.join('; ').slice(0, 500)
  }
}

/** A sentence when an AgentTask cannot be worked on. */
export const checkTask: (object: AgentTask) => string | undefined = checkBy(task)
/** The same for an Agent. */
export const checkAgent: (object: Agent) => string | undefined = checkBy(agent)
/** The same for a DevRequest. */
export const checkRequest: (object: DevRequest) => string | undefined = checkBy(request)
/** The same for a LanguageModel. */
export const checkModel: (object: LanguageModel) => string | undefined = checkBy(model)
