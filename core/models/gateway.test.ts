// The gateway against a real HTTP server that misbehaves on demand.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  closedEndpoint,
  startRehearsal,
  type RunningRehearsal,
} from '../../test/support/rehearsal.ts'
import type { ModelEvent } from '../api/agent-protocol.ts'
import { systemClock } from '../base/clock.ts'
import type { ChatTimers } from './servers/chat.ts'
import { ModelError } from './errors.ts'
import {
  type CallOptions,
  createGateway,
  type Gateway,
  type GatewayCall,
  type TraceRecord,
} from './gateway.ts'
import { modelProfile } from './profile.ts'

const schema = {
  type: 'object',
  required: ['a_n'],
  properties: { a_n: { type: 'integer', minimum: 0, maximum: 9 } },
}
const rules = [
  { when: { request: /json/ }, answer: '{"a_n": 3}' },
  { when: { request: /slow/ }, answer: Array.from({ length: 400 }, (_, n) => `w${n} `).join('') },
  { when: { request: /code/ }, answer: 'Here:\n\nsrc/a.js\n```js\nlet a = 1\n```\n' },
]

let server: RunningRehearsal
let traces: TraceRecord[]
let gateway: Gateway

/** No waiting between tries: the tests would only be slower. */
const clock = { ...systemClock, sleep: async () => undefined }

function makeGateway(
  options: {
    readonly endpoint?: string
    readonly timers?: ChatTimers
    readonly parallel?: number
  } = {},
) {
  const profile = modelProfile.parse({
    name: 'rehearsal',
    endpoint: options.endpoint ?? server.endpoint,
    contextTokens: 2048,
    outputTokens: 1024,
    parallel: options.parallel,
  })
  return createGateway({
    profile: (name) => (name === 'rehearsal' ? profile : undefined),
    clock,
    random: { next: () => 0.5 },
    trace: (record) => void traces.push(record),
    ...(options.timers === undefined ? {} : { timers: options.timers }),
  })
}

beforeEach(async () => {
  server = await startRehearsal({ rules })
  traces = []
  gateway = makeGateway()
})
afterEach(async () => {
  await server[Symbol.asyncDispose]()
})

function question(text: string, changes: Partial<GatewayCall> = {}): GatewayCall {
  return {
    model: 'rehearsal',
    request: 'hello',
    priority: 'normal',
    verb: 'write',
    purpose: 'test',
    system: 'You are a test.',
    sections: [{ title: 'Request', text, must: true }],
    instruction: 'Answer.',
    temperature: 0,
    seed: 1,
    maxTokens: 800,
    ...changes,
  }
}

async function failure(promise: Promise<unknown>): Promise<ModelError> {
  const error: unknown = await promise.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  )
  if (error instanceof ModelError) return error
  throw error
}

describe('an answer', () => {
  test('of a write call comes with its blocks, counts and trace', async () => {
    const events: ModelEvent[] = []
    const result = await gateway.call(question('code', { task: 'hello-code' }), {
      onEvent: (event) => events.push(event),
    })
    expect(result.blocks).toEqual([{ path: 'src/a.js', language: 'js', text: 'let a = 1' }])
    expect(result.outputTokens).toBeGreaterThan(0)
    expect(events[0]).toEqual({ kind: 'started', model: 'rehearsal' })
    expect(traces).toHaveLength(1)
    expect(traces[0]).toMatchObject({
      id: result.trace,
      verdict: 'ok',
      text: result.text,
      sent: 1,
      fixed: { truncate: false, shift: false, options: { num_ctx: 2048 } },
    })
    const used = gateway.tokens({ request: 'hello' })
    expect(used).toEqual(gateway.tokens({ request: 'hello', task: 'hello-code' }))
    expect(used).toEqual({
      calls: 1,
      inputTokens: result.inputTokens,
      outputTokens: result.outputTokens,
      earlierTokens: 0,
    })
    gateway.forgetOthers('hello', undefined)
    expect(gateway.tokens({ request: 'hello' }).calls).toBe(0)
  })

  test('of a decide call is the object that follows the schema', async () => {
    const result = await gateway.call(question('json', { verb: 'decide', schema }))
    expect(result.value).toEqual({ a_n: 3 })
    expect((await server.records())[0]?.format).toEqual(schema)
  })

  test('of a decide call is found in a fence with words around it', async () => {
    await server.inject({ kind: 'chatty' })
    const result = await gateway.call(question('json', { verb: 'decide', schema }))
    expect(result.value).toEqual({ a_n: 3 })
  })

  test('is asked for with the same fixed options every time', async () => {
    await gateway.call(question('code'))
    await gateway.call(question('json', { verb: 'decide', schema, temperature: 0.7, seed: 9 }))
    const seen = (await server.records()).map((record) => ({
      numCtx: record.options['num_ctx'],
      truncate: record.truncate,
      shift: record.shift,
      think: record.think,
      keepAlive: record.keepAlive,
    }))
    expect(seen[0]).toEqual({
      numCtx: 2048,
      truncate: false,
      shift: false,
      think: false,
      keepAlive: '30m',
    })
    expect(seen[1]).toEqual(seen[0])
  })
})

