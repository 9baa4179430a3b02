import { setTimeout as sleep } from 'node:timers/promises'
import { ApiProblem } from '../../lab/api.ts'

const tries = 6
const pauseMs = 250

/**
 * Asks again when there was no answer: a server under full load resets connections now and then, and a run of a quarter
 * of an hour must not end with one. Only for calls that may be repeated. A refusal is thrown at once.
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

/** Makes something that may be there already, because an earlier try was carried out without an answer. */
export async function ensured(call: () => Promise<unknown>): Promise<void> {
  try {
    await patiently(call)
  } catch (error) {
    if (!(error instanceof ApiProblem) || error.status !== 409) throw error
  }
}
