// Who may do what: pure decisions with a sentence for the one who is refused.
import type { AgentTask } from '../core/api/agent-task.ts'
import { agentTasks } from '../core/api/kinds.ts'
import { git as gitNames } from '../core/api/names.ts'
import { heldBy, isFinished } from '../core/api/task-state.ts'
import type { KubeClient } from '../core/kube/client.ts'
import { isNotFound } from '../core/kube/errors.ts'
import { ForgeRefusal } from './problem.ts'
import { parseTaskBranch } from './ref-names.ts'

/** Who speaks, as the API server says. */
export type Identity =
  | { readonly kind: 'operator'; readonly name: string }
  | { readonly kind: 'agent'; readonly name: string; readonly podUid: string }
  | { readonly kind: 'reader'; readonly name: string }

/** What somebody wants: read by git, write by git, GET of the API, any other method of the API. */
type Wish = 'clone' | 'push' | 'read' | 'change'

export type AccessDecision =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly message: string }

/**
 * One ref that a push wants to change. Ids are 40 hexadecimal digits; all zeros means "no such
 * ref".
 */
export interface RefCommand {
  readonly oldId: string
  readonly newId: string
  readonly ref: string
}

const allowed: AccessDecision = { allowed: true }
const refused = (message: string): AccessDecision => ({ allowed: false, message })

const zeroId = '0'.repeat(40)
const heads = 'refs/heads/'

const wishes: Readonly<Record<Identity['kind'], ReadonlySet<Wish>>> = {
  operator: new Set(['clone', 'read', 'change']),
  agent: new Set(['clone', 'push']),
  reader: new Set(['clone', 'read']),
}

const sentences: Readonly<Record<Wish, string>> = {
  clone: 'may not clone',
  push: 'may not push; work gets in through a DevRequest: kubectl apply -f request.yaml',
  read: 'may not use the API; clone the repository instead',
  change: 'may not change anything here; that is for the operator alone',
}

/**
 * May this identity do this kind of thing at all? What a push contains is judged by `judgeCommands`
 * and `judgeTask`.
 */
export function judgeWish(identity: Identity, wish: Wish): AccessDecision {
  if (wishes[identity.kind].has(wish)) return allowed
  return refused(`${identity.name} ${sentences[wish]}.`)
}

/** The task and attempt a push names, once its form is right. */
type CommandsDecision =
  | {
      readonly allowed: true
      readonly ref: string
      readonly task: string
      readonly attempt: number
    }
  | { readonly allowed: false; readonly message: string }

/**
 * Is it exactly one task branch, made or moved forward? (Git itself refuses what is not forward.)
 */
export function judgeCommands(commands: readonly RefCommand[]): CommandsDecision {
  const [command] = commands
  const one = `one push changes exactly one branch: ${gitNames.taskBranch('<task>', 1)}`
  if (command === undefined || commands.length > 1) return { allowed: false, message: `${one}.` }
  const { ref, newId } = command
  const branch = ref.startsWith(heads) ? parseTaskBranch(ref.slice(heads.length)) : undefined
  if (branch === undefined) {
    return { allowed: false, message: `${ref} is not for agents; ${one}.` }
  }
  if (newId === zeroId) {
    return { allowed: false, message: `${ref} cannot be deleted: work of every attempt is kept.` }
  }
  return { allowed: true, ref, ...branch }
}

/** Does this Pod hold this attempt of this task, and is the task about this repository? */
export function judgeTask(
  identity: Identity,
  wanted: { readonly repository: string; readonly task: string; readonly attempt: number },
  task: AgentTask | undefined,
): AccessDecision {
  const name = `AgentTask ${wanted.task}`
  if (identity.kind !== 'agent') return judgeWish(identity, 'push')
  if (task === undefined) return refused(`${name} does not exist.`)
  if (task.spec.repository !== wanted.repository) {
    return refused(`${name} is about another repository than ${wanted.repository}.`)
  }
  if (isFinished(task)) return refused(`${name} is finished.`)
  if (task.status?.result !== undefined)
    return refused(`The result of ${name} is accepted already.`)
  const holder = heldBy(task)
  if (holder === undefined) return refused(`Nobody holds ${name}.`)
  if (holder.podUid !== identity.podUid) return refused(`Another agent holds ${name}.`)
  if (holder.attempt !== wanted.attempt) {
    return refused(`${name} is at attempt ${holder.attempt}, not ${wanted.attempt}.`)
  }
  return allowed
}

/** Reads one AgentTask, live: a push is judged by what the API server says now. */
export interface TaskReader {
  /**
   * Undefined when there is no such task. Errors: `ForgeRefusal` when the API server cannot be
   * asked.
   */
  read(name: string, options: { readonly signal: AbortSignal }): Promise<AgentTask | undefined>
}

/** Live GET of an AgentTask. Needs `get` on `agenttasks`. */
export function kubeTaskReader(client: Pick<KubeClient, 'get'>, namespace: string): TaskReader {
  return {
    read: async (name, { signal }) => {
      try {
        return await client.get(agentTasks, { name, namespace, signal })
      } catch (error) {
        if (isNotFound(error)) return undefined
        throw new ForgeRefusal(
          'Internal',
          'The Kubernetes API cannot be asked right now; try again.',
          {
            status: 503,
            cause: error,
          },
        )
      }
    },
  }
}
