import type { Query } from '../../core/kube/api-call.ts'
import type { KubeClient } from '../../core/kube/client.ts'
import { KubeError } from '../../core/kube/errors.ts'
import { aborted } from '../../core/base/wait.ts'
import type { VirtualClock } from './virtual-clock.ts'

// The lines that an API server sends on a watch.
export const made = (name: string, version: number, uid = `uid-${name}`) => ({
  metadata: { name, namespace: 'n', uid, resourceVersion: String(version) },
})
export const line = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`
export const bookmark = (version: number) =>
  line('BOOKMARK', { metadata: { resourceVersion: String(version) } })
export const initialEnd = (version: number) => {
  const annotations = { 'k8s.io/initial-events-end': 'true' }
  return line('BOOKMARK', { metadata: { resourceVersion: String(version), annotations } })
}
export const refusal = (status: number, reason: string, retryAfterMs?: number) =>
  new KubeError({ status, reason, message: reason, retryAfterMs })

const ignore = () => undefined
/** An observer that hears nothing. */
export const silent = {
  onMade: ignore,
  onEvents: ignore,
  onRelist: ignore,
  onStall: ignore,
  onInvalid: ignore,
}

/**
 * The course of one watch: a refusal, or bytes and then, after `lastsMs`, an end. `open` lasts as
 * long as the server promised.
 */
type Watch =
  | KubeError
  | {
      readonly bytes?: readonly (string | Buffer)[]
      readonly lastsMs?: number
      readonly end?: 'open' | 'close' | 'cut' | 'freeze'
    }
export type Script = Watch | ((query: Query) => Watch)

/**
 * An API inside the process that does what the test says, and serves on without a word when that is
 * over.
 */
export class ScriptedApi {
  readonly listedAt: number[] = []
  readonly opened: { readonly query: Query; readonly at: number }[] = []
  listed: { version: number; items: readonly object[] } = { version: 10, items: [] }
  listFailures: KubeError[] = []
  /** Of readings of everything as a stream; without one that is not offered. */
  streams: Script[] = []
  watches: Script[] = []
  readonly #clock: VirtualClock

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  readonly client: Pick<KubeClient, 'list' | 'openWatch'> = {
    list: async (_, options) => {
      this.listedAt.push(this.#clock.monotonic())
      const failure = this.listFailures.shift()
      if (failure !== undefined) throw failure
      const { items, version } = this.listed
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it answers what the test
      // says
      return {
        items: items.map((item) => options?.transform?.(item as never)),
        resourceVersion: String(version),
      } as never
    },
    openWatch: async (_, query, { signal }) => {
      const isStream = query['sendInitialEvents'] === true
      const script = isStream ? this.streams.shift() : (this.watches.shift() ?? {})
      if (isStream && script === undefined) throw refusal(422, 'Invalid')
      this.opened.push({ query, at: this.#clock.monotonic() })
      const behaviour = (typeof script === 'function' ? script(query) : script) ?? {}
      if (behaviour instanceof KubeError) throw behaviour
      return this.#play(behaviour, Number(query['timeoutSeconds']), signal)
    },
  }

  async *#play(
    { bytes = [], lastsMs = 0, end = 'open' }: Exclude<Watch, KubeError>,
    timeoutSeconds: number,
    signal: AbortSignal,
  ): AsyncGenerator<Buffer, void, undefined> {
    for (const chunk of bytes) yield Buffer.from(chunk)
    if (lastsMs > 0) await this.#clock.sleep(lastsMs, { signal })
    if (end === 'cut') throw new Error('read ECONNRESET')
    if (end === 'open') await this.#clock.sleep(timeoutSeconds * 1000, { signal })
    if (end === 'freeze') {
      await aborted(signal)
      throw signal.reason
    }
  }
}
