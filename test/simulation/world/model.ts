import type { PlannedTask } from '../../../core/api/devrequest.ts'
import {
  type MakePlan,
  type Planned,
  planMaker,
} from '../../../operator/controllers/devrequest/planning.ts'
import type { ModelServers } from '../../../core/models/fleet/fleet.ts'
import type { Forge } from '../../../operator/forge/client.ts'
import type { Logger } from '../../../core/base/logger.ts'
import { ModelError } from '../../../core/models/errors.ts'
import type { Gateway } from '../../../core/models/gateway.ts'
import type { ModelProfile } from '../../../core/models/profile.ts'
import { planHash, waves } from '../../../core/planner/tasks.ts'
import type { SimulatedProcess } from './process.ts'
import type { RequestPlan, TaskPlan } from '../story.ts'
import type { Timeline } from './timeline.ts'

/** The one model of the simulated world. */
export const profile: ModelProfile = {
  name: 'simulated',
  provider: 'ollama',
  endpoint: 'http://model.invalid',
  contextTokens: 8192,
  outputTokens: 2048,
  parallel: 1,
  tier: 'good',
}

const actions = { coding: 'code', testing: 'verify', review: 'review', git: 'finish' } as const

/**
 * A model that answers after a while, and differently each time: a caller that asks twice must not
 * work on both answers.
 */
export class SimulatedModel {
  readonly #timeline: Timeline
  readonly #isDown: () => boolean
  #calls = 0

  constructor(options: { readonly timeline: Timeline; readonly isDown: () => boolean }) {
    this.#timeline = options.timeline
    this.#isDown = options.isDown
  }

  /** The gateway of one operator process. */
  gatewayFor(process: SimulatedProcess): Gateway {
    return {
      call: async ({ model, verb, purpose }, { signal } = {}) => {
        this.#calls += 1
        const turn = this.#calls
        await this.#pause(process, 400 + ((turn * 337) % 900), signal)
        if (this.#isDown()) throw new ModelError('ModelUnavailable', 'the model does not answer')
        const value =
          purpose === 'plan.split'
            ? unitsAnswer(2, 'does again')
            : unitsAnswer(1 + (turn % 2), 'makes')
        return {
          kind: 'result',
          model,
          text: verb === 'decide' ? JSON.stringify(value) : `notes for ${purpose}`,
          blocks: [],
          value: verb === 'decide' ? value : undefined,
          inputTokens: 100,
          outputTokens: 20,
          trace: String(turn),
        }
      },
      tokens: () => ({ calls: 1, inputTokens: 100, outputTokens: 20, earlierTokens: 0 }),
      forgetOthers: () => undefined,
    }
  }

  /** Its server: holds the model, and answers while the model is not down. */
  serversFor(process: SimulatedProcess): ModelServers {
    const held = { digest: 'sha256:simulated', sizeBytes: 1_000_000 }
    return {
      look: async () =>
        this.#isDown()
          ? { kind: 'unreachable', message: 'the model does not answer' }
          : { kind: 'reachable', held },
      pullState: () => undefined,
      pull: () => undefined,
      cancelPull: () => undefined,
      onProgress: () => undefined,
      test: async (_profile, { signal }) => {
        await this.#pause(process, 200, signal)
        if (this.#isDown()) throw new ModelError('ModelUnavailable', 'the model does not answer')
        return {
          tier: undefined,
          tokensPerSecond: 10,
          contextTokens: profile.contextTokens,
          summary: 'it is simulated',
        }
      },
    }
  }

  /** Makes plans: ready-made ones after a while, the others by the real planner. */
  plannerFor(
    process: SimulatedProcess,
    parts: { readonly forge: Forge; readonly gateway: Gateway; readonly log: Logger },
    requests: readonly RequestPlan[],
  ): MakePlan {
    const real = planMaker({ ...parts, profileOf: () => profile })
    return async (request, options) => {
      const { signal } = options
      const known = requests.find(({ name }) => name === request.metadata.name)?.plan ?? 'model'
      if (typeof known === 'string') return real(request, options)
      await this.#pause(process, 300, signal)
      if (this.#isDown()) throw new ModelError('ModelUnavailable', 'the model does not answer')
      return { plan: readyPlan(known), tokens: 10 }
    }
  }

  async #pause(
    process: SimulatedProcess,
    ms: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
      this.#timeline.after(ms, () => process.deliver(resolve))
    })
  }
}

function unitsAnswer(units: number, does: string) {
  return {
    a_units: Array.from({ length: units }, (_, index) => ({
      // Different enough not to be taken for one.
      a_goal: `${does} ${index === 0 ? 'whatever comes in first' : 'all that goes out at last'}`,
      b_files: [`src/part-${index + 1}.js`],
      c_done_when: `part${index + 1}() is ${index + 1}`,
      d_after: 0,
    })),
    b_docs: false,
    c_deploy: false,
  }
}

function readyPlan(tasks: readonly TaskPlan[]): Planned['plan'] {
  const planned: PlannedTask[] = tasks.map(({ name, type, after, onFailure }) => ({
    name,
    type,
    action: actions[type],
    title: name,
    goal: `does ${name}`,
    doneWhen: '',
    files: [],
    after: [...after],
    onFailure,
  }))
  return {
    hash: planHash(planned),
    revision: 1,
    source: 'person',
    waves: waves(planned).map((wave) => [...wave]),
    team: [],
    tasks: planned,
    warnings: [],
    attempts: 0,
  }
}
