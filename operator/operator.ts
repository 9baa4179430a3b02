import { leaderLease } from '../core/api/names.ts'
import type { AuditLog } from './audit/log.ts'
import type { Config, PodIdentity } from './settings/config.ts'
import { agentReconciler } from './controllers/agent/controller.ts'
import { Outcomes } from './controllers/agent/outcomes.ts'
import { StartFailures } from './controllers/agent/start-failures.ts'
import { invalidReconciler, watchInvalid } from './controllers/invalid/controller.ts'
import { taskReconciler } from './controllers/agenttask/controller.ts'
import { requestReconciler } from './controllers/devrequest/controller.ts'
import { type MakePlan, Planning } from './controllers/devrequest/planning.ts'
import { planningStall } from './controllers/devrequest/stalls.ts'
import { settingsKey, settingsReconciler } from './controllers/languagemodel/configured.ts'
import { modelReconciler } from './controllers/languagemodel/controller.ts'
import { Models, profileOf } from './controllers/languagemodel/models.ts'
import { SelfTests } from './controllers/languagemodel/self-tests.ts'
import type { ModelServers } from '../core/models/fleet/fleet.ts'
import { openWorld } from './controllers/open-world.ts'
import { cachesOf } from './controllers/world.ts'
import { schedulerKey, schedulerReconciler } from './scheduler/controller.ts'
import { connect } from './controllers/triggers.ts'
import { hubBackend } from './hub/backend.ts'
import type { Forge } from './forge/client.ts'
import { Hub } from './hub/hub.ts'
import { AgentStreams } from './presence/agent-streams.ts'
import type { KubeClient } from '../core/kube/client.ts'
import { type Clock, type Random, steadyClock } from '../core/base/clock.ts'
import type { Logger } from '../core/base/logger.ts'
import { keyOf } from '../core/kube/resource.ts'
import { LeaderLabel } from './hub/leader-label.ts'
import type { Gateway } from '../core/models/gateway.ts'
import type { ModelProfile } from '../core/models/profile.ts'
import { Registry } from './registry/registry.ts'
import { Controller, type Reconcile } from '../core/kube/runtime/controller.ts'
import { LeaderElector, leaderIdentity } from '../core/kube/runtime/leader.ts'
import { Manager, type ManagerOptions, type Runnable } from '../core/kube/runtime/manager.ts'
import type { Metrics } from '../core/kube/runtime/metrics.ts'

/** Everything that the operator uses outside itself. `main.ts` gives the real things, the simulator its own. */
export interface Surroundings {
  readonly client: KubeClient
  readonly forge: Forge
  /** Makes the gateway, the servers and the planner, once the profiles of the models can be looked up. */
  readonly connectModels: (known: {
    readonly profileOf: (model: string) => ModelProfile | undefined
    /** For records of model calls, which change no object. */
    readonly audit: Pick<AuditLog, 'append'>
  }) => {
    readonly gateway: Gateway
    readonly servers: ModelServers
    readonly plan: MakePlan
  }
  /** Serves the hub to agents. It runs while this process leads. */
  readonly serveHub: (hub: Hub) => Runnable
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly metrics?: Metrics | undefined
}

interface Operator {
  readonly manager: Manager
  readonly elector: LeaderElector
}

