// What the gateway makes of a server that misbehaves: no call is lost, none is asked twice, and the
// server is left alone.
import { array, assert, asyncProperty, constantFrom, integer } from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import {
  endsHalf,
  failsMidway,
  freezes,
  hangsUp,
  isCut,
  keepsSilent,
  refuses,
  says,
  startScriptedModel,
  unloads,
  type ScriptedModel,
  type Step,
} from '../../test/support/scripted-model.ts'
import { VirtualClock } from '../../test/support/virtual-clock.ts'
import { question } from '../../test/support/objects.ts'
import type { ModelResult } from '../api/agent-protocol.ts'
import { ModelError } from './errors.ts'
import { type CallOptions, createGateway, type GatewayCall, type TraceRecord } from './gateway.ts'
import { modelProfile } from './profile.ts'

let server: ScriptedModel | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

async function realPause(ms: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}

function worldOf(endpoint: string, parallel = 1, replicas?: readonly string[]) {
  const clock = new VirtualClock()
  const traces: TraceRecord[] = []
  let started = 0
  const profile = modelProfile.parse({ name: 'm', endpoint, parallel, replicas })
  const gateway = createGateway({
    profile: () => profile,
    clock,
    random: { next: () => 0.5 },
    trace: (record) => void traces.push(record),
  })
  /**
   * Asks while time passes: pauses at once, the long limits on an answer only when the server has
   * nothing more to say.
   */
  const ask = async (
    options: CallOptions = {},
    changes: Partial<GatewayCall> = {},
  ): Promise<ModelResult | ModelError> => {
    let end: ModelResult | ModelError | undefined
    const onEvent: CallOptions['onEvent'] = ({ kind }) => {
      if (kind === 'started') started++
    }
    const call = gateway.call({ ...question, ...changes }, { ...options, onEvent }).then(
      (result) => {
        end = result
        return result
      },
      (error: unknown) => {
        if (!(error instanceof ModelError)) throw error
        end = error
        return error
      },
    )
    // oxlint-disable-next-line no-unmodified-loop-condition -- set when the call ends
    while (end === undefined) {
      await realPause(2)
      const next = clock.next() ?? Infinity
      const isSilent = server?.isSilent() === true && server.asked.length === started
      if (next <= 60_000 || isSilent) await clock.advance(next)
    }
    return await call
  }
  return { clock, gateway, traces, ask }
}

const busy = refuses(503, 'server busy, please try again')
const died = refuses(500, 'model runner has unexpectedly stopped')

describe('a fault that passes costs the caller nothing', () => {
  test.each<[string, Step[], number]>([
    ['none', [says('fine')], 1],
    ['503', [busy, busy, says('fine')], 3],
    ['429', [refuses(429, 'slow down'), says('fine')], 2],
    ['500, as after running out of memory', [died, says('fine')], 2],
    ['a connection closed without a word', [hangsUp, hangsUp, says('fine')], 3],
    ['a connection cut in the answer', [isCut, says('fine')], 2],
    ['an error line in the answer', [failsMidway, says('fine')], 2],
    ['a model unloaded instead of an answer', [unloads, says('fine')], 2],
    ['no headers', [keepsSilent, says('fine')], 2],
    ['an answer that freezes', [freezes, says('fine')], 2],
    ['one after the other', [busy, failsMidway, hangsUp, keepsSilent, says('fine')], 5],
  ])('%s', async (_, steps, want) => {
    server = await startScriptedModel(steps)
    const { ask, traces, gateway } = worldOf(server.endpoint)
    expect(await ask({ patienceMs: 3_600_000 })).toMatchObject({ kind: 'result', text: 'fine' })
    expect(server.asked).toHaveLength(want)
    expect(traces.map(({ verdict, sent }) => ({ verdict, sent }))).toEqual([
      { verdict: 'ok', sent: want },
    ])
    expect(gateway.tokens({ request: 'hello' }).calls).toBe(1)
  })
})

