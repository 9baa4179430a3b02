// The second kind of server, by way of the gateway: the same verbs, timers and refusals.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { question as plainQuestion } from '../../../test/support/objects.ts'
import {
  reply,
  type ScriptedServer,
  startScriptedServer,
} from '../../../test/support/scripted-server.ts'
import { systemClock } from '../../base/clock.ts'
import { createGateway, type GatewayCall } from '../gateway.ts'
import { modelProfile } from '../profile.ts'
import { eventData, listServed } from './openai.ts'

const schema = {
  type: 'object',
  required: ['a_n'],
  properties: { a_n: { type: 'integer', minimum: 0, maximum: 9 } },
}
const question: GatewayCall = { ...plainQuestion, model: 'qwen', temperature: 0.7, seed: 7 }

let server: ScriptedServer
afterEach(async () => {
  await server.close()
})

const event = (data: object | string) =>
  `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`
const piece = (content: string) => event({ choices: [{ delta: { content } }] })
const finish = (reason: string) => event({ choices: [{ delta: {}, finish_reason: reason }] })
const usage = event({ choices: [], usage: { prompt_tokens: 40, completion_tokens: 3 } })
const role = event({ choices: [{ delta: { role: 'assistant', content: '' } }] })
const done = event('[DONE]')

/** Answers each question with the next of `answers`, the last one for ever. */
async function gatewayTo(
  answers: readonly (string | ((response: ServerResponse) => void))[],
  changes: { readonly endpoint?: (server: string) => string; readonly tokenFile?: string } = {},
) {
  server = await startScriptedServer((_, response) => {
    const answer = answers[Math.min(server.requests.length, answers.length) - 1] ?? ''
    if (typeof answer === 'function') return answer(response)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(answer)
  })
  const { endpoint = (base: string) => base, tokenFile } = changes
  const profile = modelProfile.parse({
    name: 'qwen',
    provider: 'openai',
    endpoint: endpoint(server.config.server),
    tokenFile,
  })
  const gateway = createGateway({
    profile: () => profile,
    clock: { ...systemClock, sleep: async () => undefined },
    random: { next: () => 0.5 },
    timers: { firstPieceMs: 100, idleMs: 100, totalMs: 2000 },
  })
  return { gateway, profile }
}

const body = () => JSON.parse(server.requests.at(-1)?.body ?? '') as Record<string, unknown>

describe('thoughts that come apart from the answer', () => {
  const thought = (delta: object) => event({ choices: [{ delta }] })

  test.each([
    ['reasoning_content', { reasoning_content: 'Hm.', content: null }],
    ['reasoning', { reasoning: 'Hm.', content: '' }],
    ['both fields', { reasoning: 'Hm.', reasoning_content: 'Hm.' }],
  ])('are named when nothing else comes: %s', async (_, delta) => {
    const { gateway } = await gatewayTo([[thought(delta), finish('stop'), usage, done].join('')])
    await expect(gateway.call(question)).rejects.toThrow(/empty: the model only thought/)
  })

  test('are named when they fill the whole answer', async () => {
    const thoughts = thought({ reasoning_content: 'Hm.' })
    const { gateway } = await gatewayTo([[thoughts, finish('length'), usage, done].join('')])
    await expect(gateway.call(question)).rejects.toThrow(/the model thought for 100 tokens/)
  })

  test('are no part of the answer, and fields of another kind are passed over', async () => {
    const { gateway } = await gatewayTo([
      [
        thought({ reasoning_content: 'Hm.' }),
        thought({ reasoning: { effort: 'low' } }),
        piece('one'),
        finish('stop'),
        usage,
        done,
      ].join(''),
    ])
    expect(await gateway.call(question)).toMatchObject({ text: 'one' })
  })

  test('are a sign of life', async () => {
    const { gateway } = await gatewayTo([
      (response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        let left = 5
        const timer = setInterval(() => {
          if (left-- > 0) return response.write(thought({ reasoning_content: 'Hm.' }))
          clearInterval(timer)
          return response.end([piece('one'), finish('stop'), usage, done].join(''))
        }, 40)
      },
    ])
    expect(await gateway.call(question)).toMatchObject({ text: 'one' })
  })
})

describe('an answer', () => {
  test('to write is put together from its pieces, with the server’s counts', async () => {
    const { gateway } = await gatewayTo([
      [': ping\n\n', role, piece('one '), piece('two'), finish('stop'), usage, done].join(''),
    ])
    expect(await gateway.call(question)).toMatchObject({
      text: 'one two',
      inputTokens: 40,
      outputTokens: 3,
    })
    expect(server.requests[0]?.path).toBe('/v1/chat/completions')
    expect(body()).toEqual({
      model: 'qwen',
      messages: [
        { role: 'system', content: 'You are a test.' },
        { role: 'user', content: 'Answer.' },
      ],
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 100,
      temperature: 0.7,
      seed: 7,
    })
  })

  test('to decide follows the schema, which the server is given', async () => {
    const { gateway } = await gatewayTo([[piece('{"a_n": 3}'), finish('stop'), done].join('')])
    const result = await gateway.call({ ...question, verb: 'decide', schema })
    expect(result).toMatchObject({ value: { a_n: 3 }, outputTokens: 1 })
    expect(body()['response_format']).toEqual({
      type: 'json_schema',
      json_schema: { name: 'answer', schema, strict: true },
    })
  })

  test('to decide is asked for without the schema when the server cannot follow it', async () => {
    const { gateway } = await gatewayTo([
      (response) => reply(response, 400, { error: { message: 'response_format unsupported' } }),
      [piece('{"a_n": 3}'), finish('stop'), done].join(''),
    ])
    const result = await gateway.call({ ...question, verb: 'decide', schema })
    expect(result.value).toEqual({ a_n: 3 })
    expect(body()['response_format']).toEqual({ type: 'json_object' })
  })

  test('comes also from an endpoint written with /v1, and with the token of its file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'token-'))
    const tokenFile = join(folder, 'token')
    await writeFile(tokenFile, 'secret\n')
    const endpoint = (base: string) => `${base}/v1/`
    const { gateway } = await gatewayTo([[piece('x'), finish('stop'), done].join('')], {
      endpoint,
      tokenFile,
    })
    await gateway.call(question)
    await rm(folder, { recursive: true })
    expect(server.requests[0]?.path).toBe('/v1/chat/completions')
    expect(server.requests[0]?.headers.authorization).toBe('Bearer secret')
    await expect(gateway.call(question, { patienceMs: 0 })).rejects.toThrow('cannot be read')
    expect(server.requests).toHaveLength(1)
  })
})

