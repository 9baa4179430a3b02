import { createHash } from 'node:crypto'
import { allowedChanges, type PathChange } from '../../../forge/scope.ts'
import type { AgentTask } from '../../../core/api/agent-task.ts'
import type { Integrate, IntegrateResult } from '../../../core/api/forge-protocol.ts'
import { git } from '../../../core/api/names.ts'
import { heldBy } from '../../../core/api/task-state.ts'
import { isTestPath } from '../../../core/api/test-paths.ts'
import { ForgeError, type Forge } from '../../../operator/forge/client.ts'
import type { Effects, SimulatedProcess } from './process.ts'
import type { Timeline } from './timeline.ts'

/** The fate of one call of the forge. */
export type ForgeFate = 'pass' | 'down' | 'lose'

interface Branch {
  head: string
  readonly contains: Set<string>
  /** The changes in the commits of a task branch. */
  readonly changes: readonly PathChange[]
}

interface Repository {
  readonly base: string
  readonly branches: Map<string, Branch>
}

/** A merge that the forge made: which commit of which task branch went into which branch. */
interface Merge {
  readonly into: string
  readonly from: string
  readonly commit: string
}

/** A commit id that depends on these words alone. */
export function commitId(...words: readonly string[]): string {
  return createHash('sha1').update(words.join('\0')).digest('hex')
}

/**
 * The forge in memory, with the rules of the real one that matter here: an agent may push only the
 * branch of the attempt it holds, a merge needs the tip it was asked for, only what the task may
 * change is merged, a repeated call changes nothing.
 */
export class SimulatedForge {
  readonly merges: Merge[] = []
  /** Pushes that were refused, which is right for an agent that lost its task. */
  refusedPushes = 0
  readonly #repositories = new Map<string, Repository>()
  readonly #timeline: Timeline
  readonly #fate: () => ForgeFate
  readonly #latencyMs: () => number
  readonly #conflicts: (task: string) => number
  readonly #conflicted = new Map<string, number>()

  constructor(options: {
    readonly timeline: Timeline
    readonly fate: () => ForgeFate
    readonly latencyMs: () => number
    /** How often merges of a task collide before one goes through. */
    readonly conflicts: (task: string) => number
  }) {
    this.#timeline = options.timeline
    this.#fate = options.fate
    this.#latencyMs = options.latencyMs
    this.#conflicts = options.conflicts
  }

  /** The forge as one operator process reaches it. */
  clientFor(process: SimulatedProcess, effects: Effects): Forge {
    const ask = async <T>(signal: AbortSignal, work: () => T, site?: string): Promise<T> => {
      if (process.state === 'dead') return new Promise<T>(() => undefined)
      const effect = site === undefined ? undefined : effects.begin(process, site)
      return new Promise<T>((resolve, reject) => {
        if (effect?.alive === false) return
        const giveUp = () => reject(signal.reason)
        if (signal.aborted) {
          giveUp()
          return
        }
        signal.addEventListener('abort', giveUp, { once: true })
        const answer = (settle: () => void) =>
          this.#timeline.after(this.#latencyMs(), () => process.deliver(settle))
        const unreachable = () =>
          answer(() => reject(new ForgeError('Unreachable', 'the forge does not answer')))
        const fate = this.#fate()
        if (fate === 'down') {
          unreachable()
          return
        }
        this.#timeline.after(this.#latencyMs(), () => {
          let settle: () => void
          try {
            const result = work()
            settle = () => resolve(result)
          } catch (error) {
            settle = () => reject(error)
          }
          if (effect?.done() === false) return
          if (fate === 'lose') unreachable()
          else answer(settle)
        })
      })
    }
    return {
      ensure: async (name, { branch }, { signal }) =>
        ask(signal, () => this.#ensure(name, branch), 'forge ensure'),
      branch: async (name, branch, _base, { signal }) =>
        ask(signal, () => {
          const { head, contains } = this.#branch(name, branch)
          return { branch, head, commits: contains.size }
        }),
      tree: async (_name, commit, { signal }) =>
        ask(signal, () => ({ commit, files: [], truncated: false })),
      file: async (_name, _commit, _path, { signal }) => ask(signal, () => undefined),
      integrate: async (name, wanted, { signal }) =>
        ask(signal, () => this.#integrate(name, wanted), `forge integrate`),
    }
  }

  /**
   * An agent pushes the work of its attempt. `tasks` is the truth at this moment, as the forge
   * reads it.
   */
  push(
    task: AgentTask | undefined,
    by: { readonly podUid: string; readonly attempt: number },
    commit: string,
  ): boolean {
    const held = task === undefined ? undefined : heldBy(task)
    if (task === undefined || held?.podUid !== by.podUid || held.attempt !== by.attempt) {
      this.refusedPushes += 1
      return false
    }
    const repository = this.#repositories.get(task.spec.repository)
    const name = git.taskBranch(task.metadata.name, by.attempt)
    const changes = changesOf(task)
    repository?.branches.set(name, { head: commit, contains: new Set([commit]), changes })
    return repository !== undefined
  }

  #ensure(name: string, branch: string) {
    let repository = this.#repositories.get(name)
    if (repository === undefined) {
      repository = { base: commitId(name), branches: new Map() }
      this.#repositories.set(name, repository)
    }
    const { base, branches } = repository
    if (!branches.has(branch))
      branches.set(branch, { head: base, contains: new Set(), changes: [] })
    return { repository: name, branch, base, head: branches.get(branch)?.head ?? base }
  }

  #branch(name: string, branch: string): Branch {
    const found = this.#repositories.get(name)?.branches.get(branch)
    if (found === undefined) throw new ForgeError('NotFound', `there is no branch ${branch}`)
    return found
  }

  #integrate(name: string, wanted: Integrate): IntegrateResult {
    const { into, from, commit, subject } = wanted
    const target = this.#branch(name, into)
    if (target.contains.has(commit)) return { outcome: 'contained', commit: target.head }
    const { head, changes } = this.#branch(name, from)
    if (head !== commit) throw new ForgeError('BranchMoved', `${from} is not at ${commit}`)
    const scope = { ...wanted.task, wasThere: () => false, changedBefore: new Set<string>() }
    const outside = allowedChanges(changes, scope)
    if (outside !== undefined) return { outcome: 'refused', message: outside }
    const task = from.split('/')[1] ?? ''
    const before = this.#conflicted.get(task) ?? 0
    if (before < this.#conflicts(task)) {
      this.#conflicted.set(task, before + 1)
      return { outcome: 'conflict', files: ['src/shared.js'] }
    }
    target.contains.add(commit)
    target.head = commitId(target.head, commit, subject)
    this.merges.push({ into, from, commit })
    return { outcome: 'merged', commit: target.head }
  }
}

/** The changes that an honest agent commits for a task. */
function changesOf({ metadata, spec }: AgentTask): readonly PathChange[] {
  const written: Readonly<Record<string, readonly string[]>> = {
    spec: [`test/${metadata.name}.test.js`],
    code: spec.files.filter((path) => !isTestPath(path)),
    fix: spec.files.filter((path) => !isTestPath(path)),
    document: spec.files,
  }
  const paths = written[spec.action] ?? []
  return paths.map((path) => ({ path, oldMode: '000000', newMode: '100644' }))
}
