// Connects the hub with the operator: tokens with agents, reports with tasks, model calls with the gateway, log lines with the log.
import {
  type LogBatch,
  type ModelCall,
  type ModelEvent,
  type Report,
  type ReportReceipt,
  agentTimes,
} from '../../core/api/agent-protocol.ts'
import { audiences, labels } from '../../core/api/names.ts'
import type { AgentTask } from '../../core/api/agent-task.ts'
import { conditionOf } from '../../core/api/condition-list.ts'
import { taskConditions } from '../../core/api/conditions.ts'
import type { DevRequest } from '../../core/api/devrequest.ts'
import { printedLine } from '../../core/api/plain-text.ts'
import { firstClaim, heldBy, requestUidOf } from '../../core/api/task-state.ts'
import type { Outcomes } from '../controllers/agent/outcomes.ts'
import { takeReport } from './report.ts'
import { type World, byHolder, byRequest, byUid } from '../controllers/world.ts'
import { assignmentMessage } from '../../core/tasks/assignment.ts'
import { Problem } from '../../core/base/http.ts'
import type { AgentStreams } from '../presence/agent-streams.ts'
import type { AgentIdentity, AttemptName, HubBackend } from './hub.ts'
import { plainCall, plainLogLine, plainReport } from './plain-words.ts'
import { isNotFound } from '../../core/kube/errors.ts'
import type { Logger } from '../../core/base/logger.ts'
import { keyOf } from '../../core/kube/resource.ts'
import { WaitError } from '../../core/kube/runtime/controller.ts'
import { CrowdedError, TokenReviewer } from '../../core/kube/token-review.ts'
import { ModelError, errorEvent } from '../../core/models/errors.ts'
import type { Gateway, GatewayCall } from '../../core/models/gateway.ts'
import type { CallBudget } from '../../core/models/token-budgets.ts'
import type { ModelProfile } from '../../core/models/profile.ts'

interface HubBackendParts {
  readonly gateway: Gateway
  readonly streams: AgentStreams
  readonly outcomes: Outcomes
  readonly profileOf: (model: string) => ModelProfile | undefined
  readonly forgeUrl: string
  readonly serviceAccountName: string
  readonly log: Logger
}

/** How long an agent's token is believed without a new review. The end of its Pod shows in the cache before that. */
const knownMs = 10 * 60_000
/** How long a stranger's token is refused without asking again. */
const unknownMs = 30_000

/** Builds the backend of the hub, and the function with which the scheduler sends an assignment. */
export function hubBackend(
  world: World,
  parts: HubBackendParts,
): HubBackend & { readonly dispatch: (task: AgentTask) => void } {
  const username = `system:serviceaccount:${world.namespace}:${parts.serviceAccountName}`
  const reviewer = new TokenReviewer({
    client: world.client,
    audiences: [audiences.hub],
    clock: world.clock,
    knownMs,
    unknownMs,
    isOurs: (who) => who.username === username && who.pod !== undefined,
    // A token that names an unknown Pod would be refused after its review anyway.
    laneOf: (claims) => {
      if (claims === undefined) return undefined
      const { subject, podUid } = claims
      if (subject !== undefined && subject !== username) return undefined
      if (podUid === undefined) return ''
      return world.pods.byIndex(byUid, podUid).length === 0 ? undefined : podUid
    },
  })

  async function identify(token: string): Promise<AgentIdentity | undefined> {
    const who = await reviewer.review(token).catch((error: unknown) => {
      if (error instanceof CrowdedError) throw new Problem(429, 'Busy', error.message)
      throw error
    })
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

  /** The one task that a Pod may work on, own writes included: an agent may name its task before the cache shows it. */
  function claimNow(podUid: string): AgentTask | undefined {
    const names = new Set(
      [...world.tasks.byIndex(byHolder, podUid), ...world.tasks.unseen()].map(
        ({ metadata }) => metadata.name,
      ),
    )
    const { namespace } = world
    const known = [...names].flatMap((name) => world.tasks.newest(namespace, name) ?? [])
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
    // Tasks of a deleted request of the same name may still be there; an agent of the new request must not see their text.
    const siblings = world.tasks
      .byIndex(byRequest, `${namespace}/${name}`)
      .filter((other) => (requestUidOf(other) ?? request.metadata.uid) === request.metadata.uid)
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
    parts.streams.send(held.podUid, message)
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
      // The assignment was sent when it was written. It may be over by a write whose answer has not come yet.
      if (claim === undefined || world.tasks.isBehind(keyOf(claim.metadata))) return undefined
      return messageFor(claim)
    },
    holds: (podUid, attempt) => isClaim(claimNow(podUid), attempt),
    isLeaving({ agent, podUid }) {
      const status = world.agents.get(world.namespace, agent)?.status
      return status?.state === 'draining' && status.podUid === podUid
    },
    async report(caller, said, { signal }) {
      const report = plainReport(said)
      const task = world.tasks.get(world.namespace, report.task)
      const request = task?.spec.requestRef.name ?? ''
      const requestUid = task === undefined ? undefined : uidOfRequest(task)
      const used = parts.gateway.tokens({ request, requestUid, task: report.task })
      parts.streams.noteReport(caller.podUid, `${report.uid}/${report.attempt}`)
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
        noteReceipt(parts.log, caller, report, request, receipt)
        return receipt
      } catch (error) {
        if (isNotFound(error))
          return { outcome: 'fenced', message: 'there is no such task any more' }
        if (error instanceof WaitError) throw new Problem(503, 'Busy', error.message)
        throw error
      }
    },
    async ask(said, { signal, onEvent }) {
      const call = plainCall(said)
      const { namespace } = world
      const task = world.tasks.newest(namespace, call.task)
      // This task pays for the call, so it must be the task that `holds` found before, still at the same attempt.
      const attempt = task === undefined ? undefined : (heldBy(task)?.attempt ?? call.attempt)
      if (task?.metadata.uid !== call.uid || attempt !== call.attempt) {
        const message = `task ${printedLine(call.task, 63)} attempt ${call.attempt} is not held any more`
        onEvent({ kind: 'error', code: 'Fenced', message, retryable: false })
        return
      }
      const request = world.requests.get(namespace, task.spec.requestRef.name)
      const about = { budget: budgetOf(task, request), requestUid: uidOfRequest(task) }
      onEvent(await answer(parts.gateway, task, { ...call, ...about }, signal, onEvent))
    },
    log(caller, batch) {
      for (const line of batch.lines) {
        const task =
          line.task === undefined ? undefined : world.tasks.newest(world.namespace, line.task)
        writeLine(parts.log, caller, world.clock.now(), task, line)
      }
    },
  }
}

