// The part of the garbage collector that matters here: what has an owner goes when its owner is gone.
import { ApiProblem, orMissing, throughOutage, type Api, type ApiObject } from './api.ts'
import type { LabControlPlane } from './control-plane.ts'
import { follow, type Change } from './follow.ts'
import { paths } from './paths.ts'

/** Owners by kind, and everything that may have one. */
const ownerPaths: Readonly<Record<string, string>> = {
  DevRequest: paths.devRequests,
  AgentTask: paths.agentTasks,
  Agent: paths.agents,
}
const watched = [paths.devRequests, paths.agentTasks, paths.agents, paths.pods]

/** Stands in for kube-controller-manager where that is not run; in the background, as kubectl and the operator ask. */
export class GarbageCollector {
  readonly #api: Api
  readonly #life = new AbortController()
  /** Where each object with an owner lies, by its uid. */
  readonly #dependents = new Map<string, { readonly path: string; readonly owner: string }>()
  readonly #owners = new Set<string>()
  readonly troubles: string[] = []

  constructor(controlPlane: LabControlPlane) {
    this.#api = controlPlane.as('node')
  }

  async start(): Promise<void> {
    for (const path of watched)
      await follow(this.#api, path, (change) => void this.#see(path, change).catch(this.#failed), {
        signal: this.#life.signal,
      })
  }

  stop(): void {
    this.#life.abort()
  }

  readonly #failed = (error: unknown): void => {
    if (!this.#life.signal.aborted) this.troubles.push(`garbage collector: ${String(error)}`)
  }

  async #see(path: string, { type, object }: Change<ApiObject>): Promise<void> {
    const { uid, name, ownerReferences = [] } = object.metadata
    if (type === 'DELETED') {
      this.#owners.delete(uid)
      this.#dependents.delete(uid)
      for (const [dependent, { path, owner }] of this.#dependents)
        if (owner === uid) await this.#remove(path, dependent)
      return
    }
    this.#owners.add(uid)
    const owner = ownerReferences.find((reference) => reference.controller === true)
    if (owner === undefined) return
    this.#dependents.set(uid, { path: `${path}/${name}`, owner: owner.uid })
    if (this.#owners.has(owner.uid)) return
    // Its owner was never seen: perhaps it comes, perhaps it went before.
    const home = ownerPaths[owner.kind]
    if (home === undefined) return
    const found = await orMissing(
      throughOutage(this.#life.signal, () => this.#api.get(`${home}/${owner.name}`)),
    )
    if (found?.metadata.uid !== owner.uid) await this.#remove(`${path}/${name}`, uid)
  }

  async #remove(path: string, uid: string): Promise<void> {
    try {
      await throughOutage(this.#life.signal, () =>
        this.#api.delete(path, { preconditions: { uid } }),
      )
    } catch (error) {
      // Gone, or another of its name is there by now.
      if (!(error instanceof ApiProblem) || (error.status !== 404 && error.status !== 409))
        throw error
    }
  }
}
