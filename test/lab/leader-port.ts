import { labels } from '../../core/api/names.ts'
import type { Api } from './api.ts'
import { follow } from './follow.ts'
import { labelled, paths } from './paths.ts'

/** Follows the Pod that carries the leader's label, as the hub's Service does. */
export async function followLeader(
  api: Api,
  hubPortOf: (podName: string) => number | undefined,
): Promise<{ readonly port: () => number | undefined; stop(): void }> {
  const leading = new Set<string>()
  const life = new AbortController()
  const path = labelled(paths.pods, labels.component, 'operator')
  await follow(
    api,
    path,
    ({ type, object: { metadata } }) => {
      leading.delete(metadata.name)
      if (type !== 'DELETED' && metadata.labels?.[labels.leader] === 'true')
        leading.add(metadata.name)
    },
    { signal: life.signal },
  )
  return {
    // With two of them, a Service would choose either; the newest is as good.
    port: () => hubPortOf([...leading].at(-1) ?? ''),
    stop: () => life.abort(),
  }
}