describe('a fault that does not pass is told once', () => {
  test.each<[string, Step[], number, Partial<ModelError>]>([
    ['503 for ever', [busy], 13, { code: 'ModelUnavailable', retryable: true }],
    ['500 for ever', [died], 4, { code: 'OutputUnusable', retryable: false }],
    ['error lines for ever', [failsMidway], 4, { code: 'OutputUnusable', text: 'half ' }],
    ['an answer that freezes', [freezes], 2, { code: 'ModelUnavailable', text: 'half ' }],
    ['half an answer', [endsHalf], 1, { code: 'OutputUnusable', text: 'half ' }],
    ['404', [refuses(404, "model 'm' not found")], 1, { code: 'ModelMissing', retryable: true }],
    ['400', [refuses(400, 'no')], 1, { code: 'QuestionRefused', retryable: false }],
    [
      'a refusal in the words of the server',
      [refuses(422, 'I only answer\n on \u001B[1mSundays')],
      1,
      {
        code: 'QuestionRefused',
        message: 'the model server refused the question: I only answer on Sundays',
      },
    ],
    [
      'a request that took too long for it',
      [refuses(408, 'too slow')],
      13,
      { code: 'ModelUnavailable' },
    ],
    ['401', [refuses(401, 'who are you?')], 13, { code: 'ModelUnavailable' }],
    ['too long a prompt', [refuses(400, 'exceeds the context')], 1, { code: 'ContextTooSmall' }],
  ])('%s', async (_, steps, want, error) => {
    server = await startScriptedModel(steps)
    const { ask, traces } = worldOf(server.endpoint)
    expect(await ask()).toMatchObject({ ...error })
    expect(server.asked).toHaveLength(want)
    expect(traces).toHaveLength(1)
    expect(traces[0]).toMatchObject({ verdict: error.code, sent: want })
    expect(traces[0]).toMatchObject({ text: error.text ?? '' })
  })
})

test.each<[string, Step]>([
  ['freezes', freezes],
  ['is cut', isCut],
  ['fails', failsMidway],
])('an answer that %s in the middle costs what was written', async (_, step) => {
  server = await startScriptedModel([step, step, says('fine', { input: 30, output: 5 })])
  const { ask, gateway } = worldOf(server.endpoint)
  expect(await ask({ patienceMs: 3_600_000 })).toMatchObject({ text: 'fine' })
  const { inputTokens, outputTokens } = gateway.tokens({ request: 'hello' })
  // "half " is about three tokens at two characters each.
  expect(outputTokens).toBe(3 + 3 + 5)
  expect(inputTokens).toBeGreaterThan(30)
})

test('a prompt that the server finds too long is sent again with less, if something can be left out', async () => {
  const files = { title: 'Files', text: 'x'.repeat(9_000), must: false }
  const sections = [{ title: 'Request', text: 'make it', must: true }, files, files]
  const tooLong: Step = (response, seen) =>
    seen.body.length > 6_000
      ? refuses(400, 'the prompt is longer than the context length')(response, seen)
      : says('fine')(response, seen)
  server = await startScriptedModel([tooLong])
  const { gateway, traces } = worldOf(server.endpoint)
  expect(await gateway.call({ ...question, sections })).toMatchObject({ text: 'fine' })
  expect(server.asked).toHaveLength(2)
  expect(traces).toMatchObject([{ sent: 2, dropped: ['Files', 'Files'] }])
})

test('a server that restarts is waited for', async () => {
  const gone = await startScriptedModel([says('never')])
  const port = Number(new URL(gone.endpoint).port)
  await gone.close()
  const { clock, ask } = worldOf(gone.endpoint)
  clock.after(30_000, () => {
    void startScriptedModel([says('back')], port).then((started) => {
      server = started
      return started
    })
  })
  expect(await ask()).toMatchObject({ text: 'back' })
  expect(server?.asked).toHaveLength(1)
  expect(clock.monotonic()).toBeGreaterThanOrEqual(30_000)
})

test('patience does not run while a call waits for its slot', async () => {
  server = await startScriptedModel([busy, keepsSilent, busy, says('fine')])
  const { clock, gateway } = worldOf(server.endpoint)
  const refused = gateway.call(question)
  await expect.poll(() => clock.next()).toBe(750)
  // Has the only slot for ten minutes.
  const stop = new AbortController()
  const long = gateway.call({ ...question, request: 'other' }, { signal: stop.signal })
  await expect.poll(() => server?.asked.length).toBe(2)
  await clock.advance(600_000)
  stop.abort()
  await expect(long).rejects.toMatchObject({ code: 'Cancelled' })
  await expect.poll(() => server?.asked.length).toBe(3)
  await expect.poll(() => clock.next()).toBe(1500)
  await clock.advance(1500)
  expect(await refused).toMatchObject({ text: 'fine' })
})

describe('a server that says when to come back', () => {
  test('is left alone until then, by everyone', async () => {
    server = await startScriptedModel([
      refuses(503, 'loading', { 'retry-after': '45' }),
      says('fine'),
    ])
    const { clock, gateway } = worldOf(server.endpoint, 2)
    const first = gateway.call(question)
    await expect.poll(() => clock.next()).toBe(45_000)
    const second = gateway.call(question)
    await clock.advance(44_999)
    await realPause(30)
    expect(server.asked).toHaveLength(1)
    await clock.advance(1)
    expect(await Promise.all([first, second])).toMatchObject([{ text: 'fine' }, { text: 'fine' }])
    expect(server.asked).toHaveLength(3)
  })

  test('is not waited for beyond the caller’s patience', async () => {
    server = await startScriptedModel([refuses(429, 'quota', { 'retry-after': '300' })])
    const { clock, ask } = worldOf(server.endpoint)
    expect(await ask()).toMatchObject({ code: 'ModelUnavailable' })
    expect(server.asked).toHaveLength(1)
    expect(clock.monotonic()).toBeLessThan(1000)
  })
})

