import { setTimeout as sleep } from 'node:timers/promises'
import { ApiProblem, type Api, type ApiEvent, type ApiObject } from './api.ts'

/** A change, or an object that a list found. */
export type Change<T> = Pick<ApiEvent<T>, 'object'> & {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
}

/**
 * Lists a path, then follows it until `signal`; the watch is opened again from the last version whenever it ends, so no
 * change is missed. Resolves after the list; what happens later comes through `onChange`.
 * When the server has forgotten the last version, as after its restart, `onGap` is told that changes may have been missed;
 * then everything that is there is told again as added, and what is gone as deleted, in its last known version.
 */
export async function follow<T extends ApiObject>(
  api: Api,
  path: string,
  onChange: (change: Change<T>) => void,
  options: { readonly signal: AbortSignal; readonly onGap?: () => void },
): Promise<void> {
  const there = new Map<string, T>()
  let version = await list()
  void run()

  function tell(change: Change<T>): void {
    const { uid } = change.object.metadata
    if (change.type === 'DELETED') there.delete(uid)
    else there.set(uid, change.object)
    onChange(change)
  }

  async function list(): Promise<string> {
    const { items, resourceVersion } = await api.list<T>(path)
    const uids = new Set(items.map(({ metadata }) => metadata.uid))
    for (const object of there.values())
      if (!uids.has(object.metadata.uid)) tell({ type: 'DELETED', object })
    for (const object of items) tell({ type: 'ADDED', object })
    return resourceVersion
  }

  async function run(): Promise<void> {
    while (!options.signal.aborted) {
      try {
        for await (const { type, object } of api.watch<T>(path, version, options)) {
          if (type === 'ERROR') throw new ApiProblem(410, JSON.stringify(object))
          version = object.metadata.resourceVersion
          if (type !== 'BOOKMARK') tell({ type, object })
        }
      } catch (error) {
        if (options.signal.aborted) return
        if (error instanceof ApiProblem && error.status === 410) {
          options.onGap?.()
          version = await list().catch(() => version)
        }
        await sleep(50)
      }
    }
  }
}
