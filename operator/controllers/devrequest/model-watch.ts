import type { DevRequest } from '../../api/devrequest.ts'
import type { Clock } from '../../kube/ports.ts'
import type { ModelHealth } from '../../models/health.ts'
import type { RunSignals, Runnable } from '../../runtime/runnable.ts'

const everyMs = 5_000

/** The models that unfinished requests use, each once. */
export function modelsInUse(requests: readonly DevRequest[]): readonly string[] {
  const busy = requests.filter(({ status }) => status?.completionTime === undefined)
  return [...new Set(busy.flatMap(({ status }) => status?.model ?? []))]
}

/**
 * Asks the servers of the models in use, every few seconds, whether they can work.
 * A dead server is no event of the API, so somebody has to look; `onChange` is told a model whose health changed.
 */
export class ModelWatch implements Runnable {
  readonly name = 'model-watch'
  readonly #options: {
    readonly clock: Clock
    /** Models that unfinished requests use. */
    readonly inUse: () => readonly string[]
    readonly probe: (model: string, signal: AbortSignal) => Promise<ModelHealth>
    readonly onChange: (model: string) => void
  }
  readonly #health = new Map<string, ModelHealth>()

  constructor(options: {
    readonly clock: Clock
    readonly inUse: () => readonly string[]
    readonly probe: (model: string, signal: AbortSignal) => Promise<ModelHealth>
    readonly onChange: (model: string) => void
  }) {
    this.#options = options
  }

  /** The last answer; undefined before the first. */
  of(model: string): ModelHealth | undefined {
    return this.#health.get(model)
  }

  /** Asks now and remembers the answer. */
  async look(model: string, options: { readonly signal: AbortSignal }): Promise<ModelHealth> {
    const before = this.#health.get(model)
    const health = await this.#options.probe(model, options.signal)
    this.#health.set(model, health)
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(health))
      this.#options.onChange(model)
    return health
  }

  async run({ stop }: RunSignals): Promise<void> {
    const { clock, inUse } = this.#options
    while (!stop.aborted) {
      const models = inUse()
      for (const model of this.#health.keys())
        if (!models.includes(model)) this.#health.delete(model)
      await Promise.all(models.map((model) => this.look(model, { signal: stop }))).catch(
        () => undefined,
      )
      await clock.sleep(everyMs, { signal: stop }).catch(() => undefined)
    }
  }
}