test('of several servers only the one that says when to come back is left alone', async () => {
  server = await startScriptedModel([refuses(429, 'quota', { 'retry-after': '600' })])
  const other = await startScriptedModel([says('fine')])
  const { clock, ask } = worldOf(server.endpoint, 1, [server.endpoint, other.endpoint])
  for (let n = 0; n < 3; n++) expect(await ask()).toMatchObject({ text: 'fine' })
  expect([server.asked.length, other.asked.length]).toEqual([1, 3])
  expect(clock.monotonic()).toBeLessThan(1000)
  await other.close()
})

const troubles = [busy, died, hangsUp, isCut, failsMidway, unloads, refuses(429, 'slow down')]

test('of many calls through any trouble each ends once, and is asked no more often than it says', async () => {
  const property = asyncProperty(
    array(constantFrom(...troubles, says('fine'), endsHalf), { maxLength: 25 }),
    integer({ min: 1, max: 3 }),
    async (steps, parallel) => {
      server = await startScriptedModel([...steps, says('fine')])
      const { ask, traces } = worldOf(server.endpoint, parallel)
      const names = ['a', 'b', 'c', 'd', 'e', 'f']
      const ends = await Promise.all(
        names.map(async (name) => ask({ patienceMs: 3_600_000 }, { system: `I am ${name}.` })),
      )
      await server.close()
      const askedBy = (name: string) =>
        server?.asked.filter(({ body }) => body.includes(`I am ${name}.`)).length
      for (const [index, name] of names.entries()) {
        const own = traces.filter(({ system }) => system === `I am ${name}.`)
        expect(own).toHaveLength(1)
        expect(own[0]?.sent).toBe(askedBy(name))
        const end = ends[index]
        expect(own[0]?.verdict).toBe(end instanceof ModelError ? end.code : 'ok')
      }
      // Each whole answer that was given went to somebody, and nobody got two.
      const answers = ends.filter((end) => !(end instanceof ModelError)).length
      expect(answers).toBeGreaterThanOrEqual(names.length - steps.length)
    },
  )
  await assert(property, { numRuns: 25 })
})

describe('a caller who leaves', () => {
  test('closes the connection and frees the slot, and nothing is asked again for it', async () => {
    server = await startScriptedModel([freezes, says('next')])
    const { gateway, traces } = worldOf(server.endpoint)
    const stop = new AbortController()
    const first = gateway.call(question, {
      signal: stop.signal,
      onEvent: () => setTimeout(() => stop.abort(), 30),
    })
    await expect(first).rejects.toMatchObject({ code: 'Cancelled', retryable: false })
    expect(await gateway.call(question)).toMatchObject({ text: 'next' })
    expect(server.asked).toHaveLength(2)
    await expect.poll(() => server?.left()).toBe(1)
    expect(traces.map(({ verdict, sent, text }) => [verdict, sent, text])).toEqual([
      ['Cancelled', 1, 'half '],
      ['ok', 1, 'next'],
    ])
    expect(gateway.tokens({ request: 'hello' }).outputTokens).toBe(3 + 5)
  })

  test('in the pause between two tries is not asked for again', async () => {
    server = await startScriptedModel([busy])
    const { clock, gateway, traces } = worldOf(server.endpoint)
    const stop = new AbortController()
    const call = gateway.call(question, { signal: stop.signal })
    await expect.poll(() => clock.next()).toBe(750)
    stop.abort()
    await expect(call).rejects.toMatchObject({ code: 'Cancelled' })
    await clock.advance(600_000)
    expect(server.asked).toHaveLength(1)
    expect(traces).toHaveLength(1)
  })

  test('in the queue was never sent', async () => {
    server = await startScriptedModel([keepsSilent])
    const { gateway, traces } = worldOf(server.endpoint)
    const stop = new AbortController()
    const first = gateway.call(question, { signal: stop.signal })
    const second = gateway.call(question, { signal: stop.signal })
    await expect.poll(() => server?.asked.length).toBe(1)
    stop.abort()
    await Promise.allSettled([first, second])
    expect(server.asked).toHaveLength(1)
    expect(new Set(traces.map(({ sent }) => sent))).toEqual(new Set([0, 1]))
  })
})
