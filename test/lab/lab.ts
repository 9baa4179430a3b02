// A whole Guildhall on loopback: a real control plane, the real operator and forge as processes,
// agents by a stand-in for the nodes, the rehearsal model. Nothing of it needs images, containers
// or rights beyond those of an ordinary user.
import { rmSync } from 'node:fs'
import { cp, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Log } from '../../hack/cluster/log.ts'
import { loadScripts } from '../../rehearsal/script.ts'
import { type RunningRehearsal, startRehearsal } from '../support/rehearsal.ts'
import { type AgentRunner, LabNode } from './node.ts'
import type { Api } from './api.ts'
import { type LabControlPlane, startLabControlPlane } from './control-plane.ts'
import { type LabForge, startForge } from './forge.ts'
import { startGarbageCollector } from './garbage-collector.ts'
import { History } from './history.ts'
import { type Identity, type RequestCounts, requestCounts } from './identities.ts'
import { type Wire, followLeader, layWire } from './wire.ts'
import { type OperatorOptions, type OperatorReplica, startOperator } from './operator.ts'
import { freePorts, killPrograms } from './programs.ts'

export interface LabOptions {
  /** Made for the lab, and removed at its end. Short: sockets lie below. */
  readonly directory: string
  readonly runner: AgentRunner
  /** Replicas of the operator; with 0 the caller starts them with `addOperator`. */
  readonly replicas?: number
  /**
   * How replicas reach the API server, unless directly: given the lab's control plane, returns
   * another server's URL.
   */
  readonly through?: (controlPlane: LabControlPlane) => Promise<string>
  /** Laid over the chart's settings of the operator, e.g. `{ agents: { maxAgents: 200 } }`. */
  readonly settings?: Readonly<Record<string, object>>
  /** Whether every object is watched from the beginning, for the invariants; yes by default. */
  readonly history?: boolean
  /**
   * The operator's program, by default this repository's source, and flags of its Node, e.g. for a
   * profile.
   */
  readonly entry?: string
  readonly nodeArguments?: readonly string[]
  /** Further flags of kube-apiserver, e.g. for an audit log. */
  readonly apiServerFlags?: readonly string[]
  readonly signal?: AbortSignal
  readonly log?: Log
}

export interface Lab {
  readonly directory: string
  readonly controlPlane: LabControlPlane
  /** A person with every right, whose requests are counted apart: submits, looks, deletes. */
  readonly author: Api
  readonly forge: LabForge
  readonly model: RunningRehearsal
  readonly history: History
  readonly operators: readonly OperatorReplica[]
  /**
   * Between agents and the hub of the leading replica; with one replica agents go straight to it.
   */
  readonly hubWire: Wire | undefined
  /** Starts one more replica. */
  addOperator(
    options?: Partial<Pick<OperatorOptions, 'server' | 'settings' | 'entry' | 'nodeArguments'>>,
  ): Promise<OperatorReplica>
  /** Requests to the API server so far, by who asked, in its own count. */
  requests(): Promise<Readonly<Record<Identity, RequestCounts>>>
  /** Failures of the lab itself, not of the operator. */
  troubles(): readonly string[]
  /** Ends everything, the newest first, and removes the directory. */
  stop(): Promise<void>
}

const scripts = fileURLToPath(new URL('../../rehearsal/scripts', import.meta.url))

/**
 * Brings a lab up; about eight seconds. When it fails, or on SIGINT and SIGTERM, all of it is ended
 * and removed again.
 * Several may run in one process, one after another or together. `GUILDHALL_LAB_LOGS` names a
 * directory where the logs of the last one are kept.
 */
export async function startLab(options: LabOptions): Promise<Lab> {
  const { directory, runner, replicas = 1, settings } = options
  const ends: (() => Promise<void> | void)[] = []
  const stop = async (): Promise<void> => {
    const failures: unknown[] = []
    for (const end of ends.splice(0).toReversed())
      await Promise.resolve(end()).catch((error: unknown) => failures.push(error))
    if (failures.length > 0) throw new AggregateError(failures, 'the lab did not end cleanly')
  }
  const onSignal = (name: NodeJS.Signals): void => {
    killPrograms()
    rmSync(directory, { recursive: true, force: true })
    process.off(name, onSignal)
    process.kill(process.pid, name)
  }
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, onSignal)
  ends.push(() => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, onSignal)
  })

  try {
    await mkdir(directory, { recursive: true })
    ends.push(async () => {
      const kept = process.env['GUILDHALL_LAB_LOGS']
      if (kept !== undefined)
        await cp(directory, kept, {
          recursive: true,
          filter: (path) => !/repositories|etcd/.test(path),
        })
      await rm(directory, { recursive: true, force: true })
    })
    const controlPlane = await startLabControlPlane({
      ...options,
      directory: join(directory, 'api'),
    })
    ends.push(() => controlPlane.stop())
    const history = new History(controlPlane.as('observer'))
    if (options.history ?? true) await history.start()
    ends.push(() => history.stop())
    const model = await startRehearsal({ rules: await loadScripts(scripts), parallel: 4 })
    ends.push(async () => {
      await model[Symbol.asyncDispose]()
    })
    const forge = await startForge({ controlPlane, directory })
    ends.push(() => forge.process.stop())
    const garbage = await startGarbageCollector(controlPlane)
    ends.push(() => garbage.stop())

    const operators: OperatorReplica[] = []
    const server = await options.through?.(controlPlane)
    let hubWire: Wire | undefined
    let soleHub: number | undefined
    if (replicas === 1) [soleHub] = await freePorts(1)
    else {
      const leader = await followLeader(
        controlPlane.as('observer'),
        (podName) => operators.find((replica) => replica.podName === podName)?.hubPort,
      )
      hubWire = await layWire(leader.port)
      const wire = hubWire
      ends.push(async () => {
        leader.stop()
        await wire.close()
      })
    }
    const hubUrl = `http://127.0.0.1:${soleHub ?? hubWire?.port ?? 0}`
    const addOperator: Lab['addOperator'] = async (more = {}) => {
      const [hubPort = 0] = soleHub === undefined ? await freePorts(1) : [soleHub]
      const replica = await startOperator({
        controlPlane,
        directory,
        podName: `guildhall-operator-${operators.length}`,
        hubPort,
        hubUrl,
        forgeUrl: forge.url,
        modelUrl: model.endpoint,
        ...(server === undefined ? {} : { server }),
        ...(settings === undefined ? {} : { settings }),
        ...(options.entry === undefined ? {} : { entry: options.entry }),
        ...(options.nodeArguments === undefined ? {} : { nodeArguments: options.nodeArguments }),
        ...more,
      })
      operators.push(replica)
      ends.push(async () => {
        await replica.stop()
      })
      return replica
    }
    const node = new LabNode({ controlPlane, runner })
    await node.start()
    ends.push(() => node.stop())
    for (let count = 0; count < replicas; count += 1) await (await addOperator()).ready()

    return {
      directory,
      controlPlane,
      author: controlPlane.as('author'),
      forge,
      model,
      history,
      operators,
      hubWire,
      addOperator,
      requests: () => requestCounts(controlPlane.admin),
      troubles: () => [...node.troubles, ...garbage.troubles],
      stop,
    }
  } catch (error) {
    await stop().catch(() => undefined)
    throw error
  }
}
