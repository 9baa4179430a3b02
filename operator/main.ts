// The operator's wiring, and nothing else: settings -> client -> caches -> controllers, hub, audit -> manager.
import { pino } from 'pino'
import { leaderLease } from './api/names.ts'
import { ConfigError, loadConfig } from './config.ts'
import { agentReconciler, Outcomes } from './controllers/agent/controller.ts'
import { StartFailures } from './controllers/agent/start-failures.ts'
import { taskReconciler } from './controllers/agenttask/controller.ts'
import { requestReconciler } from './controllers/devrequest/controller.ts'
import { planMaker } from './controllers/devrequest/make-plan.ts'
import { modelsInUse, ModelWatch } from './controllers/devrequest/model-watch.ts'
import { Planning } from './controllers/devrequest/planning.ts'
import { planningStall } from './controllers/devrequest/stalls.ts'
import { openWorld } from './controllers/open-world.ts'
import { schedulerKey, schedulerReconciler } from './controllers/scheduler/controller.ts'
import { connect } from './controllers/triggers.ts'
import { doorsOf } from './doors.ts'
import { ForgeClient } from './forge-client.ts'
import { Lines } from './hub/lines.ts'
import { Hub } from './hub/server.ts'
import { KubeClient } from './kube/client.ts'
import { LeaderLabel } from './leader-label.ts'
import { modelMetrics } from './model-metrics.ts'
import { createGateway } from './models/gateway.ts'
import { createPulls, probeModel } from './models/health.ts'
import { Registry } from './registry/registry.ts'
import { systemClock as clock, systemRandom as random } from './runtime/clock.ts'
import { Controller, type Reconcile } from './runtime/controller.ts'
import { HealthServer } from './runtime/health.ts'
import { LeaderElector, leaderIdentity } from './runtime/leader.ts'
import { Manager } from './runtime/manager.ts'
import { Metrics } from './runtime/metrics.ts'
import { stopSignal } from './runtime/signals.ts'

async function main(): Promise<void> {
  const { config, identity } = loadConfig(process.argv, process.env)
  const { namespace, podName } = identity
  const { agents: settings, models: profiles } = config
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
  const { world, recorder } = openWorld({
    client,
    namespace,
    podName,
    log,
    clock,
    random,
    observer: metrics.informer,
  })

  const lines = new Lines(clock)
  const outcomes = new Outcomes()
  const starts = new StartFailures(clock)
  const forge = new ForgeClient({ ...config.forge, clock })
  const profileOf = (name: string) => profiles.find((profile) => profile.name === name)
  const gateway = createGateway({
    profile: profileOf,
    clock,
    random,
    metrics: modelMetrics(metrics.registry),
    trace: ({ system, prompt, text, blocks, value, ...figures }) => {
      const { request, task, model, purpose, verdict } = figures
      log.info({ call: figures, request, task }, `model ${model} answered ${purpose}: ${verdict}`)
      log.debug({ trace: figures.id, system, prompt, text, blocks, value }, 'model call')
    },
  })
  const pulls = createPulls({ signal })
  const models = new ModelWatch({
    clock,
    inUse: () => modelsInUse(world.requests.list()),
    probe: async (name, stop) => {
      const profile = profileOf(name)
      return profile === undefined
        ? { state: 'missing' }
        : probeModel(profile, { signal: stop, pulls, clock })
    },
    onChange: (model) => {
      for (const { metadata, status } of world.requests.list())
        if (status?.model === model) controllers.requests.enqueue(`${namespace}/${metadata.name}`)
    },
  })
  const planning = new Planning({
    make: planMaker({ forge, gateway, profileOf, log }),
    stallOf: planningStall,
    onChange: (key) => controllers.requests.enqueue(key),
    clock,
    log,
  })
  const doors = doorsOf(world, {
    gateway,
    lines,
    outcomes,
    profiles,
    forgeUrl: config.forge.url,
    serviceAccountName: settings.serviceAccountName,
    log,
  })

  const views = [world.requests, world.tasks, world.agents, world.pods]
  const controller = (
    name: string,
    reconcile: Reconcile,
    concurrency: number,
    timeoutMs = 60_000,
  ): Controller =>
    new Controller({ name, reconcile, concurrency, timeoutMs, views, log, clock, random, metrics })
  const controllers = {
    requests: controller(
      'devrequest',
      requestReconciler(world, { forge, planning, models, profiles, gateway }),
      8,
      // The forge may take minutes to mirror a large repository; its client has a shorter limit of its own.
      330_000,
    ),
    tasks: controller('agenttask', taskReconciler(world, { forge, lines }), 8),
    agents: controller('agent', agentReconciler(world, { lines, settings, outcomes, starts }), 4),
    scheduler: controller(
      'scheduler',
      schedulerReconciler(world, { lines, settings, starts, dispatch: doors.dispatch }),
      1,
    ),
  }
  connect(world, lines, outcomes, controllers)
  controllers.scheduler.enqueue(schedulerKey)

  const elector = new LeaderElector({
    client,
    namespace,
    name: leaderLease,
    identity: leaderIdentity(random),
    clock,
    random,
    log,
    onChange: (isLeader) => metrics.onLeader(leaderLease, isLeader),
  })
  const label = new LeaderLabel({ client, namespace, podName, log })
  await label.clear({ signal })
  const manager: Manager = new Manager({
    log,
    clock,
    server: new HealthServer({
      port: config.healthPort,
      live: { lease: () => elector.problem() },
      ready: { caches: () => manager.problem() },
      metrics: () => metrics.text(),
    }),
    caches: views,
    always: [recorder, world.audit],
    election: elector,
    leading: [
      new Hub({ port: config.hubPort, doors, lines, log, clock }),
      label,
      ...Object.values(controllers),
      models,
      new Registry({
        client,
        namespace,
        clock,
        log,
        agents: () => world.agents.list(),
        live: (agent) => lines.factsOf(agent.status?.podUid),
      }),
    ],
  })
  log.info({ namespace, models: profiles.map(({ name }) => name), settings }, 'operator starts')
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