const fine = [piece('fine'), finish('stop'), done].join('')
const overloaded = event({ error: { message: 'engine died' } })

describe('a fault', () => {
  test.each<[string, (string | ((response: ServerResponse) => void))[], number]>([
    ['503', [(response) => reply(response, 503, { error: { message: 'loading' } }), fine], 2],
    ['an error in the answer', [piece('half') + overloaded, fine], 2],
    ['a piece that is no JSON', [piece('half') + event('{"choices'), fine], 2],
    ['silence', [() => undefined, fine], 2],
    [
      'an answer that freezes',
      [(response) => void response.writeHead(200).write(piece('half')), fine],
      2,
    ],
  ])('that passes costs nothing: %s', async (_, answers, want) => {
    const { gateway } = await gatewayTo(answers)
    expect((await gateway.call(question)).text).toBe('fine')
    expect(server.requests).toHaveLength(want)
  })

  test.each([
    ['no [DONE]', piece('half') + finish('stop'), 'without being finished'],
    ['no finish_reason', piece('half') + done, 'without being finished'],
    ['an answer cut at its longest', piece('half') + finish('length') + done, 'cut off'],
    ['endless blanks', piece(' '.repeat(300)) + finish('stop') + done, 'nothing but blanks'],
  ])('that spoils the answer is told: %s', async (_, answer, want) => {
    const { gateway } = await gatewayTo([answer])
    await expect(gateway.call(question)).rejects.toMatchObject({
      code: 'OutputUnusable',
      message: expect.stringContaining(want) as string,
    })
    expect(server.requests).toHaveLength(1)
  })

  test.each([
    ['an object', { error: { message: 'this model does not chat' } }],
    ['a string', { error: 'this model does not chat' }],
    ['an object with more', { error: { message: 'this model does not chat', code: 400 } }],
  ])('that is a refusal is told in the words of the server: %s', async (_, body) => {
    const { gateway } = await gatewayTo([(response) => reply(response, 400, body)])
    await expect(gateway.call(question)).rejects.toMatchObject({
      code: 'QuestionRefused',
      retryable: false,
      message: 'the model server refused the question: this model does not chat',
    })
    expect(server.requests).toHaveLength(1)
  })

  test('of too long a prompt is known by its words', async () => {
    const message =
      "This model's maximum context length is 8192 tokens. However, you requested 9000"
    const { gateway } = await gatewayTo([
      (response) => reply(response, 400, { error: { message } }),
    ])
    await expect(gateway.call(question)).rejects.toMatchObject({ code: 'ContextTooSmall' })
  })
})

test('what a server serves is listed', async () => {
  const { profile } = await gatewayTo([
    (response) => reply(response, 200, { object: 'list', data: [{ id: 'qwen' }, { id: 'b' }] }),
  ])
  const { signal } = new AbortController()
  expect(await listServed(profile, { signal })).toEqual(['qwen', 'b'])
  expect(server.requests[0]?.path).toBe('/v1/models')
})

async function read(chunks: readonly string[]): Promise<string[]> {
  const bytes = async function* () {
    for (const chunk of chunks) yield new TextEncoder().encode(chunk)
  }
  const found: string[] = []
  for await (const data of eventData(bytes())) found.push(data)
  return found
}

describe('an event stream', () => {
  test.each<[string, string, string[]]>([
    ['events', 'data: a\n\ndata: b\n\n', ['a', 'b']],
    ['no blank after the colon, and one of two', 'data:a\n\ndata:  b\n\n', ['a', ' b']],
    ['lines of one event', 'data: a\ndata: b\n\n', ['a\nb']],
    ['an empty line of data', 'data\n\n', ['']],
    ['other fields and comments', ': ping\nevent: x\nid: 7\ndata: a\nretry: 5\n\n', ['a']],
    ['a comment alone', ': ping\n\n', []],
    ['CRLF', 'data: a\r\n\r\ndata: b\r\n\r\n', ['a', 'b']],
    ['CR', 'data: a\r\rdata: b\r\r', ['a', 'b']],
    ['a byte order mark', '\uFEFFdata: a\n\n', ['a']],
    ['an event that is cut off', 'data: a\n\ndata: b', ['a']],
    ['a field that only begins like data', 'database: a\n\n', []],
  ])('gives the data of %s, however the bytes are cut', async (_, text, want) => {
    expect(await read([text])).toEqual(want)
    expect(await read(text.split(''))).toEqual(want)
  })

  test('keeps a sign together that two chunks share', async () => {
    const bytes = new TextEncoder().encode('data: ä€\n\n')
    const halves = async function* () {
      yield bytes.slice(0, 7)
      yield bytes.slice(7)
    }
    const found: string[] = []
    for await (const data of eventData(halves())) found.push(data)
    expect(found).toEqual(['ä€'])
  })
})
