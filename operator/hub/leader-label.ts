import { labels } from '../../core/api/names.ts'
import type { KubeClient } from '../../core/kube/client.ts'
import { pods } from '../../core/kube/core.ts'
import { isNotFound } from '../../core/kube/errors.ts'
import type { Clock, Logger } from '../../core/base/ports.ts'
import { aborted } from '../../core/base/wait.ts'
import type { RunSignals, Runnable } from '../../core/kube/runtime/manager.ts'

const retryMs = 1_000

/**
 * Marks the leading Pod with a label, by which the hub's Service finds it, and takes the label off any other: a restarted
 * container keeps its Pod's labels but has to win the Lease anew.
 * Runs on every replica. An API server that refuses is asked again each second.
 * Outside a Pod (a developer's machine) there is none to mark, which is said once and does no harm.
 * Needs patch on pods.
 */
export class LeaderLabel implements Runnable {
  readonly name = 'leader-label'
  readonly #options: {
    readonly client: Pick<KubeClient, 'patch'>
    readonly namespace: string
    readonly podName: string
    readonly clock: Clock
    readonly log: Logger
  }
  #leads = false
  #changed = Promise.withResolvers<void>()

  constructor(options: {
    /** Not one that only a leader may write with. */
    readonly client: Pick<KubeClient, 'patch'>
    readonly namespace: string
    readonly podName: string
    readonly clock: Clock
    readonly log: Logger
  }) {
    this.#options = options
  }

  /** Told by the election. */
  follow(isLeader: boolean): void {
    this.#leads = isLeader
    this.#changed.resolve()
  }

  async run({ stop, abort }: RunSignals): Promise<void> {
    const { clock, log } = this.#options
    let shown: boolean | undefined
    while (!stop.aborted) {
      this.#changed = Promise.withResolvers()
      const wanted = this.#leads
      if (wanted === shown) {
        await Promise.race([this.#changed.promise, aborted(stop)])
        continue
      }
      try {
        await this.#set(wanted, abort)
        shown = wanted
      } catch (error) {
        if (abort.aborted) return
        log.warn({ err: error }, 'the Pod could not be marked as leading or not')
        await clock.sleep(retryMs, { signal: stop }).catch(() => undefined)
      }
    }
    if (shown === true) await this.#set(false, abort).catch(() => undefined)
  }

  async #set(leads: boolean, signal: AbortSignal): Promise<void> {
    const { client, namespace, podName, log } = this.#options
    try {
      await client.patch(
        pods,
        { namespace, name: podName },
        {
          type: 'merge',
          body: { metadata: { labels: { [labels.leader]: leads ? 'true' : null } } },
        },
        { signal, priority: 'assign' },
      )
    } catch (error) {
      if (!isNotFound(error)) throw error
      if (leads)
        log.info({ podName }, 'no Pod of this name; the hub Service will not find this process')
    }
  }
}
