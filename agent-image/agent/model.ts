// Questions to the model, by way of the hub. The surroundings' faults are waited out here and cost no try.
import type {
  Assignment,
  ModelCall,
  ModelEvent,
  ModelResult,
} from '../../core/api/agent-protocol.ts'
import { withBeginning } from '../../core/api/plain-text.ts'
import { TaskFailure, TaskTaken } from './failure.ts'
import { type HubClient, HubRefusal, isPassing } from './hub-client.ts'
import { backoffMs, pause } from './waiting.ts'

/** A `ModelCall` without what every call of an attempt shares. */
export type Question = Omit<ModelCall, 'task' | 'uid' | 'attempt'>

/** `unusable` costs a try: the model answered, and nothing can be made of it. `refused`: it will not answer this question. */
export type Answer =
  | { readonly kind: 'answer'; readonly result: ModelResult }
  | {
      readonly kind: 'unusable'
      readonly message: string
      /** How the answer began; absent when it said nothing. */
      readonly began?: string | undefined
    }
  | { readonly kind: 'refused'; readonly message: string }

/** What an answer holds that is no result: a part of a sentence for people, with how it began. */
export function whyUnusable(answer: Exclude<Answer, { kind: 'answer' }>): string {
  return answer.kind === 'refused' ? answer.message : withBeginning(answer.message, answer.began)
}

/** The failure of work that cannot go on without an answer which the server will not give. */
export function refusedQuestion(message: string): TaskFailure {
  return new TaskFailure('ModelRefused', sentence(message))
}

function sentence(text: string): string {
  const whole = /[.!?]$/.test(text) ? text : `${text}.`
  return `${whole.charAt(0).toUpperCase()}${whole.slice(1)}`
}

export interface Model {
  /**
   * Asks once. Waits as long as the trouble is not the model's. Throws `TaskFailure` when asking again cannot help and
   * `TaskTaken` when the hub says that the attempt is not ours.
   */
  ask(question: Question, options: { readonly signal: AbortSignal }): Promise<Answer>
  /** Questions answered so far, usable or not. */
  readonly asked: number
  /** Name of the model that answered last; `none` before the first answer. */
  readonly name: string
  /** What the latest wait is for; undefined when nothing is waited for. */
  readonly waitsFor: string | undefined
}

/** The model of one attempt. `onWait` hears why nothing happens, at most once for each new reason. */
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
        await pause(backoffMs(failures, random, 1000, 30_000), { signal })
      }
    },
  }
}

async function once(
  hub: Pick<HubClient, 'model'>,
  call: ModelCall,
  tell: { readonly note: (why: string) => void; readonly started: () => void },
  signal: AbortSignal,
): Promise<Answer | { readonly kind: 'again'; readonly message: string }> {
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
}: Pick<Extract<ModelEvent, { kind: 'error' }>, 'code' | 'message' | 'began'>): Answer {
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
