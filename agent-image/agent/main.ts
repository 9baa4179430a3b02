// The agent container's process: its environment and the wiring.
import { readFile } from 'node:fs/promises'
import { agentTimes } from '../../core/api/agent-protocol.ts'
import { z } from 'zod'
import { agentTypes } from '../../core/api/agent-types.ts'
import { AgentProgram } from './agent.ts'
import { connectHub } from './hub-client.ts'
import { createLog } from './log.ts'
import { connectSandbox } from './sandbox-client.ts'
import { within } from './timers.ts'

const environment = z.object({
  GUILDHALL_HUB_URL: z.string().transform((url) => url.replace(/\/+$/, '')),
  GUILDHALL_TOKEN_FILE: z.string().default('/var/run/secrets/guildhall/hub/token'),
  GUILDHALL_AGENT: z.string(),
  GUILDHALL_AGENT_TYPE: z.enum(agentTypes),
  GUILDHALL_WORKSPACE: z.string().default('/workspace'),
  GUILDHALL_GIT: z.string().default('/git'),
  GUILDHALL_SANDBOX_SOCKET: z.string().default('/run/guildhall/sandbox.sock'),
  GUILDHALL_SANDBOX_PROGRAMS: z.string().default('/app/programs'),
  /** Transports git may use, with commas between. */
  GUILDHALL_GIT_PROTOCOLS: z.string().default('http,https'),
})

/** The settings in the Pod's environment. */
interface AgentConfig {
  readonly hubUrl: string
  readonly tokenFile: string
  readonly agent: string
  readonly agentType: (typeof agentTypes)[number]
  readonly workspace: string
  readonly gitRoot: string
  readonly sandboxSocket: string
  readonly programs: string
  readonly protocols: readonly string[]
}

/** Reads the environment. Throws an error that names every variable that is missing or wrong. */
function readConfig(env: Readonly<Record<string, string | undefined>>): AgentConfig {
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
    programs: values.GUILDHALL_SANDBOX_PROGRAMS,
    protocols: values.GUILDHALL_GIT_PROTOCOLS.split(',').filter(Boolean),
  }
}

const config = readConfig(process.env)
// Files must be writable by the sandbox's user, which shares only the group.
process.umask(0o002)

const hub = connectHub({
  url: config.hubUrl,
  tokenFile: config.tokenFile,
  random: Math.random,
  silenceMs: agentTimes.agentSilenceMs,
})
const log = createLog(
  (batch) => hub.logs(batch, { signal: within(10_000) }),
  (line) => process.stdout.write(line),
)
const agent = new AgentProgram(
  {
    agent: config.agent,
    type: config.agentType,
    programs: config.programs,
    workspace: {
      workspace: config.workspace,
      gitRoot: config.gitRoot,
      // The projected token is renewed in place, and the forge takes the hub's audience.
      token: async () => (await readFile(config.tokenFile, 'utf8')).trim(),
      protocols: config.protocols,
    },
    now: Date.now,
    random: Math.random,
  },
  { hub, sandbox: connectSandbox(config.sandboxSocket), log },
)
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => agent.terminate())
process.on('unhandledRejection', (error) => log.logger.error({ error: String(error) }, 'unhandled'))

log.logger.info({ agent: config.agent, type: config.agentType, hub: config.hubUrl }, 'agent begins')
await agent.run()
process.exit(0)
