// Kind: whatever is no answer of a model server is named as that, with its address, and blamed on
// no model.
import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { startScriptedServer, type ScriptedServer } from '../../../test/support/scripted-server.ts'
import { VirtualClock } from '../../../test/support/virtual-clock.ts'
import { chooseModel } from '../../../cli/planning/model-server.ts'
import { ConnectedServers } from '../fleet/connected.ts'
import { systemClock, systemRandom } from '../../base/clock.ts'
import { createGateway } from '../gateway.ts'
import { question } from '../../../test/support/objects.ts'
import { modelProfile, type ModelProfile } from '../profile.ts'
import { pullModel } from './pull.ts'
import { kindOfAnswer } from './foreign-answer.ts'

const { signal } = new AbortController()
let server: ScriptedServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

interface Answer {
  readonly status: number
  readonly type?: string
  readonly body: string
}

const nginx =
  '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n'
const login = `<!DOCTYPE html><html><head><title>Sign in · Example</title></head><body>${'<p>x</p>'.repeat(2000)}</body></html>`

const answers: readonly (readonly [string, Answer, string])[] = [
  [
    'the page of a proxy whose server is away',
    { status: 502, type: 'text/html', body: nginx },
    'answered 502 with a page of HTML (“502 Bad Gateway”)',
  ],
  [
    'a login page',
    { status: 200, type: 'text/html; charset=utf-8', body: login },
    'answered 200 with a page of HTML (“Sign in · Example”)',
  ],
  [
    'a page without a title that calls itself JSON',
    { status: 200, type: 'application/json', body: '\n\n  <html><body>hello</body></html>' },
    'answered 200 with a page of HTML,',
  ],
  [
    'a page that says that something was not found',
    { status: 404, type: 'text/html', body: '<!doctype html><h1>Not Found</h1>' },
    'answered 404 with a page of HTML,',
  ],
  [
    'a page that asks who one is',
    { status: 401, type: 'text/html', body: '<html><title>401</title></html>' },
    'answered 401 with a page of HTML (“401”)',
  ],
  [
    'a page that refuses the question',
    { status: 400, type: 'text/html', body: '<html><body>Bad Request</body></html>' },
    'answered 400 with a page of HTML,',
  ],
  [
    'a document in XML',
    {
      status: 403,
      type: 'application/xml',
      body: '<?xml version="1.0"?><Error><Code>Denied</Code></Error>',
    },
    'answered 403 with a document in XML',
  ],
  [
    'a text that says that the address is none',
    { status: 404, type: 'text/plain', body: '404 page not found' },
    'answered 404 with the text “404 page not found”',
  ],
  [
    'a greeting',
    { status: 200, type: 'text/plain', body: 'It works!\n' },
    'answered 200 with the text “It works!”',
  ],
  ['nothing', { status: 200, body: '' }, 'answered 200 with nothing in it'],
  [
    'JSON of another program',
    { status: 404, type: 'application/json', body: '{"detail":"Not Found"}' },
    'answered 404 with JSON that says nothing about models',
  ],
  [
    'a JSON text',
    { status: 200, type: 'application/json', body: '"pong"' },
    'answered 200 with JSON that says nothing about models',
  ],
]

async function serverOf({ status, type, body }: Answer): Promise<string> {
  server = await startScriptedServer((_, response: ServerResponse) => {
    response.writeHead(status, type === undefined ? {} : { 'content-type': type })
    // In two pieces: nobody says that a page comes as one.
    response.write(body.slice(0, 3))
    response.end(body.slice(3))
  })
  return server.config.server
}

async function asked(profile: ModelProfile): Promise<unknown> {
  const clock = new VirtualClock()
  const gateway = createGateway({ profile: () => profile, clock, random: { next: () => 0.5 } })
  return await gateway.call(question, { patienceMs: 0 }).catch((error: unknown) => error)
}

