import { z } from 'zod'
import { agentTypes } from '../../core/api/agent-types.ts'

const environment = z.object({
  GUILDHALL_HUB_URL: z.string().transform((url) => url.replace(/\/+$/, '')),
  GUILDHALL_TOKEN_FILE: z.string().default('/var/run/secrets/guildhall/hub/token'),
  GUILDHALL_AGENT: z.string(),
  GUILDHALL_AGENT_TYPE: z.enum(agentTypes),
  GUILDHALL_WORKSPACE: z.string().default('/workspace'),
  GUILDHALL_GIT: z.string().default('/git'),
  GUILDHALL_SANDBOX_SOCKET: z.string().default('/run/guildhall/sandbox.sock'),
  GUILDHALL_ASSETS: z.string().default('/app/assets'),
  /** Transports git may use, with commas between. */
  GUILDHALL_GIT_PROTOCOLS: z.string().default('http,https'),
})

/** What the Pod's environment says. */
export interface AgentConfig {
  readonly hubUrl: string
  readonly tokenFile: string
  readonly agent: string
  readonly agentType: (typeof agentTypes)[number]
  readonly workspace: string
  readonly gitRoot: string
  readonly sandboxSocket: string
  readonly assets: string
  readonly protocols: readonly string[]
}

/** Reads the environment. Throws an error that names every variable that is missing or wrong. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): AgentConfig {
  const parsed = environment.safeParse(env)
  if (!parsed.success)
    throw new Error(`the agent's environment is wrong:\n${z.prettifyError(parsed.error)}`)
  const values = parsed.data
  return {
    hubUrl: values.GUILDHALL_HUB_URL,
    tokenFile: values.GUILDHALL_TOKEN_FILE,
    agent: values.GUILDHALL_AGENT,
    agentType: values.GUILDHALL_AGENT_TYPE,
    workspace: values.GUILDHALL_WORKSPACE,
    gitRoot: values.GUILDHALL_GIT,
    sandboxSocket: values.GUILDHALL_SANDBOX_SOCKET,
    assets: values.GUILDHALL_ASSETS,
    protocols: values.GUILDHALL_GIT_PROTOCOLS.split(',').filter(Boolean),
  }
}
