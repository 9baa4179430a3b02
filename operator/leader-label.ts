import { labels } from './api/names.ts'
import type { KubeClient } from './kube/client.ts'
import { pods } from './kube/core.ts'
import { isNotFound } from './kube/errors.ts'
import type { Logger } from './kube/ports.ts'
import { aborted } from './kube/wait.ts'
import type { RunSignals, Runnable } from './runtime/runnable.ts'

/**
 * Marks the leading Pod with a label, by which the hub's Service finds it.
 * Outside a Pod (a developer's machine) there is none to mark, which is said once and does no harm.
 * Needs patch on pods.
 */
export class LeaderLabel implements Runnable {
  readonly name = 'leader-label'
  readonly #options: {
    readonly client: KubeClient
    readonly namespace: string
    readonly podName: string
    readonly log: Logger
  }

  constructor(options: {
    readonly client: KubeClient
    readonly namespace: string
    readonly podName: string
    readonly log: Logger
  }) {
    this.#options = options
  }

  /** Takes the label off: a restarted container keeps its Pod's labels but has to win the lease anew. */
  async clear(options: { readonly signal: AbortSignal }): Promise<void> {
    await this.#set(null, options.signal)
  }

  async run({ stop, abort }: RunSignals): Promise<void> {
    await this.#set('true', abort)
    await aborted(stop)
    await this.#set(null, abort).catch(() => undefined)
  }

  async #set(value: 'true' | null, signal: AbortSignal): Promise<void> {
    const { client, namespace, podName, log } = this.#options
    try {
      await client.patch(
        pods,
        { namespace, name: podName },
        { type: 'merge', body: { metadata: { labels: { [labels.leader]: value } } } },
        { signal, priority: 'assign' },
      )
    } catch (error) {
      if (!isNotFound(error)) throw error
      log.info({ podName }, 'no Pod of this name; the hub Service will not find this process')
    }
  }
}
