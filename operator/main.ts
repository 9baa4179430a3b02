// The operator's process: reads the settings and makes the real surroundings; `operator.ts` puts the parts together.
import { pino } from 'pino'
import { ConfigError, loadConfig } from './settings/config.ts'
import { planMaker } from './controllers/devrequest/planning.ts'
import { ForgeClient } from './forge/client.ts'
import { HubServer } from './hub/hub-server.ts'
import { KubeClient } from '../core/kube/client.ts'
import { callEntry } from './audit/model-calls.ts'
import { modelMetrics } from '../core/models/metrics.ts'
import { createGateway } from '../core/models/gateway.ts'
import { ConnectedServers } from '../core/models/fleet/connected.ts'
import { type Surroundings, assembleOperator } from './operator.ts'
import { systemClock as clock, systemRandom as random } from '../core/base/clock.ts'
import { HealthServer, eventLoopCheck } from '../core/kube/runtime/health.ts'
import { Metrics } from '../core/kube/runtime/metrics.ts'
import { stopSignal } from '../core/kube/runtime/manager.ts'

/** Verdicts of model calls whose message may quote the answer or the prompt. */
const quoting: ReadonlySet<string> = new Set(['OutputUnusable', 'QuestionRefused'])

async function main(): Promise<void> {
  const { config, identity } = loadConfig(process.argv, process.env)
  const log = pino({
    level: config.log.level,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }) },
    base: null,
  })
  const signal = stopSignal(process, () => process.exit(1))
  const metrics = new Metrics({ clock })
  const client = await KubeClient.connect({
    env: process.env,
    clock,
    random,
    userAgent: 'guildhall-operator',
    onRequest: metrics.onRequest,
  })
  const forge = new ForgeClient({ ...config.forge, clock, fetch })
  const measured = modelMetrics(metrics.registry)
  const connectModels: Surroundings['connectModels'] = ({ profileOf, audit }) => {
    const gateway = createGateway({
      profile: profileOf,
      clock,
      random,
      metrics: measured,
      trace: (record) => {
        const { system, prompt, text, blocks, value, message, ...figures } = record
        const { request, task, model, purpose, verdict } = figures
        const call = quoting.has(verdict) ? figures : { ...figures, message }
        log.info({ call, request, task }, `model ${model} answered ${purpose}: ${verdict}`)
        const words = { system, prompt, text, blocks, value, message }
        log.debug({ trace: figures.id, ...words }, 'model call')
        audit.append(callEntry(record))
      },
    })
    return {
      gateway,
      servers: new ConnectedServers({
        ...config.modelServer,
        namespace: identity.namespace,
        gateway,
        clock,
        random,
        signal,
      }),
      plan: planMaker({ forge, gateway, profileOf, log }),
    }
  }
  const { manager } = assembleOperator(
    { config, identity },
    {
      client,
      forge,
      connectModels,
      serveHub: (hub) => new HubServer({ port: config.hubPort, hub, log }),
      clock,
      random,
      log,
      metrics,
    },
    (operator) =>
      new HealthServer({
        port: config.healthPort,
        live: { lease: () => operator.elector.problem(), loop: eventLoopCheck() },
        ready: { manager: () => operator.manager.problem() },
        metrics: () => metrics.text(),
      }),
  )
  log.info(
    {
      namespace: identity.namespace,
      models: config.models.map(({ name }) => name),
      settings: config.agents,
    },
    'operator starts',
  )
  await manager.run({ signal })
  await client.close()
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    if (error instanceof ConfigError)
      console.error(`the operator's settings are wrong:\n${error.message}`)
    else console.error(error)
    process.exit(1)
  },
)
