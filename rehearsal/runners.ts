// Which models are in memory. Ollama loads one at its first call, with that call's options; other
// options load it again.
import { isDeepStrictEqual } from 'node:util'
import { type RehearsedModel, rehearsalDetails } from './held-models.ts'
import { OllamaRefusal, pause } from './http.ts'

/** How a call wants its model to be loaded. */
interface Wanted {
  /** Every option that cannot be changed in a loaded model, by its name in the API. */
  readonly options: Readonly<Record<string, unknown>>
  readonly contextTokens: number
  /** `Infinity`: it stays loaded. */
  readonly keepAliveMs: number
}

/** A call's use of a loaded model. */
export interface Use {
  /**
   * Whether the model was in memory, was loaded, or was there with other options and had to be
   * loaded again.
   */
  readonly load: 'held' | 'loaded' | 'reloaded'
  readonly loadMs: number
  /** Waits for a slot of the model; undefined when `signal` was aborted first. */
  readonly turn: (signal: AbortSignal) => Promise<Turn | undefined>
  /** Ends the use. */
  readonly done: () => void
}

/** The models in memory. */
export interface Runners {
  /**
   * Loads the model if need be; waits for calls with other options to end. Undefined when `signal`
   * was aborted first.
   */
  use(model: RehearsedModel, wanted: Wanted, signal: AbortSignal): Promise<Use | undefined>
  /** Takes a model out of memory, at the end of the calls that use it. */
  unload(name: string): void
  /** The entries of `/api/ps`, the one that stays longest first. */
  list(): readonly object[]
}

interface Runner {
  readonly model: RehearsedModel
  readonly wanted: Wanted
  readonly take: Use['turn']
  readonly ready: Promise<void>
  readonly onIdle: (() => void)[]
  users: number
  keepAliveMs: number
  expiresAt: number
}

// Ollama counts an endless time as this many milliseconds.
const forEverMs = 2 ** 63 / 1e6

/**
 * Makes an empty memory. Each model in it answers `parallel` calls at once and takes `loadMs` to
 * load.
 */
export function createRunners(options: {
  readonly parallel: number
  readonly loadMs: number
}): Runners {
  const loaded = new Map<string, Runner>()

  function find(name: string): Runner | undefined {
    const runner = loaded.get(name)
    if (runner === undefined || runner.users > 0 || Date.now() < runner.expiresAt) return runner
    loaded.delete(name)
    return undefined
  }

  function useOf(runner: Runner, load: Use['load'], since: number): Use {
    return {
      load,
      loadMs: load === 'held' ? 0 : Date.now() - since,
      turn: runner.take,
      done() {
        if (--runner.users > 0) return
        runner.expiresAt = Date.now() + Math.min(runner.keepAliveMs, forEverMs)
        for (const go of runner.onIdle.splice(0)) go()
      },
    }
  }

  function start(model: RehearsedModel, wanted: Wanted): Runner {
    const turns = createTurns(options.parallel)
    const runner: Runner = {
      model,
      wanted,
      take: (signal) => turns.take(signal),
      ready: pause(options.loadMs),
      onIdle: [],
      users: 0,
      keepAliveMs: wanted.keepAliveMs,
      expiresAt: 0,
    }
    loaded.set(model.name, runner)
    return runner
  }

  return {
    async use(model, wanted, signal) {
      const since = Date.now()
      let load: Use['load'] = 'held'
      while (!signal.aborted) {
        const found = find(model.name)
        if (found !== undefined && !isDeepStrictEqual(found.wanted.options, wanted.options)) {
          load = 'reloaded'
          if (found.users === 0) loaded.delete(model.name)
          else await idle(found, signal)
          continue
        }
        if (found === undefined && load === 'held') load = 'loaded'
        const runner = found ?? start(model, wanted)
        runner.users++
        runner.keepAliveMs = wanted.keepAliveMs
        await runner.ready
        return useOf(runner, load, since)
      }
      return undefined
    },
    unload(name) {
      const runner = loaded.get(name)
      if (runner === undefined) return
      if (runner.users === 0) loaded.delete(name)
      else runner.keepAliveMs = 0
    },
    list: () =>
      [...loaded.keys()]
        .flatMap((name) => find(name) ?? [])
        .map((runner) => ({ runner, until: expiry(runner) }))
        .toSorted((one, other) => other.until - one.until)
        .map(({ runner, until }) => psEntry(runner, until)),
  }
}

function expiry(runner: Runner): number {
  if (runner.users === 0) return runner.expiresAt
  return Date.now() + Math.min(runner.keepAliveMs, forEverMs)
}

async function idle(runner: Runner, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    runner.onIdle.push(resolve)
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function psEntry({ model, wanted }: Runner, until: number): object {
  return {
    name: model.name,
    model: model.name,
    size: model.size,
    digest: model.digest,
    details: rehearsalDetails,
    expires_at: new Date(until).toISOString(),
    size_vram: 0,
    context_length: wanted.contextTokens,
  }
}

/** A slot that was given. */
interface Turn {
  /** From 0. */
  readonly slot: number
  /** Ends the turn. */
  readonly release: () => void
}

/** First come, first served, at most so many at once. */
interface Turns {
  /** Waits; undefined when `signal` was aborted first. */
  take(signal: AbortSignal): Promise<Turn | undefined>
}

/** Makes turns for `parallel` at once. */
function createTurns(parallel: number): Turns {
  const free = Array.from({ length: parallel }, (_, slot) => slot)
  const waiting: ((slot: number) => void)[] = []
  const turnOf = (slot: number): Turn => ({
    slot,
    release() {
      const next = waiting.shift()
      // Handed over, not freed: a newcomer must not slip in between.
      if (next === undefined) free.push(slot)
      else next(slot)
    },
  })
  return {
    async take(signal) {
      if (signal.aborted) return undefined
      const slot = free.shift()
      if (slot !== undefined) return turnOf(slot)
      return await new Promise((resolve) => {
        const leave = () => {
          waiting.splice(waiting.indexOf(go), 1)
          resolve(undefined)
        }
        const go = (given: number) => {
          signal.removeEventListener('abort', leave)
          resolve(turnOf(given))
        }
        signal.addEventListener('abort', leave, { once: true })
        waiting.push(go)
      })
    },
  }
}

const unitMs = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const
const onePart = /([\d.]+)(ns|us|µs|ms|s|m|h)/g

/**
 * `keep_alive` in milliseconds: seconds as a number, or a duration as Go writes it; below zero is
 * endless. Ollama's five minutes when it is absent. A `OllamaRefusal` for a value that is not a duration.
 */
export function keepAliveMs(value: unknown): number {
  if (value === undefined || value === null) return 5 * 60_000
  if (typeof value === 'number') return value < 0 ? Infinity : value * 1000
  if (typeof value === 'string') {
    const text = value.replace(/^[+-]/, '')
    const whole = text === '0' || text.replaceAll(onePart, '') === ''
    if (text !== '' && whole) {
      if (value.startsWith('-')) return Infinity
      return [...text.matchAll(onePart)].reduce(
        (sum, [, figure, unit]) => sum + Number(figure) * unitMs[unit as keyof typeof unitMs],
        0,
      )
    }
    throw new OllamaRefusal(400, `time: invalid duration ${JSON.stringify(value)}`)
  }
  throw new OllamaRefusal(400, `Unsupported type: '${typeof value}'`)
}
