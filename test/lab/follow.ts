import { setTimeout as sleep } from 'node:timers/promises'
import { ApiProblem, type Api, type ApiEvent, type ApiObject } from './api.ts'

/** A change, or an object that a list found. */
export type Change<T> = Pick<ApiEvent<T>, 'object'> & {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
}

/**
 * Lists a path, then follows it until `signal`; the watch is opened again from the last version whenever it ends, so no
 * change is missed. Resolves after the list; what happens later comes through `onChange`.
 * `onGap` is told when the server has forgotten the last version: changes were missed, and everything is listed again.
 */
export async function follow<T extends ApiObject>(
  api: Api,
  path: string,
  onChange: (change: Change<T>) => void,
  options: { readonly signal: AbortSignal; readonly onGap?: (why: string) => void },
): Promise<void> {
  let version = await list()
  void run()

  async function list(): Promise<string> {
    const { items, resourceVersion } = await api.list<T>(path)
    for (const object of items) onChange({ type: 'ADDED', object })
    return resourceVersion
  }

  async function run(): Promise<void> {
    while (!options.signal.aborted) {
      try {
        for await (const { type, object } of api.watch<T>(path, version, options)) {
          if (type === 'ERROR') throw new ApiProblem(410, JSON.stringify(object))
          version = object.metadata.resourceVersion
          if (type !== 'BOOKMARK') onChange({ type, object })
        }
      } catch (error) {
        if (options.signal.aborted) return
        if (error instanceof ApiProblem && error.status === 410) {
          options.onGap?.(error.message)
          version = await list().catch(() => version)
        }
        await sleep(50)
      }
    }
  }
}
