// Wiring: environment -> forge -> signals. Nothing else reads process.env.
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { KubeClient } from '../core/kube/client.ts'
import { systemClock, systemRandom } from '../core/base/clock.ts'
import { createForge } from './forge.ts'
import { kubeTaskReader } from './access.ts'
import { systemResolve } from './source-hosts.ts'
import { startServer } from './server.ts'
import { readSettings } from './settings.ts'

/** How long running requests may take to finish once the Pod is told to stop. */
const graceMs = 20_000

const { env } = process
const settings = readSettings(env)
const log = pino({ name: 'guildhall-forge', level: settings.logLevel })
const client = await KubeClient.connect({
  clock: systemClock,
  random: systemRandom,
  env,
  userAgent: 'guildhall-forge',
})
const end = new AbortController()
const forge = await createForge({
  ...settings,
  templates: fileURLToPath(new URL('./templates', import.meta.url)),
  client,
  tasks: kubeTaskReader(client, settings.accounts.namespace),
  clock: systemClock,
  random: systemRandom,
  log,
  resolve: systemResolve,
  environment: env,
  signal: end.signal,
})
const server = await startServer(forge, { port: settings.port, cutOff: () => end.abort() })
log.info({ port: server.port, data: settings.data }, 'forge is listening')

const stop = async (signal: NodeJS.Signals) => {
  log.info({ signal }, 'stopping')
  await server.stop(graceMs)
  await client.close()
  log.info({}, 'stopped')
}
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, (signal) => void stop(signal))
