import { expect, test, vi } from 'vitest'
import { Stages } from './results.ts'

test('a part that fails is told and costs only its own figures', async () => {
  const stages = new Stages()
  const said = vi.spyOn(console, 'error').mockReturnValue()
  expect(await stages.attempt('one', async () => 1)).toBe(1)
  expect(
    await stages.attempt('two', () => Promise.reject(new Error('no agent came'))),
  ).toBeUndefined()
  expect(await stages.attempt('three', async () => 3)).toBe(3)
  expect(stages.troubles).toEqual(['two: no agent came'])
  expect(said).toHaveBeenCalledOnce()
  said.mockRestore()
})
