// What an agent talks to, on the machine that runs the tests: the real hub, gateway and forge. Only what they would ask
// the Kubernetes API is given: whose token it is, and who holds which task.
import { createServer } from 'node:net'
import { heldTask, startForge, type ForgeFixture } from '../support/forge/forge.ts'
import type { ModelEvent, Report } from '../../core/api/agent-protocol.ts'
import type { Agent } from '../../core/api/agent.ts'
import type { AgentTask } from '../../core/api/agent-task.ts'
import type { DevRequest } from '../../core/api/devrequest.ts'
import { assignmentMessage } from '../../core/tasks/assignment.ts'
import { AgentStreams } from '../../operator/presence/agent-streams.ts'
import { Hub, type HubBackend } from '../../operator/hub/hub.ts'
import { HubServer } from '../../operator/hub/hub-server.ts'
import { ModelError } from '../../core/models/errors.ts'
import { createGateway } from '../../core/models/gateway.ts'
import type { ModelProfile } from '../../core/models/profile.ts'
import { systemClock as clock, systemRandom as random } from '../../core/base/clock.ts'
import { silentLogger } from '../support/silent-logger.ts'
import { hostName } from './ordinary-container.ts'

/** The Pod of the one agent that this host knows, and its token at hub and forge; both are the forge fixture's. */
export const known = { podUid: 'pod-1', token: 'agent-1' } as const

/** HubServer, gateway and forge, ready for one agent. */
export interface HostSide extends AsyncDisposable {
  /** As containers reach it. */
  readonly hubUrl: string
  readonly forge: ForgeFixture
  /** What the agent said of itself, in order. */
  readonly activities: readonly string[]
  /** Gives the agent a task and resolves with its report, accepted by the hub. `others` are tasks that ended before. */
  assign(task: AgentTask, request: DevRequest, others?: readonly AgentTask[]): Promise<Report>
  /** Lets the agent finish and go. */
  drain(): void
}

/** Starts all three. The only model is the one of `profile`. */
export async function startHostSide(options: {
  readonly profile: ModelProfile
  readonly agent: Agent
}): Promise<HostSide> {
  const { profile } = options
  const { metadata, spec } = options.agent
  const caller = { podUid: known.podUid, agent: metadata.name, type: spec.type }
  const forge = await startForge()
  const forgeUrl = `http://${hostName}:${new URL(forge.url).port}`
  const gateway = createGateway({ profile: () => profile, clock, random })
  const streams = new AgentStreams(clock)
  const activities: string[] = []
  const held = new Map<
    string,
    {
      readonly task: AgentTask
      readonly request: DevRequest
      readonly others: readonly AgentTask[]
    }
  >()
  const waiting = new Map<string, (report: Report) => void>()

  const messages = () =>
    [...held.values()].map(({ task, request, others }) =>
      assignmentMessage(task, request, [task, ...others], profile, forgeUrl),
    )
  const holder = (podUid: string, name: string, attempt: number) => {
    const found = podUid === known.podUid ? held.get(name) : undefined
    return found?.task.status?.assignment?.attempt === attempt ? found : undefined
  }
  const backend: HubBackend = {
    identify: async (token) => (token === known.token ? caller : undefined),
    assignmentOf: (podUid) => (podUid === known.podUid ? messages()[0] : undefined),
    holds: (podUid, { task, attempt }) => holder(podUid, task, attempt) !== undefined,
    isLeaving: () => false,
    async report(caller, report) {
      if (holder(caller.podUid, report.task, report.attempt) === undefined)
        return { outcome: 'fenced', message: 'it is not yours' }
      held.delete(report.task)
      waiting.get(report.task)?.(report)
      return { outcome: 'accepted', message: '' }
    },
    async ask(call, { signal, onEvent }) {
      const { task: name, uid: _uid, attempt, ...question } = call
      const found = holder(known.podUid, name, attempt)
      const end = found === undefined ? gone : await answer(found.task, question, signal, onEvent)
      onEvent(end)
    },
    log: () => undefined,
  }

  async function answer(
    task: AgentTask,
    question: Omit<Parameters<typeof gateway.call>[0], 'model' | 'request' | 'task' | 'priority'>,
    signal: AbortSignal,
    onEvent: (event: ModelEvent) => void,
  ): Promise<ModelEvent> {
    const { model, priority, requestRef } = task.spec
    const call = {
      ...question,
      model,
      priority,
      request: requestRef.name,
      task: task.metadata.name,
    }
    try {
      return await gateway.call(call, { signal, onEvent })
    } catch (error) {
      if (!(error instanceof ModelError)) throw error
      const { code, message, retryable } = error
      return { kind: 'error', code, message, retryable }
    }
  }

  streams.onChange(() => {
    const { activity } = streams.of(known.podUid)
    if (activity !== '' && activity !== activities.at(-1)) activities.push(activity)
  })
  const port = await freePort()
  const hub = new HubServer({
    port,
    hub: new Hub({ backend, streams, log: silentLogger, clock }),
    log: silentLogger,
  })
  const stop = new AbortController()
  const running = hub.run({ stop: stop.signal, abort: stop.signal })

  return {
    hubUrl: `http://${hostName}:${port}`,
    forge,
    activities,
    async assign(task, request, others = []) {
      forge.tasks.set(task.metadata.name, task)
      held.set(task.metadata.name, { task, request, others })
      const report = new Promise<Report>((resolve) => waiting.set(task.metadata.name, resolve))
      // An agent that is not here yet gets it when it comes.
      for (const message of messages()) streams.send(known.podUid, message)
      return report
    },
    drain: () => void streams.send(known.podUid, { kind: 'drain' }),
    async [Symbol.asyncDispose]() {
      stop.abort()
      await running
      await forge.stop()
    },
  }
}

const gone: ModelEvent = {
  kind: 'error',
  code: 'Fenced',
  message: 'it is not yours',
  retryable: false,
}

/** A task that the known Pod holds for the next ten minutes. */
export function taskFor(name: string, spec: Partial<AgentTask['spec']>): AgentTask {
  const task = heldTask(name, { podUid: known.podUid })
  const at = new Date(clock.now()).toISOString()
  const deadline = new Date(clock.now() + 10 * 60_000).toISOString()
  return {
    ...task,
    spec: { ...task.spec, ...spec },
    status: {
      ...task.status,
      assignment: { agent: 'otto', podUid: known.podUid, attempt: 1, at, deadline },
    },
  }
}

/** A port that nothing listens on. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => {
    server.listen(0, resolve)
  })
  const address = server.address()
  await new Promise((resolve) => {
    server.close(resolve)
  })
  if (address === null || typeof address === 'string') throw new Error('there is no free port')
  return address.port
}
