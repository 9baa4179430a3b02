import { z } from 'zod'
import { ports } from '../core/api/names.ts'
import { hostsProblem } from './source-hosts.ts'

const mebibyte = 1024 * 1024

const listOf = (text: string): readonly string[] =>
  text.split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]))

const schema = z
  .object({
    FORGE_DATA: z.string().min(1),
    PORT: z.coerce.number().int().min(0).max(65535).default(ports.forge),
    POD_NAMESPACE: z.string().min(1),
    GUILDHALL_OPERATOR_SERVICE_ACCOUNT: z.string().min(1).default('guildhall-operator'),
    GUILDHALL_AGENT_SERVICE_ACCOUNT: z.string().min(1).default('guildhall-agent'),
    GUILDHALL_READER_SERVICE_ACCOUNT: z.string().min(1).default('guildhall-reader'),
    FORGE_MAX_PUSH_MIB: z.coerce.number().int().min(1).default(256),
    FORGE_RESERVE_MIB: z.coerce.number().int().min(1).default(256),
    /** Names, addresses and CIDR blocks, with commas between them. */
    FORGE_SOURCES_ALLOWED_HOSTS: z
      .string()
      .default('')
      .transform(listOf)
      .superRefine((hosts, context) => {
        const message = hostsProblem(hosts)
        if (message !== undefined) context.addIssue({ code: 'custom', message })
      }),
    FORGE_SOURCES_ALLOW_PRIVATE: z.enum(['true', 'false']).default('false'),
    LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  })
  .transform((variables) => ({
    data: variables.FORGE_DATA,
    port: variables.PORT,
    accounts: {
      namespace: variables.POD_NAMESPACE,
      operator: variables.GUILDHALL_OPERATOR_SERVICE_ACCOUNT,
      agent: variables.GUILDHALL_AGENT_SERVICE_ACCOUNT,
      reader: variables.GUILDHALL_READER_SERVICE_ACCOUNT,
    },
    maxPushBytes: variables.FORGE_MAX_PUSH_MIB * mebibyte,
    reserveBytes: variables.FORGE_RESERVE_MIB * mebibyte,
    sources: {
      allowedHosts: variables.FORGE_SOURCES_ALLOWED_HOSTS,
      allowPrivate: variables.FORGE_SOURCES_ALLOW_PRIVATE === 'true',
    },
    logLevel: variables.LOG_LEVEL,
  }))

/** How the forge is run. */
type Settings = z.output<typeof schema>

/**
 * Reads the settings from the environment. Errors: one sentence that names every variable that is
 * wrong.
 */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const parsed = schema.safeParse(environment)
  if (parsed.success) return parsed.data
  const wrong = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  throw new Error(`the forge cannot start; set these variables: ${wrong.join('; ')}`)
}
