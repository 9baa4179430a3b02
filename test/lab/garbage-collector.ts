import { GarbageCollector } from '../support/garbage-collector.ts'
import { ApiProblem, orMissing, throughOutage, follow } from './api.ts'
import type { LabControlPlane } from './control-plane.ts'
import { paths } from './paths.ts'

/** Owners by kind, and everything that may have one. */
const ownerPaths: Readonly<Record<string, string>> = {
  DevRequest: paths.devRequests,
  AgentTask: paths.agentTasks,
  Agent: paths.agents,
}
const watched = [paths.devRequests, paths.agentTasks, paths.agents, paths.pods]

interface RunningCollector {
  /**
   * Failures that were not the API server's absence. A lab in which there are any proves nothing.
   */
  readonly troubles: readonly string[]
  stop(): void
}

/** Runs a garbage collector on the lab's API server, where kube-controller-manager is not run. */
export async function startGarbageCollector(
  controlPlane: LabControlPlane,
): Promise<RunningCollector> {
  const api = controlPlane.as('node')
  const life = new AbortController()
  const { signal } = life
  const troubles: string[] = []
  const collector = new GarbageCollector<string>({
    soon: (run) => run(),
    onError: (error) => {
      if (!signal.aborted) troubles.push(`garbage collector: ${String(error)}`)
    },
    async exists({ kind, name, uid }) {
      const home = ownerPaths[kind]
      if (home === undefined) return true
      const found = await orMissing(throughOutage(signal, () => api.get(`${home}/${name}`)))
      return found?.metadata.uid === uid
    },
    async remove({ kind: path, name, uid }) {
      try {
        await throughOutage(signal, () => api.delete(`${path}/${name}`, { preconditions: { uid } }))
      } catch (error) {
        // Gone, or another of its name is there by now.
        if (!(error instanceof ApiProblem) || (error.status !== 404 && error.status !== 409))
          throw error
      }
    },
  })
  for (const path of watched)
    await follow(api, path, ({ type, object }) => collector.see(type, path, object.metadata), {
      signal,
    })
  return { troubles, stop: () => life.abort() }
}