describe('trouble that waiting cures', () => {
  test.each(['503', '500', 'reset', 'error-midstream'] as const)(
    'is retried and costs the caller nothing: %s',
    async (kind) => {
      await server.inject({ kind, times: 2 })
      const result = await gateway.call(question('code'))
      expect(result.blocks).toHaveLength(1)
      expect(traces.map(({ verdict, sent }) => ({ verdict, sent }))).toEqual([
        { verdict: 'ok', sent: 3 },
      ])
    },
  )

  test('ends as ModelUnavailable when patience is over', async () => {
    gateway = makeGateway({ endpoint: closedEndpoint })
    const error = await failure(gateway.call(question('code'), { patienceMs: 0 }))
    expect(error).toMatchObject({ code: 'ModelUnavailable', retryable: true })
    expect(error.message).toContain(closedEndpoint)
  })

  test('but not for ever when the question itself breaks the server', async () => {
    await server.inject({ kind: '500', times: 99 })
    const error = await failure(gateway.call(question('code')))
    expect(error).toMatchObject({ code: 'OutputUnusable', retryable: false })
    expect(await server.records()).toHaveLength(4)
  })

  test.each([
    ['delay', 'did not begin'],
    ['stall', 'stopped in the middle'],
  ] as const)('includes a server that takes too long: %s', async (kind, want) => {
    await server.inject({ kind, ms: 400 })
    gateway = makeGateway({ timers: { firstPieceMs: 100, idleMs: 100, totalMs: 5000 } })
    const error = await failure(gateway.call(question('code'), { patienceMs: 0 }))
    expect(error.code).toBe('ModelUnavailable')
    expect(error.message).toContain(want)
  })
})

describe('trouble that the caller must know', () => {
  test.each([
    ['no-done', 'code', 'without being finished'],
    ['length', 'code', 'cut off'],
    ['whitespace', 'json', 'blanks'],
    ['repeat', 'code', 'repeated itself'],
  ] as const)('is an unusable answer: %s', async (kind, text, want) => {
    await server.inject({ kind })
    const error = await failure(gateway.call(question(text)))
    expect(error).toMatchObject({ code: 'OutputUnusable', retryable: false })
    expect(error.message).toContain(want)
    expect(error.text).not.toBe('')
    expect(traces[0]).toMatchObject({ verdict: 'OutputUnusable', text: error.text, sent: 1 })
    expect(gateway.tokens({ request: 'hello' }).outputTokens).toBeGreaterThan(0)
  })

  test('is a schema given back', async () => {
    await server.inject({ kind: 'schema-echo' })
    const error = await failure(gateway.call(question('json', { verb: 'decide', schema })))
    expect(error.message).toContain('it is the schema')
  })

  test('is a model the server does not hold, or nobody configured', async () => {
    const other = createGateway({
      profile: (name) => modelProfile.parse({ name, endpoint: server.endpoint }),
      clock,
      random: { next: () => 0.5 },
    })
    const missing = await failure(other.call(question('code', { model: 'nope:7b' })))
    expect(missing).toMatchObject({ code: 'ModelMissing', retryable: true })
    expect(missing.message).toContain('nope:7b')
    const unknown = await failure(gateway.call(question('code', { model: 'nope' })))
    expect(unknown.code).toBe('ModelMissing')
  })

  test('is a prompt too long for the context, by our count or by the server’s', async () => {
    const long = await failure(gateway.call(question('code '.repeat(3000))))
    expect(long.code).toBe('ContextTooSmall')
    expect(await server.records()).toHaveLength(0)
    await server.inject({ kind: '400' })
    expect((await failure(gateway.call(question('code')))).code).toBe('ContextTooSmall')
  })

  test('is a schema that some servers cannot follow', async () => {
    const bad = { type: 'object', required: [], properties: { a: { type: 'string' } } }
    const error = await failure(gateway.call(question('json', { verb: 'decide', schema: bad })))
    expect(error.message).toContain('not required')
  })
})

