// The real model servers, as the controller of LanguageModels needs them.
import type { Clock, Random } from '../../base/clock.ts'
import { withDeadline } from '../../base/wait.ts'
import type { Gateway } from '../gateway.ts'
import type { ModelProfile } from '../profile.ts'
import { selfTest } from '../self-test/self-test.ts'
import { ForeignAnswerError } from '../servers/foreign-answer.ts'
import { inGiB, neededBytes, sameModel } from '../servers/model.ts'
import type { PullSource } from '../servers/pull.ts'
import { listServed } from '../servers/openai.ts'
import { createPulls, type Pulls } from '../servers/pulls.ts'
import {
  type HeldModel,
  heldModels,
  loadedModels,
  loadModel,
  type ModelFacts,
  showModel,
} from '../servers/ollama.ts'
import { networkReason } from '../servers/transport.ts'
import type { ModelServers, ServerView, SelfTestResult, PullState } from './fleet.ts'

/** How long a server has to answer `look`. */
const lookMs = 10_000

/** The means of reaching the model servers, and what is known about the installation's own. */
interface ServerConnections {
  readonly gateway: Pick<Gateway, 'call'>
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal
  /**
   * The installation's own server and its replicas; the volume and the memory of each, in bytes.
   */
  readonly url?: string | undefined
  readonly replicas?: readonly string[] | undefined
  readonly disk?: number | undefined
  readonly memory?: number | undefined
  /** The namespace of the installation's own server; commands in messages name it. */
  readonly namespace: string
}

/** The model servers over HTTP; pulls end with `signal`. */
export class ConnectedServers implements ModelServers {
  readonly #options: ServerConnections
  readonly #pulls: Pulls
  readonly #listeners: ((model: string) => void)[] = []
  /** The models that each server last said it holds, by endpoint. */
  readonly #held = new Map<string, readonly HeldModel[]>()
  /** By digest: facts about the same weights do not change. */
  readonly #facts = new Map<string, ModelFacts>()

  constructor(options: ServerConnections) {
    this.#options = options
    const onChange = ({ name }: { readonly name: string }): void => {
      for (const listener of this.#listeners) listener(name)
    }
    this.#pulls = createPulls({ ...options, onChange })
  }

  async look(
    profile: ModelProfile,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<ServerView> {
    return combineViews(
      await Promise.all(serversOf(profile).map((one) => this.#lookAt(one, signal))),
    )
  }

  async #lookAt(profile: ModelProfile, signal: AbortSignal): Promise<ServerView> {
    const { endpoint, name } = profile
    const { clock } = this.#options
    const limit = { clock, ms: lookMs, name: 'the model server’s answer', signal }
    try {
      return await withDeadline(limit, async (stop) => {
        if (profile.provider === 'openai') return await this.#served(profile, stop)
        const all = await heldModels(profile, { signal: stop })
        this.#held.set(endpoint, all)
        const held = all.find((one) => sameModel(one.name, name))
        if (held === undefined) return { kind: 'reachable', held }
        const facts = await this.#factsOf(profile, held, stop)
        const { contextTokens, parallel } = profile
        return {
          kind: 'reachable',
          held,
          capabilities: facts.capabilities,
          neededBytes: neededBytes(facts, held.sizeBytes, { contextTokens, parallel }),
        }
      })
    } catch (error) {
      signal.throwIfAborted()
      this.#held.delete(endpoint)
      const message =
        error instanceof ForeignAnswerError
          ? error.message
          : `the model server at ${endpoint} cannot be used: ${networkReason(error)}`
      return { kind: 'unreachable', message }
    }
  }

  pullState(profile: ModelProfile): PullState | undefined {
    return combinePulls(serversOf(profile).map((one) => this.#pullAt(one)))
  }

  #pullAt(profile: ModelProfile): PullState | undefined {
    const state = this.#pulls.look(profile)
    switch (state?.kind) {
      case 'running':
        return { kind: 'running', percent: state.percent ?? 0, status: state.status }
      case 'failed': {
        const { reason: message, isResting } = state
        return { kind: 'failed', message, mayTry: !isResting }
      }
      default:
        return undefined
    }
  }

  pull(profile: ModelProfile, source: PullSource): void {
    for (const one of serversOf(profile)) {
      const held = this.#held.get(one.endpoint)
      if (held?.some(({ name }) => sameModel(name, one.name))) continue
      // A server among several that did not say what it holds is away; it pulls the model when it
      // is back.
      if (held === undefined && profile.replicas !== undefined) continue
      this.#pulls.start(one, {
        source,
        fits: (totalBytes, completedBytes) =>
          this.#isOurs(one)
            ? (this.#problemOfMemory(one, totalBytes) ??
              this.#problemOfRoom(one, totalBytes, completedBytes))
            : undefined,
      })
    }
  }

  cancelPull(profile: ModelProfile): void {
    for (const one of serversOf(profile)) this.#pulls.cancel(one)
  }

  onProgress(listener: (model: string) => void): void {
    this.#listeners.push(listener)
  }

  async test(
    profile: ModelProfile,
    { probes, signal }: { readonly probes: boolean; readonly signal: AbortSignal },
  ): Promise<SelfTestResult> {
    const loads = await Promise.allSettled(serversOf(profile).map((one) => load(one, signal)))
    const loaded = loads.filter((one) => one.status === 'fulfilled')
    if (loaded.length === 0)
      throw loads.find((one) => one.status === 'rejected')?.reason ?? new Error('nothing loaded')
    const contexts = loaded.flatMap(({ value }) => value ?? [])
    const contextTokens = contexts.length === 0 ? undefined : Math.min(...contexts)
    const given = Math.min(profile.contextTokens, contextTokens ?? Infinity)
    if (!probes)
      return {
        tier: undefined,
        tokensPerSecond: undefined,
        contextTokens,
        summary: `${profile.name} was loaded`,
      }
    const { call } = this.#options.gateway
    const { tier, tokensPerSecond, sentence } = await selfTest({
      call,
      profile: { ...profile, contextTokens: given },
      clock: this.#options.clock,
      signal,
    })
    return { tier, tokensPerSecond, contextTokens, summary: sentence }
  }

  /**
   * A server with OpenAI's API names its models and nothing else; they were loaded when it was
   * started.
   */
  async #served(profile: ModelProfile, signal: AbortSignal): Promise<ServerView> {
    const served = await listServed(profile, { signal })
    const isServed = served.includes(profile.name)
    return {
      kind: 'reachable',
      held: isServed
        ? { digest: `served as ${profile.name}`.slice(0, 80), sizeBytes: 0 }
        : undefined,
    }
  }

  async #factsOf(
    profile: ModelProfile,
    { digest }: HeldModel,
    signal: AbortSignal,
  ): Promise<ModelFacts> {
    const known = this.#facts.get(digest)
    if (known !== undefined) return known
    const facts = await showModel(profile, profile.name, { signal })
    this.#facts.set(digest, facts)
    return facts
  }

  /** Only for the installation's own servers are the sizes of volume and memory known. */
  #isOurs({ endpoint }: ModelProfile): boolean {
    const { url, replicas } = this.#options
    return endpoint === url || replicas?.includes(endpoint) === true
  }

