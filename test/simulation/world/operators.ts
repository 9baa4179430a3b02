import { parseConfig } from '../../../operator/settings/config.ts'
import type { Forge } from '../../../operator/forge/client.ts'
import { KubeClient } from '../../../core/kube/client.ts'
import type { Logger } from '../../../core/base/logger.ts'
import type { HttpTransport } from '../../../core/kube/transport.ts'
import { assembleOperator } from '../../../operator/operator.ts'
import type { HubAt } from './agent-wire.ts'
import { type Effects, SimulatedProcess } from './process.ts'
import { profile, type SimulatedModel } from './model.ts'
import { Network, type CallName, type Weather } from './network.ts'
import type { Story } from '../story.ts'
import type { Timeline } from './timeline.ts'

export const namespace = 'guildhall'

/** Where a client of the simulated API server thinks that it is. */
export const address = {
  server: 'https://api.invalid',
  namespace,
  credentials: async () => ({ headers: {}, tls: {} }),
  refresh: () => undefined,
}

const settings = parseConfig(
  JSON.stringify({
    agents: {
      template: { image: 'agent' },
      hubUrl: 'http://hub.invalid',
      idleSeconds: 15,
      maxTasks: 6,
    },
    forge: { url: 'http://forge.invalid' },
    models: [profile],
  }),
)

/** A kubelet starts a container that ended again, soon. */
const restartMs = 1_500

/** No view stays old for longer. */
const staleMs = 10_000

interface Incarnation {
  readonly process: SimulatedProcess
  readonly network: Network
  readonly stop: AbortController
}

interface OperatorsOptions {
  readonly story: Story
  readonly timeline: Timeline
  readonly startedAt: number
  readonly effects: Effects
  readonly weather: Weather
  readonly server: () => HttpTransport
  readonly forgeFor: (process: SimulatedProcess) => Forge
  readonly model: SimulatedModel
  readonly log: (process: SimulatedProcess) => Logger
  readonly onCall: (process: SimulatedProcess, call: CallName) => void
}

/**
 * The operator's replicas: real operators on simulated surroundings, started again whenever they
 * end.
 */
export class Operators {
  readonly #options: OperatorsOptions
  readonly #slots: (Incarnation | undefined)[] = []
  /** Hubs that listen, the newest last. */
  #hubs: HubAt[] = []
  #started = 0

  constructor(options: OperatorsOptions) {
    this.#options = options
    for (let slot = 0; slot < options.story.replicas; slot += 1) this.#start(slot)
  }

  /** The hub that calls reach: that of the replica that began to lead last. */
  get hub(): HubAt | undefined {
    this.#hubs = this.#hubs.filter(({ process }) => process.state !== 'dead')
    return this.#hubs.at(-1)
  }

  /** The replica that leads, or else one that lives. */
  get leader(): Incarnation | undefined {
    const alive = this.#slots.filter((slot) => slot !== undefined && slot.process.state !== 'dead')
    return alive.find((slot) => slot?.process === this.hub?.process) ?? alive[0]
  }

  /** Every replica is there. */
  get isComplete(): boolean {
    return this.#slots.every((slot) => slot !== undefined && slot.process.state === 'running')
  }

  /** Kills a process; its container comes back after a while. */
  kill(process: SimulatedProcess, afterMs: number): void {
    const slot = this.#slots.findIndex((each) => each?.process === process)
    process.kill()
    if (slot < 0) return
    this.#slots[slot] = undefined
    this.#options.timeline.after(afterMs, () => this.#start(slot))
  }

  /** Asks the leading process to end in order. */
  terminate(): void {
    this.leader?.stop.abort(new Error('SIGTERM'))
  }

  #staleStarts(): Map<string, number> {
    return new Map(
      this.#options.story.faults.flatMap((fault) =>
        fault.kind === 'stale-start' ? [[fault.plural, fault.revisions] as const] : [],
      ),
    )
  }

  #start(slot: number): void {
    const { timeline, startedAt, story, effects, weather, server, model } = this.#options
    this.#started += 1
    const stale = this.#started > story.replicas ? this.#staleStarts() : new Map<string, number>()
    const process = new SimulatedProcess({
      name: `operator-${slot}`,
      timeline,
      startedAt,
      seed: story.seed * 100 + this.#started,
    })
    const network = new Network({
      process,
      server: server(),
      timeline,
      weather,
      effects,
      onCall: (call) => this.#options.onCall(process, call),
      onPipe: (pipe) => {
        const revisions = stale.get(pipe.plural)
        if (revisions === undefined) return
        stale.delete(pipe.plural)
        pipe.hold(revisions)
        timeline.after(staleMs, () => pipe.release())
      },
    })
    const { clock, random } = process
    const client = new KubeClient({ config: address, clock, random, transport: network })
    const forge = this.#options.forgeFor(process)
    const log = this.#options.log(process)
    const { manager } = assembleOperator(
      {
        config: { ...settings, agents: { ...settings.agents, maxAgents: story.maxAgents } },
        identity: { podName: process.name, podUid: `uid-of-${process.name}`, namespace },
      },
      {
        client,
        forge,
        connectModels: () => {
          const gateway = model.gatewayFor(process)
          return {
            gateway,
            servers: model.serversFor(process),
            plan: model.plannerFor(process, { forge, gateway, log }, story.requests),
          }
        },
        serveHub: (hub) => ({
          name: 'hub',
          run: async (signals) => {
            const at = {
              process,
              hub,
              says: (site: string) => effects.begin(process, site),
            }
            this.#hubs.push(at)
            await hub.run(signals)
            this.#hubs = this.#hubs.filter((other) => other !== at)
          },
        }),
        clock,
        random,
        log,
      },
    )
    const stop = new AbortController()
    this.#slots[slot] = { process, network, stop }
    const end = (): void => this.kill(process, restartMs)
    manager.run({ signal: stop.signal }).then(end, (error: unknown) => {
      log.error({ err: error }, 'the operator ended')
      end()
    })
  }
}
