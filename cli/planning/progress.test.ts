import { expect, test } from 'vitest'
import type { ModelEvent, ModelResult } from '../../core/api/agent-protocol.ts'
import { ModelError } from '../../core/models/errors.ts'
import type { GatewayCall } from '../../core/models/gateway.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { withProgress } from './progress.ts'

const question: GatewayCall = {
  model: 'coder',
  request: 'hello',
  priority: 'normal',
  verb: 'write',
  purpose: 'plan.notes',
  system: '',
  sections: [],
  instruction: '',
  temperature: 0,
  seed: 1,
  maxTokens: 200,
}
const answer: ModelResult = {
  kind: 'result',
  model: 'coder',
  text: 'x',
  blocks: [],
  inputTokens: 9,
  outputTokens: 40,
  trace: 't',
}

/** A call in the middle of which the test stands. */
function openCall(live: boolean) {
  const clock = new VirtualClock()
  const written: string[] = []
  const end = Promise.withResolvers<ModelResult>()
  let tell: ((event: ModelEvent) => void) | undefined
  const call = withProgress(
    async (_, options) => {
      tell = options?.onEvent
      return end.promise
    },
    { write: (text) => written.push(text), live, clock },
  )
  const stop = new AbortController()
  const result = call(question, { signal: stop.signal })
  result.catch(() => undefined)
  return { clock, written, end, stop, result, tell: (event: ModelEvent) => tell?.(event) }
}

test('in a log, lines say now and then how far the answer is', async () => {
  const { clock, written, end, result, tell } = openCall(false)
  tell({ kind: 'started', model: 'coder' })
  tell({ kind: 'progress', tokens: 16 })
  tell({ kind: 'progress', tokens: 32 })
  await clock.advance(12_000)
  end.resolve(answer)
  expect(await result).toBe(answer)
  await clock.advance(60_000)
  expect(written).toEqual([
    'coder, what must exist: reading the question, 0s\n',
    'coder, what must exist: 32 tokens so far, 10s\n',
    'coder, what must exist: 40 tokens, 12s\n',
  ])
})

test('on a screen, one line is drawn again, and ends', async () => {
  const { clock, written, end, result, tell } = openCall(true)
  tell({ kind: 'started', model: 'coder' })
  tell({ kind: 'progress', tokens: 16 })
  await clock.advance(1000)
  end.resolve(answer)
  await result
  expect(written.every((text) => text.startsWith('\r'))).toBe(true)
  expect(written.filter((text) => text.endsWith('\n'))).toEqual([
    '\rcoder, what must exist: 40 tokens, 1s\u001b[K\n',
  ])
  expect(written.join('')).toContain('16 tokens so far, 1s')
})

test('a server that is asked again is told at once', () => {
  const { written, tell } = openCall(false)
  tell({ kind: 'started', model: 'coder' })
  expect(written).toHaveLength(1)
  tell({ kind: 'started', model: 'coder' })
  expect(written[1]).toContain('the server was busy or broke off, asked again')
})

test.each([
  [false, 'no answer that can be used'],
  [true, 'stopped'],
])('a call that fails ends its line too (interrupted: %s)', async (interrupted, want) => {
  const { written, end, stop, result } = openCall(false)
  if (interrupted) stop.abort()
  end.reject(new ModelError('OutputUnusable', 'no'))
  await expect(result).rejects.toThrow('no')
  expect(written.at(-1)).toContain(want)
})