describe.each(answers)('%s', (_, answer, want) => {
  test.each(['ollama', 'openai'] as const)(
    'when a model of the kind %s is asked',
    async (provider) => {
      const endpoint = await serverOf(answer)
      const expected = provider === 'ollama' ? 'Ollama' : 'a server with OpenAI’s API'
      const failed = await asked(modelProfile.parse({ name: 'm', endpoint, provider }))
      expect(failed).toMatchObject({
        code: 'ModelUnavailable',
        retryable: true,
        message: expect.stringContaining(`${endpoint} ${want}`) as string,
      })
      expect(String(failed)).toContain(`so it is not ${expected}: `)
      expect(String(failed)).not.toMatch(/[<>{}]/)
    },
  )

  test('when the command line looks for models', async () => {
    const endpoint = await serverOf(answer)
    const chosen = chooseModel({ ollama: endpoint }, { signal })
    await expect(chosen).rejects.toMatchObject({
      message: expect.stringContaining(`${endpoint} ${want}`) as string,
      next: expect.stringContaining(`curl -i ${endpoint}/api/tags`) as string,
    })
    await expect(chosen).rejects.not.toThrow(/[<>{}]/)
  })

  test.each(['ollama', 'openai'] as const)(
    'when the operator looks at a server: %s',
    async (provider) => {
      const endpoint = await serverOf(answer)
      const servers = new ConnectedServers({
        gateway: { call: async () => Promise.reject(new Error('nobody asks')) },
        clock: systemClock,
        random: systemRandom,
        signal,
        namespace: 'guildhall',
      })
      const view = await servers.look(modelProfile.parse({ name: 'm', endpoint, provider }), {
        signal,
      })
      const { message } = view.kind === 'unreachable' ? view : { message: '' }
      expect(message.startsWith(`${endpoint} ${want}`)).toBe(true)
      expect(message).not.toMatch(/[<>{}]/)
    },
  )

  test('when weights are pulled', async () => {
    const endpoint = await serverOf(answer)
    await expect(pullModel({ endpoint }, 'm', { signal })).rejects.toMatchObject({
      code: 'ModelUnavailable',
      message: expect.stringContaining(`${endpoint} ${want}`) as string,
    })
  })
})

test('JSON that is no line of an answer is not taken for one', async () => {
  const endpoint = await serverOf({ status: 200, body: '{"hello":"world"}\n{"a":1}\n' })
  expect(await asked(modelProfile.parse({ name: 'm', endpoint }))).toMatchObject({
    code: 'ModelUnavailable',
    message: expect.stringContaining('with JSON that says nothing about models') as string,
  })
})

test.each([
  [504, '<html><title>504 Gateway Time-out</title></html>', '(“504 Gateway Time-out”)'],
  [500, '{"error":"<html><title>Oops</title></html>"}', 'it passes on a page of HTML (“Oops”)'],
])('a page with %i is told without markup', async (status, body, want) => {
  const endpoint = await serverOf({ status, body })
  const failed = String(await asked(modelProfile.parse({ name: 'm', endpoint })))
  expect(failed).toContain(want)
  expect(failed).not.toMatch(/[<>{}]/)
})

test('what a model server says in JSON or in text stays its own words', async () => {
  for (const [body, status, code, words] of [
    ['{"error":"model \'m\' not found"}', 404, 'ModelMissing', 'does not hold the model m'],
    ['{"object":"error","message":"The model `m` does not exist."}', 404, 'ModelMissing', 'm'],
    ['upstream is busy', 503, 'ModelUnavailable', 'busy: upstream is busy'],
    ['{"detail":"too many questions"}', 429, 'ModelUnavailable', 'busy: too many questions'],
  ] as const) {
    const endpoint = await serverOf({ status, body })
    const message = expect.stringContaining(words) as string
    expect(await asked(modelProfile.parse({ name: 'm', endpoint }))).toMatchObject({
      code,
      message,
    })
    await server?.close()
  }
})

test.each([
  ['<!-- made by a proxy -->\n<html></html>', 'a page of HTML'],
  ['<html><title>\u001B[1mRed\n&amp; more</title>', 'a page of HTML (“Red &amp; more”)'],
  ['\u0000\u0001\u0002', 'something that is not text'],
  ['[]', 'JSON that says nothing about models'],
  ['x'.repeat(500), `the text “${'x'.repeat(80)}”`],
])('%j is %s', (text, want) => {
  expect(kindOfAnswer(text)).toBe(want)
})
