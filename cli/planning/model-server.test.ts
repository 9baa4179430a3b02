import { createServer } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import { closedEndpoint, startRehearsal } from '../../test/support/rehearsal.ts'
import { chooseModel, ollamaEndpoint } from './model-server.ts'

const { signal } = new AbortController()

test.each([
  [undefined, {}, 'http://127.0.0.1:11434'],
  [undefined, { OLLAMA_HOST: 'gpu.lan' }, 'http://gpu.lan:11434'],
  [undefined, { OLLAMA_HOST: ' 0.0.0.0:9000 ' }, 'http://127.0.0.1:9000'],
  [':9000', { OLLAMA_HOST: 'gpu.lan' }, 'http://127.0.0.1:9000'],
  ['http://gpu.lan:8080/', {}, 'http://gpu.lan:8080'],
  ['https://gpu.lan/ollama/', {}, 'https://gpu.lan/ollama'],
])('--ollama %s with %o is %s', (flag, env, want) => {
  expect(ollamaEndpoint(flag, env)).toBe(want)
})

test('what is no address is a mistake of usage', () => {
  expect(() => ollamaEndpoint('not an address', {})).toThrow(/is no address of a model server/)
})

/** A server that holds these models; a model can write unless told otherwise. */
async function serverWith(models: Readonly<Record<string, readonly string[]>>): Promise<string> {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => {
      const asked = body === '' ? '' : String(Object(JSON.parse(body)).model)
      const answer = request.url?.endsWith('/api/tags')
        ? { models: Object.keys(models).map((name) => ({ name, digest: 'd', size: 1 })) }
        : {
            capabilities: models[asked] ?? models[`${asked}:latest`],
            model_info: { 'general.architecture': 'x', 'x.context_length': 4096 },
          }
      response.end(JSON.stringify(answer))
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  onTestFinished(() => void server.close())
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
}

test('without --model the first one that can write and runs here is taken, with its own context', async () => {
  const ollama = await serverWith({
    'embedder:latest': ['embedding'],
    'huge:120b-cloud': ['completion'],
    'coder:latest': ['completion'],
    'other:7b': ['completion'],
  })
  expect(await chooseModel({ ollama }, { signal })).toMatchObject({
    name: 'coder',
    endpoint: ollama,
    contextTokens: 4096,
    tier: 'good',
  })
})

test('a server below a path is asked there', async () => {
  const ollama = `${await serverWith({ 'coder:7b': ['completion'] })}/ollama`
  expect(await chooseModel({ ollama }, { signal })).toMatchObject({
    name: 'coder:7b',
    endpoint: ollama,
  })
})

test('a long context is not used whole unless it is asked for', async () => {
  await using server = await startRehearsal({ rules: [] })
  const { endpoint: ollama } = server
  expect((await chooseModel({ ollama }, { signal })).contextTokens).toBe(8192)
  const asked = { ollama, model: 'rehearsal:latest', context: 16_384, tier: 'basic' } as const
  expect(await chooseModel(asked, { signal })).toMatchObject({
    name: 'rehearsal:latest',
    contextTokens: 16_384,
    tier: 'basic',
  })
})

test.each([
  [
    'nope:7b',
    {},
    'does not hold the model nope:7b; it holds embedder, huge:cloud, coder:7b',
    'ollama pull nope:7b   (or --model embedder)',
  ],
  ['embedder', {}, 'embedder cannot write text, only embedding', 'guild plan --model coder:7b …'],
  ['huge:cloud', {}, "huge:cloud runs on somebody else's machine", 'guild plan --model embedder …'],
  [
    'coder:7b',
    { context: 512 },
    'a context of 512 tokens is too small',
    'guild plan --context 8192 …',
  ],
])(
  '%s with %o is refused in one sentence with the next command',
  async (model, more, want, next) => {
    const ollama = await serverWith({
      'embedder:latest': ['embedding'],
      'huge:cloud': ['completion'],
      'coder:7b': ['completion'],
    })
    const chosen = chooseModel({ ollama, model, ...more }, { signal })
    await expect(chosen).rejects.toThrow(want)
    await expect(chosen).rejects.toMatchObject({ next })
  },
)

test('a server that holds nothing says what to pull', async () => {
  const chosen = chooseModel({ ollama: await serverWith({}) }, { signal })
  await expect(chosen).rejects.toThrow('holds no model that can plan')
  await expect(chosen).rejects.toMatchObject({ next: 'ollama pull qwen2.5-coder:7b' })
})

test('a server that cannot be reached is said at once', async () => {
  const chosen = chooseModel({ ollama: closedEndpoint }, { signal })
  await expect(chosen).rejects.toThrow(/cannot be used: connect ECONNREFUSED/)
  await expect(chosen).rejects.toMatchObject({
    exitCode: 1,
    next: expect.stringContaining('ollama serve'),
  })
})
