// Where the hub's doors lead: tokens to agents, reports to tasks, model calls to the gateway, lines to the log.
import { audiences, labels } from './api/names.ts'
import type { LogBatch, ModelCall, ModelEvent } from './api/agent-protocol.ts'
import type { AgentTask } from './api/agent-task.ts'
import type { DevRequest } from './api/devrequest.ts'
import { firstClaim, heldBy, requestUidOf } from './api/task-state.ts'
import type { Outcomes } from './controllers/agent/controller.ts'
import { takeReport } from './controllers/agenttask/report.ts'
import { byHolder, byRequest, byUid, type World } from './controllers/world.ts'
import { assignmentMessage } from './hub/assignment.ts'
import { Problem } from './hub/http.ts'
import type { Lines } from './hub/lines.ts'
import type { Caller, HubDoors } from './hub/desk.ts'
import { isNotFound } from './kube/errors.ts'
import type { Logger } from './kube/ports.ts'
import { keyOf } from './kube/resource.ts'
import { WaitError } from './runtime/outcome.ts'
import { TokenReviewer } from './hub/token-review.ts'
import { ModelError } from './models/errors.ts'
import type { Gateway, GatewayCall } from './models/gateway.ts'
import type { CallBudget } from './models/ledger.ts'
import type { ModelProfile } from './models/profile.ts'

export interface DoorParts {
  readonly gateway: Gateway
  readonly lines: Lines
  readonly outcomes: Outcomes
  readonly profileOf: (model: string) => ModelProfile | undefined
  readonly forgeUrl: string
  readonly serviceAccountName: string
  readonly log: Logger
}

/** How long an agent's token is believed without asking again: its Pod's end is seen in the cache, sooner than by asking. */
const knownMs = 10 * 60_000
/** How long a stranger's token is refused without asking again. */
const unknownMs = 30_000