/** Whether name, uid and attempt all fit the claim. If one differs, another task, an earlier task of that name or an earlier attempt is meant. */
function isClaim(claim: AgentTask | undefined, { task, uid, attempt }: AttemptName): boolean {
  return (
    claim?.metadata.name === task &&
    claim.metadata.uid === uid &&
    claim.status?.assignment?.attempt === attempt
  )
}

/** A fenced report proves nothing about the task that it names, so its log line must not carry that task's fields. */
function noteReceipt(
  log: Logger,
  { agent }: AgentIdentity,
  report: Report,
  request: string,
  { outcome }: ReportReceipt,
): void {
  const { task, attempt, verdict, summary } = report
  if (outcome === 'fenced') {
    const claimed = { task: printedLine(task, 63), attempt, verdict }
    log.info({ agent, outcome, claimed }, `a report by ${agent} was fenced`)
    return
  }
  log.info(
    { task, request, agent, attempt, verdict, outcome },
    `task ${task} reported ${verdict} by ${agent}: ${summary}`,
  )
}

/** The token limits of request and task, and the tokens that their statuses show as used. */
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
    if (error instanceof ModelError) return errorEvent(error, error.retryable)
    throw error
  }
}

/** Writes a log line of an agent. Its own fields stand under `fields`; the task that it names is checked. */
function writeLine(
  log: Logger,
  caller: AgentIdentity,
  now: number,
  named: AgentTask | undefined,
  line: LogBatch['lines'][number],
): void {
  const { message, at, fields } = plainLogLine(line)
  const attempt = named === undefined ? undefined : attemptOf(named, caller, line.attempt, now)
  const claimed =
    line.task === undefined || attempt !== undefined
      ? undefined
      : { task: printedLine(line.task, 63), attempt: line.attempt }
  log[line.level](
    {
      logger: `agents/${caller.type}`,
      agent: caller.agent,
      at,
      ...(attempt === undefined
        ? {}
        : { task: named?.metadata.name, attempt, request: named?.spec.requestRef.name }),
      ...(claimed === undefined ? {} : { claimed }),
      ...(fields === undefined ? {} : { fields }),
    },
    message,
  )
}

/** The attempt of the task that the caller may log about: the one that its Pod holds, or held until a minute ago. */
function attemptOf(
  task: AgentTask,
  { podUid, agent }: AgentIdentity,
  named: number | undefined,
  now: number,
): number | undefined {
  const fits = (attempt: number) => named === undefined || named === attempt
  const isRecent = (time: string | undefined) =>
    time !== undefined && now - Date.parse(time) < agentTimes.lastWordsMs
  const given = task.status?.assignment
  if (given?.podUid === podUid && fits(given.attempt)) {
    const ended = conditionOf(task, taskConditions.Assigned)?.lastTransitionTime
    if (heldBy(task) !== undefined || isRecent(ended)) return given.attempt
  }
  return task.status?.history?.findLast(
    (past) => past.agent === agent && fits(past.attempt) && isRecent(past.finishedAt),
  )?.attempt
}
