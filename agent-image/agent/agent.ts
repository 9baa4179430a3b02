// Carries out the life cycle: listens to the hub, starts and stops attempts, and reports to the
// hub.
import type { Logger } from 'pino'
import type { Assignment, Heartbeat, HubMessage, Report } from '../../core/api/agent-protocol.ts'
import { type AttemptSettings, runAttempt } from './attempt.ts'
import { type HubClient, HubRefusal } from './hub-client.ts'
import { type AgentEffect, type AgentEvent, type LifeState, step } from './life-cycle.ts'
import type { AgentLog } from './log.ts'
import type { Sandbox } from './sandbox-client.ts'
import { systemClock } from '../../core/base/clock.ts'
import { every } from './timers.ts'

interface AgentPorts {
  readonly hub: HubClient
  readonly sandbox: Sandbox
  readonly log: AgentLog
}

const logSeconds = 2

/** Runs until the hub drains it or `terminate` is called. */
export class AgentProgram {
  readonly #settings: AttemptSettings
  readonly #ports: AgentPorts
  readonly #ended = new AbortController()
  #state: LifeState = { phase: 'connecting', last: undefined }
  #attempt: { readonly holds: AbortController; readonly over: Promise<void> } | undefined
  #activity = ''
  #heartbeatSeconds = 10
  #cancelHeartbeat = (): void => undefined
  #beating: Promise<void> = Promise.resolve()
  #beatWanted = false

  constructor(settings: AttemptSettings, ports: AgentPorts) {
    this.#settings = settings
    this.#ports = ports
  }

  /** Resolves when the agent has stopped and its last lines are sent. */
  async run(): Promise<void> {
    const { hub, log } = this.#ports
    const { signal } = this.#ended
    const endLogs = every(logSeconds * 1000, () => void log.flush())
    this.#scheduleHeartbeat()
    await hub.listen(
      (message) => this.#hear(message),
      (problem) => log.logger.warn({ problem }, 'connection to the hub lost'),
      { signal },
    )
    endLogs()
    this.#cancelHeartbeat()
    // Kubernetes waits 30 seconds before it kills; the clean-up and the last log lines must fit in
    // that time.
    await Promise.race([this.#attempt?.over, rest(20_000)])
    await Promise.race([log.flush(), rest(2000)])
  }

  /**
   * The process was asked to end: the agent gives up its task without a report, so that the hub can
   * assign it to another agent.
   */
  terminate(): void {
    this.#happen({ kind: 'terminated' })
  }

  #hear(message: HubMessage): void {
    switch (message.kind) {
      case 'welcome':
        this.#heartbeatSeconds = Math.max(1, message.heartbeatSeconds)
        this.#happen({ kind: 'welcomed' })
        this.#beat()
        return
      case 'ping':
        return
      case 'assign':
        this.#happen({ kind: 'assigned', assignment: message })
        return
      case 'cancel':
        this.#happen({ ...message, kind: 'cancelled' })
        return
      case 'drain':
        this.#happen({ kind: 'drained' })
        return
    }
  }

  #happen(event: AgentEvent): void {
    const { state, effects } = step(this.#state, event)
    this.#state = state
    for (const effect of effects) this.#carryOut(effect)
  }

  #carryOut(effect: AgentEffect): void {
    const { logger } = this.#ports.log
    switch (effect.do) {
      case 'start':
        this.#start(effect.assignment)
        return
      case 'abandon':
        this.#attempt?.holds.abort(new Error(effect.why))
        return
      case 'report':
        this.#tell(effect.report, this.#ended.signal, logger).catch(() => undefined)
        return
      case 'exit':
        this.#ended.abort(new Error('the agent stops'))
        return
    }
  }

  #start(assignment: Assignment): void {
    const { task, attempt } = assignment
    const holds = new AbortController()
    const logger = this.#ports.log.logger.child({ task, attempt })
    const work = async (): Promise<void> => {
      logger.info({ action: assignment.action, title: assignment.title }, 'attempt begins')
      const ports = { ...this.#ports, log: logger, activity: (text: string) => this.#say(text) }
      let report: Report | undefined
      try {
        report = await runAttempt(assignment, this.#settings, ports, { signal: holds.signal })
        if (report !== undefined) await this.#tell(report, holds.signal, logger)
      } catch (error) {
        if (!holds.signal.aborted)
          logger.error({ error: String(error) }, 'attempt ended without a report')
      }
      this.#attempt = undefined
      this.#say('')
      this.#happen({ kind: 'finished', report })
    }
    this.#attempt = { holds, over: work() }
  }

  async #tell(report: Report, signal: AbortSignal, logger: Logger): Promise<void> {
    try {
      const receipt = await this.#ports.hub.report(report, { signal })
      logger.info({ verdict: report.verdict, outcome: receipt.outcome }, 'reported')
    } catch (error) {
      if (!(error instanceof HubRefusal)) throw error
      // A report that the hub cannot read would leave the task without an end, so the plainest
      // report takes its place.
      logger.error({ error: error.message }, 'the hub refused the report')
      const { task, uid, attempt, tries, durationSeconds } = report
      const summary = 'The report of this attempt could not be read by the hub.'
      await this.#ports.hub.report(
        {
          task,
          uid,
          attempt,
          tries,
          durationSeconds,
          verdict: 'ChecksFailed',
          summary,
          files: [],
          evidence: [],
          notes: [],
          failure: { reason: 'InternalError', message: error.message.slice(0, 1000) },
        },
        { signal },
      )
    }
  }

  #say(text: string): void {
    this.#activity = text.replace(/\s+/g, ' ').slice(0, 200)
    this.#beat()
  }

  /**
   * Sends a heartbeat now, or right after the one under way; several requests for one become one.
   */
  #beat(): void {
    if (this.#beatWanted) return
    this.#beatWanted = true
    const before = this.#beating
    this.#beating = (async () => {
      await before
      this.#beatWanted = false
      await this.#sendHeartbeat()
    })()
  }

  async #sendHeartbeat(): Promise<void> {
    this.#scheduleHeartbeat()
    if (this.#state.phase === 'connecting' || this.#ended.signal.aborted) return
    const beat: Heartbeat = {
      ...('holding' in this.#state ? this.#state.holding : {}),
      activity: this.#activity,
      memoryBytes: process.memoryUsage.rss(),
    }
    await this.#ports.hub.heartbeat(beat, { signal: this.#ended.signal }).catch(() => undefined)
  }

  #scheduleHeartbeat(): void {
    this.#cancelHeartbeat()
    if (this.#ended.signal.aborted) return
    this.#cancelHeartbeat = systemClock.after(this.#heartbeatSeconds * 1000, () => this.#beat())
  }
}

function rest(ms: number): Promise<void> {
  return new Promise((resolve) => void systemClock.after(ms, resolve))
}