/** Builds what the hub asks of the rest of the operator, and the function that sends an assignment. */
export function doorsOf(
  world: World,
  parts: DoorParts,
): HubDoors & { readonly dispatch: (task: AgentTask) => void } {
  const reviewer = new TokenReviewer({
    client: world.client,
    audience: audiences.hub,
    clock: world.clock,
    knownMs,
    unknownMs,
  })
  const username = `system:serviceaccount:${world.namespace}:${parts.serviceAccountName}`

  async function identify(token: string): Promise<Caller | undefined> {
    const who = await reviewer.review(token)
    if (who?.username !== username || who.pod === undefined) return undefined
    const pod = world.pods.byIndex(byUid, who.pod.uid)[0]
    const agent = pod?.metadata.labels?.[labels.agent]
    if (agent === undefined || world.agents.get(world.namespace, agent) === undefined)
      return undefined
    return {
      podUid: who.pod.uid,
      agent,
      type: pod?.metadata.labels?.[labels.agentType] ?? '',
    }
  }

  /** The one task a Pod may work on, by the newest we know: an agent may speak of it before the cache shows it. */
  function claimNow(podUid: string): AgentTask | undefined {
    const names = new Set(
      [...world.tasks.byIndex(byHolder, podUid), ...world.latest.underWay(world.tasks)].map(
        ({ metadata }) => metadata.name,
      ),
    )
    const { namespace } = world
    const known = [...names].flatMap(
      (name) => world.latest.of(world.tasks, { namespace, name }) ?? [],
    )
    return firstClaim(known.filter((task) => heldBy(task)?.podUid === podUid))
  }

  function messageFor(task: AgentTask): ReturnType<typeof assignmentMessage> | undefined {
    const { namespace } = world
    const { name } = task.spec.requestRef
    const request = world.requests.get(namespace, name)
    if (request === undefined) return undefined
    const profile = parts.profileOf(task.spec.model)
    const facts = {
      tier: profile?.tier ?? 'basic',
      contextTokens: profile?.contextTokens ?? 8192,
      outputTokens: profile?.outputTokens ?? 2048,
    }
    const siblings = world.tasks.byIndex(byRequest, `${namespace}/${name}`)
    return assignmentMessage(task, request, siblings, facts, parts.forgeUrl)
  }

  function uidOfRequest(task: AgentTask): string | undefined {
    const { name } = task.spec.requestRef
    return requestUidOf(task) ?? world.requests.get(world.namespace, name)?.metadata.uid
  }

  function dispatch(task: AgentTask): void {
    const held = heldBy(task)
    const message = messageFor(task)
    if (held === undefined || message === undefined) return
    parts.lines.send(held.podUid, message)
    parts.log.info(
      {
        task: task.metadata.name,
        request: task.spec.requestRef.name,
        agent: held.agent,
        attempt: held.attempt,
      },
      `task ${task.metadata.name} started on ${held.agent}`,
    )
  }

  return {
    identify,
    dispatch,
    assignmentOf(podUid) {
      const claim = claimNow(podUid)
      // What we wrote a moment ago was sent then; and it may be over already, by a write whose answer we wait for.
      if (claim === undefined || world.tasks.isBehind(keyOf(claim.metadata))) return undefined
      return messageFor(claim)
    },
    holds(podUid, { uid, attempt }) {
      const claim = claimNow(podUid)
      return claim?.metadata.uid === uid && claim.status?.assignment?.attempt === attempt
    },
    isLeaving({ agent, podUid }) {
      const status = world.agents.get(world.namespace, agent)?.status
      return status?.state === 'draining' && status.podUid === podUid
    },
    async report(caller, report, { signal }) {
      const task = world.tasks.get(world.namespace, report.task)
      const request = task?.spec.requestRef.name ?? ''
      const requestUid = task === undefined ? undefined : uidOfRequest(task)
      const used = parts.gateway.tokens({ request, requestUid, task: report.task })
      parts.lines.noteReport(caller.podUid, `${report.uid}/${report.attempt}`)
      try {
        const receipt = await takeReport(
          world,
          parts,
          {
            agent: caller.agent,
            podUid: caller.podUid,
            tokens: used.earlierTokens + used.inputTokens + used.outputTokens,
            model: used.calls > 0 ? (task?.spec.model ?? '') : '',
          },
          report,
          { signal },
        )
        parts.log.info(
          {
            task: report.task,
            request,
            agent: caller.agent,
            attempt: report.attempt,
            verdict: report.verdict,
            outcome: receipt.outcome,
          },
          `task ${report.task} reported ${report.verdict} by ${caller.agent}: ${report.summary}`,
        )
        return receipt
      } catch (error) {
        if (isNotFound(error))
          return { outcome: 'fenced', message: 'there is no such task any more' }
        if (error instanceof WaitError) throw new Problem(503, 'Busy', error.message)
        throw error
      }
    },
    async ask(call, { signal, onEvent }) {
      const task = world.tasks.get(world.namespace, call.task)
      if (task === undefined) throw new Problem(409, 'Fenced', `task ${call.task} is gone`)
      const request = world.requests.get(world.namespace, task.spec.requestRef.name)
      const about = { budget: budgetOf(task, request), requestUid: uidOfRequest(task) }
      onEvent(await answer(parts.gateway, task, { ...call, ...about }, signal, onEvent))
    },
    log(caller, batch) {
      for (const line of batch.lines) writeLine(parts.log, caller, world, line)
    },
  }
}

/** What the request and the task may use, and what their statuses show as used. */
function budgetOf(task: AgentTask, request: DevRequest | undefined): CallBudget {
  const { tokens, taskTokens } = request?.spec.limits ?? {}
  return {
    request: { limit: tokens, used: request?.status?.tokens ?? 0 },
    task: { limit: taskTokens, used: task.status?.result?.tokens ?? 0 },
  }
}

async function answer(
  gateway: Gateway,
  task: AgentTask,
  call: ModelCall & Pick<GatewayCall, 'budget' | 'requestUid'>,
  signal: AbortSignal,
  onEvent: (event: ModelEvent) => void,
): Promise<ModelEvent> {
  const { task: _task, uid: _uid, attempt: _attempt, schema, ...question } = call
  try {
    return await gateway.call(
      {
        ...question,
        model: task.spec.model,
        request: task.spec.requestRef.name,
        task: task.metadata.name,
        priority: task.spec.priority,
        ...(schema === undefined ? {} : { schema }),
      },
      { signal, onEvent },
    )
  } catch (error) {
    if (error instanceof ModelError)
      return { kind: 'error', code: error.code, message: error.message, retryable: error.retryable }
    throw error
  }
}

function writeLine(
  log: Logger,
  caller: Caller,
  world: World,
  line: LogBatch['lines'][number],
): void {
  const request =
    line.task === undefined
      ? undefined
      : world.tasks.get(world.namespace, line.task)?.spec.requestRef.name
  log[line.level](
    {
      ...line.fields,
      logger: `agents/${caller.type}`,
      agent: caller.agent,
      at: line.time,
      ...(line.task === undefined ? {} : { task: line.task, attempt: line.attempt }),
      ...(request === undefined ? {} : { request }),
    },
    line.message,
  )
}
