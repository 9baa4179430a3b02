import { z } from 'zod'

const resources = z.object({
  requests: z.record(z.string(), z.string()).optional(),
  limits: z.record(z.string(), z.string()).optional(),
})

/**
 * The settings of the Pods of agents in one object, so that a second sort of agents needs only a
 * second object. The parts that every agent must have (containers, users, volumes, token) are not
 * settings: `agentPod` has them.
 */
export const agentTemplate = z.object({
  image: z.string().min(1),
  imagePullPolicy: z.enum(['Always', 'IfNotPresent', 'Never']).default('IfNotPresent'),
  serviceAccountName: z.string().default('guildhall-agent'),
  /** The two containers of a Pod. */
  resources: z
    .object({ agent: resources.default({}), sandbox: resources.default({}) })
    .default({ agent: {}, sandbox: {} }),
  workspaceSizeLimit: z.string().default('2Gi'),
  /** Not less than 30: the agent takes 22 seconds of it for its clean-up and its last lines. */
  gracePeriodSeconds: z.int().min(30).default(30),
  /** Further variables of both containers; those that the agent needs itself win. */
  environment: z.record(z.string(), z.string()).default({}),
  /** Empty: the cluster's default. */
  runtimeClassName: z.string().default(''),
  nodeSelector: z.record(z.string(), z.string()).default({}),
  tolerations: z.array(z.record(z.string(), z.unknown())).default([]),
})
export type AgentTemplate = Readonly<z.infer<typeof agentTemplate>>