  /** Why a model could not be used after its pull, by the size of its weights alone. */
  #problemOfMemory(profile: ModelProfile, totalBytes: number): string | undefined {
    const { memory } = this.#options
    const needed = neededBytes(undefined, totalBytes, profile)
    if (memory === undefined || needed <= memory) return undefined
    return `${profile.name} needs ${inGiB(needed)} of memory for its weights alone, and the model server has ${inGiB(memory)}. Take a smaller model, or raise ollama.resources in the chart`
  }

  /** Why a model does not fit on the volume together with the models and pulls that are there. */
  #problemOfRoom(
    profile: ModelProfile,
    totalBytes: number,
    completedBytes: number,
  ): string | undefined {
    const { endpoint, name } = profile
    const { disk, namespace } = this.#options
    if (disk === undefined) return undefined
    const held = this.#held.get(endpoint) ?? []
    const used = held.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    const left = Math.max(0, disk - used - this.#pulls.othersBytes(profile))
    if (totalBytes <= left || completedBytes >= totalBytes) return undefined
    return `${name} needs ${inGiB(totalBytes)} and the volume of the model server has ${inGiB(left)} left besides the models that it holds and pulls. Raise ollama.persistence.size in the chart (a claim that exists has to be enlarged itself), or remove a model: kubectl exec -n ${namespace} statefulset/guildhall-ollama -- ollama rm NAME`
  }
}

/** One profile for each server of a model. */
function serversOf(profile: ModelProfile): readonly ModelProfile[] {
  const { replicas, ...rest } = profile
  return (replicas ?? [profile.endpoint]).map((endpoint) => ({ ...rest, endpoint }))
}

/** Loads a model. Gives the context that its server says it has. */
async function load(profile: ModelProfile, signal: AbortSignal): Promise<number | undefined> {
  if (profile.provider === 'openai') return undefined
  await loadModel(profile, { signal })
  const loaded = await loadedModels(profile, { signal })
  return loaded.find(({ name }) => sameModel(name, profile.name))?.contextTokens
}

/**
 * Several servers as one: the model is held when one of them holds it, and `lacking` counts those
 * that answer and lack it. A server that does not answer is left out while another one does. The
 * gateway avoids both kinds.
 */
export function combineViews(views: readonly ServerView[]): ServerView {
  const [first] = views
  if (first === undefined) throw new TypeError('a model has at least one server')
  const answering = views.filter((view) => view.kind === 'reachable')
  const holding = answering.filter(({ held }) => held !== undefined)
  const [holder] = holding
  const lacking = answering.length - holding.length
  if (holder === undefined) return answering[0] ?? first
  return lacking === 0 ? holder : { ...holder, lacking }
}

/**
 * The slowest pull that runs, else one that failed; undefined when none was begun or all are done.
 */
export function combinePulls(states: readonly (PullState | undefined)[]): PullState | undefined {
  const known = states.filter((state) => state !== undefined)
  const running = known.filter((state) => state.kind === 'running')
  return (
    running.toSorted((one, other) => one.percent - other.percent)[0] ??
    known.find((state) => state.kind === 'failed')
  )
}
