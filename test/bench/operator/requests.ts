// The requests and tasks of a workload, as a person's plan would make them: the operator sees
// nothing unusual.
import { setTimeout as sleep } from 'node:timers/promises'
import { withCondition } from '../../../core/api/condition-list.ts'
import { requestConditions, requestReasons } from '../../../core/api/conditions.ts'
import type { DevRequest, PlannedTask } from '../../../core/api/devrequest.ts'
import { devRequests } from '../../../core/api/kinds.ts'
import { apiVersion, audiences, git, labels } from '../../../core/api/names.ts'
import { repositoryState, type RepositoryState } from '../../../core/api/forge-protocol.ts'
import { planHash, teamOf, waves } from '../../../core/planner/tasks.ts'
import { ApiProblem, orMissing, type Api } from '../../lab/api.ts'
import type { Lab } from '../../lab/lab.ts'
import { labelled, paths } from '../../lab/paths.ts'
import type { ChainTask } from '../workloads.ts'

/** All requests of the bench work on one repository; each has its branch there. */
const repository = 'bench'
const model = 'rehearsal'
/** Requests to the API server at once while a workload is made. */
const makers = 8

/** The sentence lengths of an ordinary plan. */
const goal =
  'Write the function that this unit is about, exported by name, without packages: it takes one argument and returns a new value; wrong input throws a TypeError that names the argument. '.repeat(
    2,
  )
const doneWhen = 'Called with the examples of the request it gives exactly what stands there.'

const authorized = {
  type: requestConditions.Authorized,
  status: 'True',
  reason: requestReasons.Planned,
  message: 'by the bench',
} as const

/**
 * Makes the requests of these chains, planned and suspended; the operator makes the tasks. Nothing
 * runs before `resume`.
 */
export class RequestMaker {
  readonly #lab: Lab
  readonly #api: Api
  #token: string | undefined

  constructor(lab: Lab) {
    this.#lab = lab
    this.#api = lab.author
  }

  /** Resolves when the operator has made every task from the plans. */
  async make(chains: readonly (readonly ChainTask[])[]): Promise<void> {
    const tasks = chains.flat()
    const groups = Map.groupBy(tasks, ({ group }) => group)
    await inParallel([...groups], makers, async ([name, own]) => {
      await this.#request(name, own.map(planned))
    })
    while ((await this.#count()) < tasks.length)
      await new Promise((resolve) => setTimeout(resolve, 250))
  }

  /** Lets the tasks of these groups be worked on. */
  async resume(groups: readonly string[]): Promise<void> {
    await inParallel(groups, makers, async (group) => {
      await patiently(() =>
        this.#api.patch(`${paths.devRequests}/${group}`, { spec: { suspend: false } }),
      )
    })
  }

  /**
   * Deletes every request and task, and waits until they are gone. Requests first: the operator
   * makes tasks that are missing. Then request by request, since one call for ten thousand objects
   * takes longer than any time-out.
   */
  async clear(): Promise<void> {
    for (const path of [paths.devRequests, paths.agentTasks])
      for (;;) {
        const { items } = await patiently(() => this.#api.list(`${path}?limit=400`))
        if (items.length === 0) break
        const requests = new Set(
          items.map(({ metadata }) => metadata.labels?.[labels.request] ?? metadata.name),
        )
        await inParallel([...requests], makers, async (name) => {
          await patiently(() =>
            path === paths.agentTasks
              ? this.#api.delete(labelled(path, labels.request, name))
              : orMissing(this.#api.delete(`${path}/${name}`)),
          )
        })
      }
  }

  async #count(): Promise<number> {
    const { items, metadata } = await patiently(() =>
      this.#api.get<{
        readonly items: readonly unknown[]
        readonly metadata: { readonly remainingItemCount?: number }
      }>(`${paths.agentTasks}?limit=1`),
    )
    return items.length + (metadata.remainingItemCount ?? 0)
  }

  async #request(name: string, tasks: readonly PlannedTask[]): Promise<void> {
    const branch = git.resultBranch(name)
    const state = await this.#branch(name, branch)
    const path = `${paths.devRequests}/${name}`
    const draft = {
      apiVersion,
      kind: devRequests.kind,
      metadata: { name },
      spec: {
        request: `${goal}\n${doneWhen}`,
        source: { repository: { name: repository } },
        limits: { maxTasks: 50, maxParallel: 10 },
        suspend: true,
      },
    }
    await ensured(() => this.#api.create(paths.devRequests, draft))
    // The operator writes the status of the new request at the same time; the later of the two
    // reads again.
    for (;;) {
      const found = await patiently(() => this.#api.get<DevRequest>(path))
      const status: DevRequest['status'] = {
        ...found.status,
        model,
        repository,
        base: state.base,
        head: state.head,
        branch,
        // Suspended and yet authorized, so that the operator makes the tasks before any may run.
        conditions: [
          ...withCondition(found.status?.conditions ?? [], authorized, new Date().toISOString()),
        ],
        plan: {
          hash: planHash(tasks),
          revision: 1,
          source: 'person',
          waves: waves(tasks),
          team: teamOf(tasks, 10),
          tasks: [...tasks],
          warnings: [],
          attempts: 0,
        },
      }
      try {
        await patiently(() => this.#api.update(`${path}/status`, { ...found, status }))
        return
      } catch (error) {
        if (!(error instanceof ApiProblem) || error.status !== 409) throw error
      }
    }
  }

  /** The request's branch on the forge, as the operator would ask for it. */
  async #branch(title: string, branch: string): Promise<RepositoryState> {
    this.#token ??= await this.#lab.controlPlane.token({
      account: 'guildhall-operator',
      audience: audiences.forge,
    })
    const ask = async (source: object): Promise<Response> =>
      fetch(`${this.#lab.forge.url}/api/repositories/${repository}`, {
        method: 'PUT',
        headers: {
          authorization: `Bearer ${this.#token ?? ''}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({ source, branch, title }),
      })
    const answer = await patiently(() => ask({ template: { name: 'empty' } }))
    if (!answer.ok) throw new Error(`forge: ${answer.status} ${await answer.text()}`)
    return repositoryState.parse(await answer.json())
  }
}

function planned({ name, after }: ChainTask): PlannedTask {
  return {
    name,
    type: 'coding',
    action: after === undefined ? 'code' : 'verify',
    title: `Write the unit of ${name}`,
    goal,
    doneWhen,
    files: [`src/${name}.js`],
    unit: `u${name}`.slice(0, 30),
    after: after === undefined ? [] : [after],
    onFailure: 'FailRequest',
  }
}

const tries = 6
const pauseMs = 250

/**
 * Asks again when there was no answer: a server under full load resets connections now and then,
 * and a run of a quarter of an hour must not end with one. Only for calls that may be repeated. A
 * refusal is thrown at once.
 */
export async function patiently<T>(call: () => Promise<T>): Promise<T> {
  for (let left = tries; ; left -= 1) {
    try {
      return await call()
    } catch (error) {
      if (error instanceof ApiProblem || left <= 1) throw error
      await sleep(pauseMs)
    }
  }
}

/**
 * Makes something that may be there already, because an earlier try was carried out without an
 * answer.
 */
export async function ensured(call: () => Promise<unknown>): Promise<void> {
  try {
    await patiently(call)
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.status !== 409) throw error
  }
}

/**
 * Does `work` for every item, at most `width` at once. Rejects with the first error; calls that are
 * under way go on.
 */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values()
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const item of queue) await work(item)
    }),
  )
}
