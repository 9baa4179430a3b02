// The real operator as a process: the chart's settings, the rights of its ServiceAccount, its files
// as a Pod has them.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { audiences, labels } from '../../core/api/names.ts'
import { orMissing } from './api.ts'
import type { LabControlPlane } from './control-plane.ts'
import { namespace, paths } from './paths.ts'
import { freePorts, startProgram, untilAnswers, type Ended, type Program } from './programs.ts'

/** A kubelet's pause before it starts a container again, shortened. */
const restartMs = 500

const root = fileURLToPath(new URL('../..', import.meta.url))

/** One replica. It keeps its ports, its Pod's name and its log when it is started again. */
export interface OperatorReplica {
  readonly podName: string
  readonly hubPort: number
  readonly healthPort: number
  /** The newest process. */
  readonly process: Program
  /** How often it ended by itself and was started again, as a kubelet would. */
  readonly restarts: number
  /** SIGTERM, after `graceMs` SIGKILL. It stays down until `start`. Returns how it ended. */
  stop(graceMs?: number): Promise<Ended>
  /** SIGKILL. It stays down until `start`. */
  kill(): Promise<void>
  /** Starts it again after `stop` or `kill`; resolves when it answers. */
  start(): Promise<void>
  /** Resolves when its caches are full, and it follows or leads. */
  ready(): Promise<void>
  /** Its metrics in the Prometheus text format. */
  metrics(): Promise<string>
}

export interface OperatorOptions {
  readonly controlPlane: LabControlPlane
  readonly directory: string
  readonly podName: string
  readonly hubPort: number
  /** Base URL of the hub in the Pods of agents. */
  readonly hubUrl: string
  readonly forgeUrl: string
  readonly modelUrl: string
  /** Another way to the API server, e.g. a fault proxy. */
  readonly server?: string
  /** Laid over the chart's settings, one level deep. */
  readonly settings?: Readonly<Record<string, object>>
  /** The program; by default this repository's. */
  readonly entry?: string
  readonly nodeArguments?: readonly string[]
}

/** Starts a replica and resolves when it answers. */
export async function startOperator(options: OperatorOptions): Promise<OperatorReplica> {
  const { controlPlane, podName, hubPort } = options
  const directory = join(options.directory, podName)
  const account = join(directory, 'serviceaccount')
  await mkdir(account, { recursive: true })
  const [healthPort = 0] = await freePorts(1)
  const forgeToken = join(directory, 'forge-token')
  const token = (audience?: string) =>
    controlPlane.token({
      account: 'guildhall-operator',
      ...(audience === undefined ? {} : { audience }),
    })
  await Promise.all([
    writeFile(join(account, 'ca.crt'), controlPlane.ca),
    writeFile(join(account, 'namespace'), namespace),
    writeFile(join(account, 'token'), await token()),
    writeFile(forgeToken, await token(audiences.forge)),
    writeFile(
      join(directory, 'config.yaml'),
      stringify(settingsFor({ ...options, healthPort, forgeToken })),
    ),
  ])
  const podUid = await ensurePod(controlPlane, podName)
  const server = new URL(options.server ?? controlPlane.server)
  const launch = (): Promise<Program> =>
    startProgram({
      name: podName,
      command: [
        process.execPath,
        ...(options.nodeArguments ?? []),
        options.entry ?? join(root, 'operator/main.ts'),
        '--config',
        join(directory, 'config.yaml'),
      ],
      env: {
        POD_NAME: podName,
        POD_UID: podUid,
        POD_NAMESPACE: namespace,
        KUBERNETES_SERVICE_HOST: server.hostname,
        KUBERNETES_SERVICE_PORT: server.port,
        KUBERNETES_SERVICE_ACCOUNT_DIRECTORY: account,
      },
      log: join(options.directory, `${podName}.log`),
    })
  const health = `http://127.0.0.1:${healthPort}/healthz`
  const start = async (): Promise<Program> => {
    const program = await launch()
    await untilAnswers(program, health)
    return program
  }
  let current = await start()
  let wanted = true
  let restarts = 0
  const supervise = async (): Promise<void> => {
    await current.exited
    await sleep(restartMs)
    // A test stopped it, and perhaps started it again: then another watch goes on.
    if (!wanted || current.running) return
    restarts += 1
    current = await launch()
    if (wanted) return supervise()
    await current.stop()
  }
  void supervise()
  return {
    podName,
    hubPort,
    healthPort,
    get process() {
      return current
    },
    get restarts() {
      return restarts
    },
    async stop(graceMs) {
      wanted = false
      await current.stop(graceMs)
      return current.exited
    },
    async kill() {
      wanted = false
      current.signal('SIGKILL')
      await current.exited
    },
    async start() {
      if (current.running) throw new Error(`${podName} still runs`)
      current = await start()
      wanted = true
      void supervise()
    },
    ready: () => untilAnswers(current, `http://127.0.0.1:${healthPort}/readyz`),
    metrics: async () => (await fetch(`http://127.0.0.1:${healthPort}/metrics`)).text(),
  }
}

function settingsFor(
  options: OperatorOptions & { readonly healthPort: number; readonly forgeToken: string },
): Readonly<Record<string, unknown>> {
  const { controlPlane, settings = {}, hubPort, healthPort, hubUrl, forgeUrl } = options
  const over: Readonly<Record<string, unknown>> = {
    ...settings,
    agents: { hubUrl, ...settings['agents'] },
    forge: { url: forgeUrl, tokenFile: options.forgeToken },
  }
  const merged = { ...controlPlane.settings }
  for (const [name, value] of Object.entries(over))
    merged[name] = { ...(merged[name] as object), ...(value as object) }
  return {
    ...merged,
    models: [{ name: 'rehearsal', endpoint: options.modelUrl, parallel: 4, tier: 'good' }],
    hubPort,
    healthPort,
  }
}

/** The Pod that a Deployment would have made: the leader's label is set on it. Returns its uid. */
async function ensurePod({ admin }: LabControlPlane, name: string): Promise<string> {
  const there = await orMissing(admin.get(`${paths.pods}/${name}`))
  if (there !== undefined) return there.metadata.uid
  const { metadata } = await admin.create(paths.pods, {
    metadata: {
      name,
      labels: { [labels.name]: 'guildhall', [labels.component]: 'operator' },
    },
    spec: {
      serviceAccountName: 'guildhall-operator',
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'operator',
          image: 'lab',
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        },
      ],
    },
  })
  return metadata.uid
}
