// The agent container's process: wiring only.
import { readFile } from 'node:fs/promises'
import { agentTimes } from '../../core/api/agent-times.ts'
import { Agent } from './agent.ts'
import { readConfig } from './config.ts'
import { connectHub } from './hub-client.ts'
import { createLog } from './log.ts'
import { connectSandbox } from './sandbox-client.ts'
import { within } from './waiting.ts'

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
const agent = new Agent(
  {
    agent: config.agent,
    type: config.agentType,
    assets: config.assets,
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
