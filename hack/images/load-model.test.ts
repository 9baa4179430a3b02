import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer, json } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { silentLog } from '../cluster/log.ts'
import { loadModel } from './load-model.ts'

/** A server with Ollama's two doors for models: it holds blobs and models, and answers as Ollama does. */
class TinyOllama {
  readonly blobs = new Map<string, Buffer>()
  readonly models = new Map<string, unknown>()
  uploads = 0
  /** Lines that `/api/create` prints instead of creating. */
  trouble: readonly object[] | undefined
  readonly #server = createServer((request, response) => {
    void this.#answer(request, response)
  })

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const digest = /^\/api\/blobs\/(sha256:.*)$/.exec(request.url ?? '')?.[1]
    if (digest && request.method === 'HEAD') {
      response.statusCode = this.blobs.has(digest) ? 200 : 404
    } else if (digest) {
      this.uploads++
      const body = await buffer(request)
      const actual = `sha256:${createHash('sha256').update(body).digest('hex')}`
      response.statusCode = actual === digest ? 201 : 400
      if (actual === digest) this.blobs.set(digest, body)
    } else {
      const body: unknown = await json(request)
      const lines = this.trouble ?? [{ status: 'parsing GGUF' }, { status: 'success' }]
      if (!this.trouble) this.models.set('created', body)
      response.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    }
    response.end()
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return `http://127.0.0.1:${address.port}`
  }

  stop(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

describe('loadModel', () => {
  let directory = ''
  let ollama = new TinyOllama()
  let ollamaUrl = ''
  const load = (): Promise<void> =>
    loadModel({ ollamaUrl, path: join(directory, 'm.gguf'), name: 'small:1', log: silentLog })

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'model-'))
    await writeFile(join(directory, 'm.gguf'), 'GGUF weights')
    ollama = new TinyOllama()
    ollamaUrl = await ollama.start()
  })
  afterEach(async () => {
    ollama.stop()
    await rm(directory, { recursive: true })
  })

  test('sends the weights and creates a ChatML model from them', async () => {
    await load()
    const [digest, bytes] = [...ollama.blobs][0] ?? []
    expect(bytes?.toString()).toBe('GGUF weights')
    expect(ollama.models.get('created')).toMatchObject({
      model: 'small:1',
      files: { 'm.gguf': digest },
      template: expect.stringContaining('<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n'),
      parameters: { stop: ['<|im_start|>', '<|im_end|>'], num_thread: 1 },
    })
  })

  test('does not send weights that Ollama holds already', async () => {
    await load()
    await load()
    expect(ollama.uploads).toBe(1)
  })

  test.each([
    [
      'prints an error after HTTP 200',
      [{ error: 'unsupported architecture' }],
      'Ollama could not create small:1: unsupported architecture',
    ],
    [
      'stops before success',
      [{ status: 'parsing GGUF' }],
      'Ollama stopped creating small:1 at "parsing GGUF"',
    ],
  ])('fails when Ollama %s', async (_, trouble, want) => {
    ollama.trouble = trouble
    await expect(load()).rejects.toThrow(want)
  })

  test('says where it looked when Ollama does not answer', async () => {
    ollama.stop()
    await expect(load()).rejects.toThrow(`Ollama does not answer at ${ollamaUrl}; see: curl`)
  })
})
