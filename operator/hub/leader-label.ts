import { labels } from '../../core/api/names.ts'
import type { KubeClient } from '../../core/kube/client.ts'
import { pods } from '../../core/kube/built-in-kinds.ts'
import { isNotFound } from '../../core/kube/errors.ts'
import type { Clock } from '../../core/base/clock.ts'
import type { Logger } from '../../core/base/logger.ts'
import { aborted } from '../../core/base/wait.ts'
import type { RunSignals, Runnable } from '../../core/kube/runtime/manager.ts'

const retryMs = 1_000

/**
 * Sets a label on the leading Pod, by which the hub's Service selects it, and removes it from a Pod that does not lead: a
 * restarted container keeps its Pod's labels and has to win the Lease again.
 * Runs on every replica. After a refusal the API server is asked again each second.
 * Outside a Pod (on a developer's machine) there is nothing to label; that is logged once.
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
    /** Not the guarded client, which only a leader may write with. */
    readonly client: Pick<KubeClient, 'patch'>
    readonly namespace: string
    readonly podName: string
    readonly clock: Clock
    readonly log: Logger
  }) {
    this.#options = options
  }

  /** The leader election calls it with each change. */
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