/** Puts one operator together: caches -> controllers, hub, audit -> manager. Nothing runs before `manager.run`. */
export function assembleOperator(
  { config, identity }: { readonly config: Config; readonly identity: PodIdentity },
  surroundings: Surroundings,
  serveHealth?: (operator: Operator) => ManagerOptions['server'],
): Operator {
  const { forge, random, log, metrics } = surroundings
  const clock = steadyClock(surroundings.clock)
  const { namespace, podName } = identity
  const { agents: settings, modelServer, models: configured } = config
  const label = new LeaderLabel({ client: surroundings.client, namespace, podName, clock, log })
  const elector = new LeaderElector({
    client: surroundings.client,
    namespace,
    name: leaderLease,
    ...leaderIdentity(identity, random),
    clock,
    random,
    log,
    onChange: (isLeader) => {
      metrics?.onLeader(leaderLease, isLeader)
      label.follow(isLeader)
    },
  })
  // Everything below writes with this client, which stops when the Lease may have passed on: see `LeaderElector.writableMs`.
  const client = surroundings.client.guarded(() => elector.writableMs())
  const { world, recorder, audit } = openWorld({
    client,
    namespace,
    podName,
    log,
    clock,
    random,
    observer: metrics?.informer,
    onEventDropped: metrics?.onEventDropped,
  })
  const streams = new AgentStreams(clock)
  const outcomes = new Outcomes(world.agents)
  const starts = new StartFailures(clock)
  const ownServer = modelServer.url ?? ''
  const installation = {
    endpoint: ownServer,
    replicas: modelServer.replicas,
    tokens: configured.flatMap(({ name: model, endpoint = ownServer, tokenFile: file }) =>
      file === undefined ? [] : { model, endpoint, file },
    ),
  }
  const models = new Models({
    informer: world.models,
    installation,
    configured: configured.map(({ name }) => name),
  })
  const profileByName = (name: string) => models.profile(name)
  const { gateway, servers, plan } = surroundings.connectModels({ profileOf: profileByName, audit })
  // Token counts of a deleted request must not count against a new request of the same name.
  world.requests.onChange(({ name }, request) => gateway.forgetOthers(name, request?.metadata.uid))
  const tests = new SelfTests({
    models: world.models,
    profileOf: (model) => profileOf(model, installation),
    servers,
    onChange: (key) => controllers.models.enqueue(key),
    clock,
    log,
  })
  const planning = new Planning({
    requests: world.requests,
    make: plan,
    stallOf: (error) => planningStall(error, namespace),
    onChange: (key) => controllers.requests.enqueue(key),
    clock,
    log,
  })
  const backend = hubBackend(world, {
    gateway,
    streams,
    outcomes,
    profileOf: profileByName,
    forgeUrl: config.forge.url,
    serviceAccountName: settings.template.serviceAccountName,
    log,
  })

  const views = [...cachesOf(world), world.pods]
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
      requestReconciler(world, { forge, planning, models, modelOfType: settings.models }),
      8,
      // The forge may take minutes to mirror a large repository; its client has a shorter limit of its own.
      330_000,
    ),
    tasks: controller('agenttask', taskReconciler(world, { forge, streams }), 8),
    invalid: controller('invalid', invalidReconciler(world), 1),
    agents: controller(
      'agent',
      agentReconciler(world, { streams, settings, outcomes, starts }),
      16,
    ),
    scheduler: controller(
      'scheduler',
      schedulerReconciler(world, {
        streams,
        settings,
        starts,
        outcomes,
        dispatch: backend.dispatch,
      }),
      1,
    ),
    models: controller(
      'languagemodel',
      modelReconciler(world, {
        servers,
        models,
        tests,
        installation,
        limits: { airGapped: modelServer.airGapped, memoryBytes: modelServer.memory },
      }),
      4,
    ),
    settings: controller('settings', settingsReconciler(world, configured, models), 1),
  }
  connect(world, streams, outcomes, models, {
    ...controllers,
    schedule: () => controllers.scheduler.enqueue(schedulerKey),
  })
  servers.onProgress((name) => {
    const model = models.find(name)
    if (model !== undefined) controllers.models.enqueue(keyOf(model.metadata))
  })
  watchInvalid(world, (key) => controllers.invalid.enqueue(key))
  controllers.scheduler.enqueue(schedulerKey)
  controllers.settings.enqueue(settingsKey)

  const manager: Manager = new Manager({
    log,
    clock,
    server: serveHealth?.({
      get manager() {
        return manager
      },
      elector,
    }),
    caches: views,
    always: [recorder, label],
    election: elector,
    leading: [
      audit,
      surroundings.serveHub(new Hub({ backend, streams, log, clock })),
      ...Object.values(controllers),
      new Registry({
        client,
        namespace,
        clock,
        log,
        agents: () => world.agents.list(),
        live: (agent) => streams.factsOf(agent.status?.podUid),
      }),
    ],
  })
  return { manager, elector }
}
