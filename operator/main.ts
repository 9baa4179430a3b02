// The operator's wiring, and nothing else: settings -> client -> caches -> controllers, hub, audit -> manager.
import { pino } from 'pino'
import { agents, agentTasks, devRequests } from './api/kinds.ts'
import { labels, leaderLease, reportingController } from './api/names.ts'
import { isFinished } from './api/task-state.ts'
import { AuditLog } from './audit/log.ts'
import { ConfigError, loadConfig } from './config.ts'
import { agentReconciler, Outcomes } from './controllers/agent/controller.ts'
import { taskReconciler } from './controllers/agenttask/controller.ts'
import { requestReconciler } from './controllers/devrequest/controller.ts'
import { planMaker } from './controllers/devrequest/make-plan.ts'
import { ModelWatch } from './controllers/devrequest/model-watch.ts'
import { Planning } from './controllers/devrequest/planning.ts'
import { planningStall } from './controllers/devrequest/stalls.ts'
import { schedulerKey, schedulerReconciler } from './controllers/scheduler/controller.ts'
import { connect } from './controllers/triggers.ts'
import { byRequest, byUid, type World } from './controllers/world.ts'
import { doorsOf } from './doors.ts'
import { ForgeClient } from './forge-client.ts'
import { Hub } from './hub/server.ts'
import { Lines } from './hub/lines.ts'
import { LeaderLabel } from './leader-label.ts'
import { KubeClient } from './kube/client.ts'
import { pods } from './kube/core.ts'
import { Informer } from './kube/informer.ts'
import { createGateway } from './models/gateway.ts'
import { createPulls, probeModel } from './models/health.ts'
import { Registry } from './registry/registry.ts'
import { systemClock as clock, systemRandom as random } from './runtime/clock.ts'
import { Controller, type Reconcile } from './runtime/controller.ts'
import { EventRecorder, referenceTo } from './runtime/events.ts'
import { HealthServer } from './runtime/health.ts'
import { LeaderElector, leaderIdentity } from './runtime/leader.ts'
import { Manager } from './runtime/manager.ts'
import { Metrics } from './runtime/metrics.ts'
import { stopSignal } from './runtime/signals.ts'

async function main(): Promise<void> {
  const { config, identity } = loadConfig(process.argv, process.env)
  const { namespace, podName } = identity
  const log = pino({
    level: config.log.level,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }) },
    base: null,
  })
  const metrics = new Metrics({ clock })
  const client = await KubeClient.connect({
    env: process.env,
    clock,
    random,
    userAgent: 'guildhall-operator',
    onRequest: metrics.onRequest,
  })
  const signal = stopSignal(process, () => process.exit(1))
  const abort = new AbortController()

  const cache = { client, namespace, log, clock, random, observer: metrics.informer }
  const world: World = {
    namespace,
    client,
    clock,
    requests: new Informer({ ...cache, resource: devRequests }),
    tasks: new Informer({
      ...cache,
      resource: agentTasks,
      indexers: {
        [byRequest]: (task) => [`${task.metadata.namespace}/${task.spec.requestRef.name}`],
      },
    }),
    agents: new Informer({ ...cache, resource: agents }),
    pods: new Informer({
      ...cache,
      resource: pods,
      labelSelector: `${labels.component}=agent`,
      indexers: { [byUid]: (pod) => [pod.metadata.uid ?? ''] },
    }),
    events: {
      record: (regarding, { message, ...notice }) =>
        events.record({
          regarding: {
            ...referenceTo(devRequests, regarding),
            kind: regarding.kind ?? 'DevRequest',
          },
          ...notice,
          note: message,
        }),
    },
    audit: new AuditLog({ client, namespace, clock, log }),
  }
  const events = new EventRecorder({
    client,
    clock,
    random,
    log,
    reportingController,
    reportingInstance: podName,
  })

  const lines = new Lines(clock)
  const outcomes = new Outcomes()
  const forge = new ForgeClient({ ...config.forge, clock })
  const profileOf = (name: string) => config.models.find((profile) => profile.name === name)
  const pulls = createPulls({ signal })
  const gateway = createGateway({
    profile: profileOf,
    clock,
    random,
    trace: ({ system, prompt, text, blocks, value, ...figures }) => {
      log.info(
        { call: figures, request: figures.request, task: figures.task },
        `model ${figures.model} answered ${figures.purpose}: ${figures.verdict}`,
      )
      log.debug({ trace: figures.id, system, prompt, text, blocks, value }, 'model call')
    },
  })
  const models = new ModelWatch({
    clock,
    inUse: () => [
      ...new Set(
        world.requests
          .list()
          .filter((request) => request.status?.completionTime === undefined)
          .flatMap((request) => request.status?.model ?? []),
      ),
    ],
    probe: async (name, stop) => {
      const profile = profileOf(name)
      if (profile === undefined) return { state: 'missing' }
      return probeModel(profile, { signal: stop, pulls, clock })
    },
    onChange: (model) => {
      for (const request of world.requests.list())
        if (request.status?.model === model)
          controllers.requests.enqueue(`${namespace}/${request.metadata.name}`)
    },
  })
  const planning = new Planning({
    make: planMaker({ forge, gateway, profileOf, log }),
    stallOf: planningStall,
    onChange: (key) => controllers.requests.enqueue(key),
    log,
  })
  const doors = doorsOf(world, {
    gateway,
    lines,
    outcomes,
    profiles: config.models,
    forgeUrl: config.forge.url,
    serviceAccountName: config.agents.serviceAccountName,
    log,
    abort: abort.signal,
  })

  const views = [world.requests, world.tasks, world.agents, world.pods]
  const controller = (name: string, reconcile: Reconcile, concurrency: number): Controller =>
    new Controller({ name, reconcile, concurrency, views, log, clock, random, metrics })
  const settings = config.agents
  const controllers = {
    requests: controller(
      'devrequest',
      requestReconciler(world, { forge, planning, models, profiles: config.models }),
      4,
    ),
    tasks: controller('agenttask', taskReconciler(world, { forge, lines }), 8),
    agents: controller('agent', agentReconciler(world, { lines, settings, outcomes }), 4),
    scheduler: controller(
      'scheduler',
      schedulerReconciler(world, { lines, settings, dispatch: doors.dispatch }),
      1,
    ),
  }
  connect(world, lines, controllers)
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
  const registry = new Registry({
    client,
    namespace,
    clock,
    log,
    agents: () => world.agents.list(),
    live: (agent) => {
      const heard = lines.of(agent.status?.podUid)
      return heard.open
        ? {
            lastHeard: new Date(clock.now()).toISOString(),
            activity: heard.activity,
            memoryBytes: heard.memoryBytes,
          }
        : undefined
    },
  })
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
    always: [events, world.audit],
    election: elector,
    leading: [
      new Hub({ port: config.hubPort, doors, lines, log, clock }),
      label,
      ...Object.values(controllers),
      models,
      registry,
    ],
  })
  log.info(
    {
      namespace,
      models: config.models.map((profile) => profile.name),
      maxAgents: settings.maxAgents,
      idleSeconds: settings.idleSeconds,
    },
    'operator starts',
  )
  await manager.run({ signal })
  abort.abort(new Error('the operator stopped'))
  await client.close()
  log.info(
    { unfinished: world.tasks.list().filter((task) => !isFinished(task)).length },
    'operator stopped',
  )
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
