import type { ModelEvent } from '../api/agent-protocol.ts'
import type { Priority } from '../api/agent-types.ts'
import { halfJitter } from '../base/backoff.ts'
import type { Clock, Random } from '../base/clock.ts'
import { BrokenAnswerError, ModelError, SchemaRefusedError } from './errors.ts'
import type { ModelProfile } from './profile.ts'
import type { Replicas } from './queue/replicas.ts'
import type { Release, Slots } from './queue/slots.ts'
import type { Chat, ChatAnswer, ChatQuestion, ChatTimers } from './servers/chat.ts'
import { chat as askOllama } from './servers/ollama.ts'
import { chat as askOpenAi } from './servers/openai.ts'

/** One question on its way to a server, with its owner and what is counted of it. */
export interface Sending {
  readonly profile: ModelProfile
  readonly replicas: Replicas
  readonly slots: Slots
  readonly priority: Priority
  readonly owner: string
  /** The question in its newest form: it is shortened when the server finds it too long. */
  readonly question: () => ChatQuestion
  /**
   * Sets tokens aside for one sending; undefined while the budgets have no room. Throws
   * `BudgetExhausted`.
   */
  readonly reserve: () => (() => void) | undefined
  /** Waits until `reserve` has room. Throws as `reserve` does. */
  readonly room: () => Promise<void>
  readonly onAnswer: (answer: ChatAnswer) => void
  /** Gets the text that had come in before a sending failed. */
  readonly onBroken: (text: string) => void
  /** How often the server was asked. */
  sent: number
  /** Includes the wait for room in the budgets. */
  queueMs: number
  answerMs: number
}

/** The means of asking that all sendings share. */
interface AskOptions {
  readonly clock: Clock
  readonly random: Pick<Random, 'next'>
  readonly timers?: ChatTimers | undefined
  readonly signal?: AbortSignal | undefined
  readonly onEvent?: ((event: ModelEvent) => void) | undefined
  /** How long the server may fail; the time in our own queue does not count. */
  readonly patienceMs: number
}

/**
 * How often a server that broke over a question is asked again: the question itself may break it.
 */
const brokenAnswers = 3
const backoff = { baseMs: 1000, capMs: 20_000 } as const

/**
 * Waits for room in the budgets and for a slot, and asks until there is an answer, a refusal that
 * waiting does not cure, or no patience left.
 * Guarantees: one sending at a time, each with a slot; a finished answer is never asked for again,
 * and nothing is sent after `signal`. A server that says when to come back is left alone until then
 * by every call, and another server of the model is asked meanwhile.
 */
export async function ask(sending: Sending, options: AskOptions): Promise<ChatAnswer> {
  const { clock, random, signal, patienceMs } = options
  const question = sending.question()
  let { format } = question
  /** When patience began to run, by a clock that stands still in the queue. */
  let unavailableSince: number | undefined
  let broken = 0
  for (let round = 0; ; round++) {
    let failure: ModelError
    try {
      return await sendOnce(sending, { ...question, format }, round > 0, options)
    } catch (error) {
      if (error instanceof SchemaRefusedError && format !== 'json' && format !== undefined) {
        format = 'json'
        continue
      }
      if (!(error instanceof ModelError) || !isElsewhere(error, sending)) throw error
      failure = error
    }
    if (failure instanceof BrokenAnswerError && ++broken > brokenAnswers) {
      throw new ModelError(
        'OutputUnusable',
        `the model server broke ${broken} times over the same question: ${failure.message}`,
        { cause: failure, text: failure.text },
      )
    }
    const outsideQueue = clock.monotonic() - sending.queueMs
    unavailableSince ??= outsideQueue
    const left = unavailableSince + patienceMs - outsideQueue
    const restMs = Math.min(failure.retryAfterMs ?? 0, sending.replicas.restMs(sending.profile))
    if (left <= 0 || restMs > left) throw failure
    const pauseMs = Math.min(halfJitter(backoff, round, random), left)
    await clock.sleep(Math.max(pauseMs, restMs), { signal })
  }
}

/** Whether asking later may help, or asking another server of the model, which may hold it. */
function isElsewhere({ code }: ModelError, { profile }: Sending): boolean {
  return (
    code === 'ModelUnavailable' || (code === 'ModelMissing' && (profile.replicas ?? []).length > 1)
  )
}

/**
 * Waits for tokens and a slot together. No call keeps a slot while the budgets have no room,
 * because other calls can use it.
 */
async function admit(
  sending: Sending,
  returning: boolean,
  { clock, signal, onEvent }: AskOptions,
): Promise<{ readonly release: Release; readonly giveBack: () => void }> {
  const { slots, priority, owner } = sending
  const onPosition = (position: number) => onEvent?.({ kind: 'queued', position })
  const queuedAt = clock.monotonic()
  try {
    for (let again = returning; ; again = true) {
      await sending.room()
      const release = await slots.acquire({ priority, owner, returning: again, signal, onPosition })
      let giveBack: (() => void) | undefined
      try {
        signal?.throwIfAborted()
        giveBack = sending.reserve()
        if (giveBack !== undefined) return { release, giveBack }
      } finally {
        if (giveBack === undefined) release()
      }
    }
  } finally {
    sending.queueMs += clock.monotonic() - queuedAt
  }
}

async function sendOnce(
  sending: Sending,
  question: ChatQuestion,
  returning: boolean,
  options: AskOptions,
): Promise<ChatAnswer> {
  const { clock, timers, signal, onEvent } = options
  const { release, giveBack } = await admit(sending, returning, options)
  const { slots } = sending
  const startedAt = clock.monotonic()
  const { profile, end } = sending.replicas.take(sending.profile)
  try {
    sending.sent++
    onEvent?.({ kind: 'started', model: profile.name })
    const answer = await chat(profile, question, {
      clock,
      signal,
      onPiece: progress(onEvent),
      ...(timers === undefined ? {} : { timers }),
    })
    end()
    // Counted before the tokens are given back, so that no other call takes used tokens for room.
    sending.onAnswer(answer)
    return answer
  } catch (error) {
    end(error)
    if (error instanceof ModelError) {
      if (error.text !== '') sending.onBroken(error.text)
      const restMs = sending.replicas.restMs(sending.profile)
      if (error.retryAfterMs !== undefined && restMs > 0) slots.pause(restMs)
    }
    throw error
  } finally {
    sending.answerMs += clock.monotonic() - startedAt
    giveBack()
    release()
  }
}

/** Reports how many pieces came in, now and then; most servers send one token as a piece. */
function progress(onEvent: AskOptions['onEvent']): (piece: string) => void {
  let tokens = 0
  return () => {
    if (++tokens % 16 === 0) onEvent?.({ kind: 'progress', tokens })
  }
}

const chats: Readonly<Record<ModelProfile['provider'], Chat>> = {
  ollama: askOllama,
  openai: askOpenAi,
}

/** Asks the model's server in the language it speaks; one question, no retries. */
const chat: Chat = async (profile, question, options) =>
  await chats[profile.provider](profile, question, options)
