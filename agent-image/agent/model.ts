// Questions to the model, sent by the hub. Faults of the surroundings are waited out here and do
// not cost a try.
import type {
  Assignment,
  ModelCall,
  ModelEvent,
  ModelResult,
} from '../../core/api/agent-protocol.ts'
import { withBeginning } from '../../core/api/plain-text.ts'
import { TaskFailure, TaskTaken } from './outcome.ts'
import { type HubClient, HubRefusal, isPassing } from './hub-client.ts'
import { systemClock } from '../../core/base/clock.ts'
import { backoffMs } from './timers.ts'

/** A `ModelCall` without what every call of an attempt shares. */
export type ModelQuestion = Omit<ModelCall, 'task' | 'uid' | 'attempt'>

/**
 * `unusable` costs a try: the model answered, and the answer cannot be used. `refused`: it will not
 * answer this question.
 */
export type ModelAnswer =
  | { readonly kind: 'answer'; readonly result: ModelResult }
  | {
      readonly kind: 'unusable'
      readonly message: string
      /** How the answer began; absent when it said nothing. */
      readonly began?: string | undefined
    }
  | { readonly kind: 'refused'; readonly message: string }

/**
 * Why an answer is not a result: a part of a sentence for people, with the beginning of the answer.
 */
export function whyUnusable(answer: Exclude<ModelAnswer, { kind: 'answer' }>): string {
  return answer.kind === 'refused' ? answer.message : withBeginning(answer.message, answer.began)
}

/** The failure of a task that needs an answer which the server refuses. */
export function refusedQuestion(message: string): TaskFailure {
  return new TaskFailure('ModelRefused', sentence(message))
}

function sentence(text: string): string {
  const whole = /[.!?]$/.test(text) ? text : `${text}.`
  return `${whole.charAt(0).toUpperCase()}${whole.slice(1)}`
}

export interface Model {
  /**
   * Asks once. Waits while the surroundings, and not the model, are at fault. Throws `TaskFailure`
   * when asking again cannot help and `TaskTaken` when the hub says that the attempt is not ours.
   */
  ask(question: ModelQuestion, options: { readonly signal: AbortSignal }): Promise<ModelAnswer>
  /** Questions answered so far, usable or not. */
  readonly asked: number
  /** Name of the model that answered last; `none` before the first answer. */
  readonly name: string
  /** The reason of the present wait; undefined when the call does not wait. */
  readonly waitsFor: string | undefined
}

/**
 * The model of one attempt. `onWait` hears why nothing happens, at most once for each new reason.
 */
export function modelOf(
  assignment: Assignment,
  hub: Pick<HubClient, 'model'>,
  random: () => number,
  onWait: (why: string) => void,
): Model {
  let asked = 0
  let name = 'none'
  let waitsFor: string | undefined
  const note = (why: string): void => {
    if (why !== waitsFor) onWait(why)
    waitsFor = why
  }
  const started = (): void => {
    if (waitsFor !== undefined) onWait('the model is answering')
    waitsFor = undefined
  }
  return {
    get asked() {
      return asked
    },
    get name() {
      return name
    },
    get waitsFor() {
      return waitsFor
    },
    async ask(question, { signal }) {
      const { task, uid, attempt } = assignment
      const call: ModelCall = { ...question, task, uid, attempt }
      for (let failures = 0; ; failures++) {
        const end = await once(hub, call, { note, started }, signal)
        if (end.kind !== 'again') {
          waitsFor = undefined
          asked++
          if (end.kind === 'answer') name = end.result.model
          return end
        }
        note(end.message)
        await systemClock.sleep(backoffMs(failures, random, 1000, 30_000), { signal })
      }
    },
  }
}

async function once(
  hub: Pick<HubClient, 'model'>,
  call: ModelCall,
  tell: { readonly note: (why: string) => void; readonly started: () => void },
  signal: AbortSignal,
): Promise<ModelAnswer | { readonly kind: 'again'; readonly message: string }> {
  try {
    for await (const event of hub.model(call, { signal })) {
      if (event.kind === 'result') return { kind: 'answer', result: event }
      if (event.kind === 'started') tell.started()
      if (event.kind === 'queued') tell.note(`waiting for the model: ${event.position} before us`)
      if (event.kind !== 'error') continue
      if (event.retryable) return { kind: 'again', message: event.message }
      return afterError(event)
    }
    return { kind: 'again', message: 'the model stream ended early' }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (error instanceof TaskFailure || error instanceof TaskTaken) throw error
    const message = error instanceof Error ? error.message : 'the model call broke'
    if (error instanceof HubRefusal && error.status === 409)
      throw new TaskTaken(message, { cause: error })
    if (isPassing(error)) return { kind: 'again', message }
    throw new TaskFailure('InternalError', `the hub refused a model call: ${message}`, {
      cause: error,
    })
  }
}

function afterError({
  code,
  message,
  began,
}: Pick<Extract<ModelEvent, { kind: 'error' }>, 'code' | 'message' | 'began'>): ModelAnswer {
  switch (code) {
    case 'OutputUnusable':
      return { kind: 'unusable', message, ...(began === undefined ? {} : { began }) }
    case 'QuestionRefused':
      return { kind: 'refused', message }
    case 'Fenced':
    case 'Cancelled':
      throw new TaskTaken(message)
    case 'ContextTooSmall':
    case 'BudgetExhausted':
    case 'ModelUnavailable':
      throw new TaskFailure(code, message)
    case 'ModelMissing':
      throw new TaskFailure('ModelUnavailable', message)
  }
}
