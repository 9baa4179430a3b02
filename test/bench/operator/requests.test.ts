import { expect, test } from 'vitest'
import { ApiProblem } from '../../lab/api.ts'
import { ensured, patiently } from './requests.ts'

/** Fails with each of these in turn, then answers how often it was asked. */
function failing(...errors: readonly Error[]): () => Promise<number> {
  let asked = 0
  return async () => {
    const error = errors[asked]
    asked += 1
    if (error !== undefined) throw error
    return asked
  }
}

test('no answer is asked for again, a refusal is not', async () => {
  expect(await patiently(failing(new Error('read ECONNRESET')))).toBe(2)
  await expect(patiently(failing(new ApiProblem(403, 'no')))).rejects.toThrow('no')
})

test('what is there already is good enough, another refusal is not', async () => {
  await ensured(failing(new Error('read ECONNRESET'), new ApiProblem(409, 'there')))
  await expect(ensured(failing(new ApiProblem(422, 'bad')))).rejects.toThrow('bad')
})