describe('a budget', () => {
  const short = (used: number) => ({ request: { limit: 1000, used } })

  test('that a call would pass refuses it before anything is sent, and says what to do', async () => {
    const error = await failure(gateway.call(question('code', { budget: short(300) })))
    expect(error).toMatchObject({ code: 'BudgetExhausted', retryable: false })
    expect(error.message).toContain('raise spec.limits.tokens of the request')
    expect(await server.records()).toHaveLength(0)
    expect(traces[0]).toMatchObject({ verdict: 'BudgetExhausted', sent: 0 })
  })

  test('makes a call wait for others that may need it, and lets it go when they did not', async () => {
    await server[Symbol.asyncDispose]()
    server = await startRehearsal({ rules, rate: 500, parallel: 4 })
    gateway = makeGateway({ parallel: 4 })
    const budget = { request: { limit: 3300, used: 0 } }
    const seen: string[] = []
    const onEvent = ({ kind }: ModelEvent) => void seen.push(kind)
    const ask = async () => {
      await gateway.call(question('code', { budget, maxTokens: 1000 }), { onEvent })
      seen.push('ended')
    }
    await Promise.all([ask(), ask(), ask(), ask()])
    expect(seen.slice(0, 4)).toEqual(['started', 'started', 'started', 'ended'])
    expect(seen.filter((kind) => kind === 'started')).toHaveLength(4)
  })

  test('keeps no slot from others while it has no room', async () => {
    await server[Symbol.asyncDispose]()
    server = await startRehearsal({ rules, rate: 500 })
    gateway = makeGateway({ parallel: 2 })
    const budget = { request: { limit: 1500, used: 0 } }
    const ended: string[] = []
    const ask = async (name: string, text: string, changes: Partial<GatewayCall>) => {
      await gateway.call(question(text, { maxTokens: 900, ...changes })).catch(() => undefined)
      ended.push(name)
    }
    await Promise.all([
      ask('running', 'slow', { budget }),
      ask('without room', 'slow', { budget }),
      ask('other', 'code', { request: 'other' }),
    ])
    expect(ended).toEqual(['other', 'running', 'without room'])
  })

  test('is not waited for by a caller who leaves', async () => {
    await server[Symbol.asyncDispose]()
    server = await startRehearsal({ rules, rate: 50 })
    gateway = makeGateway({ parallel: 2 })
    const budget = { request: { limit: 1500, used: 0 } }
    const asked = question('slow', { budget, maxTokens: 900 })
    const running = new AbortController()
    const stop = new AbortController()
    const first = failure(gateway.call(asked, { signal: running.signal }))
    const second = failure(gateway.call(asked, { signal: stop.signal }))
    stop.abort()
    expect(await second).toMatchObject({ code: 'Cancelled' })
    running.abort()
    await first
    expect(traces.map(({ sent }) => sent)).toEqual([0, 1])
  })

  test('is not passed by calls that are under way together', async () => {
    await server[Symbol.asyncDispose]()
    server = await startRehearsal({ rules, rate: 2000 })
    gateway = makeGateway({ parallel: 2 })
    const budget = { request: { limit: 1300, used: 0 } }
    const ends = await Promise.allSettled([
      gateway.call(question('slow', { budget, maxTokens: 900 })),
      gateway.call(question('slow', { budget, maxTokens: 900 })),
    ])
    expect(ends.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect(await server.records()).toHaveLength(1)
    const { inputTokens, outputTokens } = gateway.tokens({ request: 'hello' })
    expect(inputTokens + outputTokens).toBeLessThanOrEqual(1300)
  })

  test('counts what a broken answer had said', async () => {
    await server.inject({ kind: 'error-midstream' })
    await gateway.call(question('slow', { maxTokens: 900 }))
    expect(gateway.tokens({ request: 'hello' })).toMatchObject({ calls: 1 })
    expect(gateway.tokens({ request: 'hello' }).outputTokens).toBeGreaterThan(500)
  })
})

describe('the queue', () => {
  test('gives the slot to the most urgent call, and tells the others where they stand', async () => {
    await server[Symbol.asyncDispose]()
    server = await startRehearsal({ rules, rate: 2000 })
    gateway = makeGateway()
    const ended: string[] = []
    const positions: number[] = []
    const ask = async (name: string, changes: Partial<GatewayCall>, options?: CallOptions) => {
      await gateway.call(question('slow', { maxTokens: 900, ...changes }), options)
      ended.push(name)
    }
    await Promise.all([
      ask('running', {}),
      ask(
        'low',
        { priority: 'low', request: 'b' },
        {
          onEvent: (event) => {
            if (event.kind === 'queued') positions.push(event.position)
          },
        },
      ),
      ask('critical', { priority: 'critical', request: 'c' }),
    ])
    expect(ended).toEqual(['running', 'critical', 'low'])
    expect(positions).toEqual([1, 0])
    expect((await server.records()).every((record) => record.finished)).toBe(true)
  })

  test('frees the slot, here and at the server, when the caller leaves', async () => {
    await server[Symbol.asyncDispose]()
    server = await startRehearsal({ rules, rate: 50, parallel: 1 })
    gateway = makeGateway()
    const stop = new AbortController()
    const onEvent = (event: ModelEvent) => {
      if (event.kind === 'progress') stop.abort()
    }
    const error = await failure(gateway.call(question('slow'), { signal: stop.signal, onEvent }))
    expect(error).toMatchObject({ code: 'Cancelled', retryable: false })
    const result = await gateway.call(question('json'))
    expect(result.text).toContain('a_n')
    expect((await server.records()).map((record) => record.finished)).toEqual([false, true])
  })
})
