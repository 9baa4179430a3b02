// All settings in one schema. The chart renders them; the operator refuses a wrong one with a
// sentence that names it.
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'
import { agentReuses, agentTypes } from '../../core/api/agent-types.ts'
import { tiers } from '../../core/api/language-model.ts'
import { objectNameOf } from '../../core/api/names.ts'
import { modelProfile } from '../../core/models/profile.ts'
import { agentTemplate } from './agent-template.ts'

const units: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
}

/** An amount of memory as Kubernetes writes it, e.g. `8Gi`; read as bytes. */
const amount = z.string().transform((text, context) => {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)([kMGT]i?|Ki)?$/.exec(text) ?? []
  const factor = units[unit]
  if (number !== '' && factor !== undefined) return Math.floor(Number(number) * factor)
  context.addIssue({ code: 'custom', message: `'${text}' is no amount of memory such as 8Gi` })
  return z.NEVER
})

/** One model of the installation; a LanguageModel is kept for it. */
const configuredModel = modelProfile.omit({ tier: true, endpoint: true }).extend({
  /** URL of its server. Default: the installation's own server. */
  endpoint: z.url().optional(),
  /** How strong the model is. Default: the self-test finds out. */
  tier: z.enum(tiers).optional(),
  /** Let the server pull the model when it does not hold it. */
  pull: z.boolean().default(false),
})
export type ConfiguredModel = Readonly<z.infer<typeof configuredModel>>

const schema = z.object({
  agents: z.object({
    /** Their Pods. */
    template: agentTemplate,
    /** Where they reach the hub. */
    hubUrl: z.url(),
    maxAgents: z.int().min(1).max(500).default(10),
    idleSeconds: z.int().min(5).default(300),
    maxTasks: z.int().min(1).default(50),
    /**
     * Whose tasks an agent takes after its first one: those of the same request, or of any request.
     */
    reuse: z.enum(agentReuses).default('request'),
    /**
     * Models by agent type. Default for a type: the model of the request, then the default model.
     */
    models: z.partialRecord(z.enum(agentTypes), z.string().min(1)).default({}),
  }),
  forge: z.object({
    url: z.url(),
    tokenFile: z.string().default('/var/run/secrets/guildhall/forge/token'),
  }),
  /** The installation's own model server. */
  modelServer: z
    .object({
      url: z.url().optional(),
      /** The addresses of its replicas, when there are several. */
      replicas: z.array(z.url()).min(1).optional(),
      /** No model is pulled from outside the cluster, whatever a LanguageModel says. */
      airGapped: z.boolean().default(false),
      /**
       * Memory limit of its container, in bytes. Without it no model is refused for lack of memory.
       */
      memory: amount.optional(),
      /** Size of its volume, in bytes. Without it no model is refused for lack of disk space. */
      disk: amount.optional(),
    })
    .default({ airGapped: false }),
  /** The first model is the default. */
  models: z.array(configuredModel).min(1),
  log: z
    .object({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') })
    .default({ level: 'info' }),
  hubPort: z.int().default(8080),
  healthPort: z.int().default(8081),
})

const checked = schema.superRefine(({ modelServer, models }, context) => {
  for (const [index, { endpoint }] of models.entries())
    if (endpoint === undefined && modelServer.url === undefined)
      context.addIssue({
        code: 'custom',
        path: ['models', index, 'endpoint'],
        message: 'is missing, and there is no modelServer.url to use instead',
      })
  const taken = new Map<string, string>()
  for (const [index, { name }] of models.entries()) {
    const objectName = objectNameOf(name)
    const other = taken.get(objectName)
    taken.set(objectName, name)
    if (other === undefined) continue
    context.addIssue({
      code: 'custom',
      path: ['models', index, 'name'],
      message:
        other === name
          ? `${name} is named twice; name it once`
          : `${name} would be the LanguageModel ${objectName}, as ${other} is; leave one of them out, and make a LanguageModel for it yourself`,
    })
  }
})

/** The operator's settings, defaults filled in. */
export type Config = z.infer<typeof schema>
export type AgentSettings = Config['agents']

/** Pod name, uid and namespace of this process, from the downward API. */
export interface PodIdentity {
  readonly podName: string
  /** Unknown outside a Pod. */
  readonly podUid?: string | undefined
  readonly namespace: string
}

/** A setting is wrong; the message names the field and what it wants. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code = 'config'
}

/** Reads and checks the settings. Throws `ConfigError` with one line for each wrong field. */
export function parseConfig(text: string): Config {
  const result = checked.safeParse(parse(text))
  if (result.success) return result.data
  const lines = result.error.issues.map(
    (issue) => `${issue.path.join('.') || 'config'}: ${issue.message}`,
  )
  throw new ConfigError(lines.join('\n'))
}

/**
 * Reads the settings from the file that `--config` or GUILDHALL_CONFIG names, and the identity from
 * the environment.
 */
export function loadConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): { readonly config: Config; readonly identity: PodIdentity } {
  const flag = argv.indexOf('--config')
  const path = flag >= 0 ? argv[flag + 1] : env['GUILDHALL_CONFIG']
  if (path === undefined)
    throw new ConfigError('no settings: start with --config FILE or set GUILDHALL_CONFIG')
  return {
    config: parseConfig(readFileSync(path, 'utf8')),
    identity: {
      podName: env['POD_NAME'] ?? 'guildhall-operator-local',
      podUid: env['POD_UID'],
      namespace: env['POD_NAMESPACE'] ?? 'guildhall',
    },
  }
}
