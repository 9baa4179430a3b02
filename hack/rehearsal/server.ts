// An Ollama-compatible server that answers from checked-in scripts. It has no model: it says so wherever it can.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { z } from 'zod'
import { createFaults, fault as faultSchema, type Fault } from './faults.ts'
import { createScripts, type Question, type Rule } from './script.ts'
import { createTurns } from './turns.ts'
import { breakOff, misspoken } from './misbehave.ts'
import type { RehearsalRecord } from './record.ts'
import { json, line, pause } from './wire.ts'

/** The name under which it answers. */
export const rehearsalName = 'rehearsal'

/** Said when no script fits; no harness can take it for work. */
export const noScript =
  'I am the rehearsal model. I only answer from checked-in scripts, and I have no script for this request. ' +
  'To get real work done, connect a real model: helm upgrade with --set rehearsal.default=false --set model.name=qwen2.5-coder:7b.'

/** How the server behaves. */
export interface RehearsalOptions {
  readonly rules: readonly Rule[]
  /** Tokens a second for each answer; 0 for as fast as possible. */
  readonly rate: number
  /** Answers at the same time; further questions wait without a byte, as Ollama makes them. */
  readonly parallel: number
  /** Tokens; longer prompts are refused with 400 when the client asks not to truncate. */
  readonly contextTokens?: number
}

const chatBody = z.looseObject({
  model: z.string(),
  messages: z.array(z.looseObject({ role: z.string(), content: z.string() })).default([]),
  stream: z.boolean().default(true),
  format: z.unknown().optional(),
  tools: z.array(z.unknown()).optional(),
  truncate: z.boolean().optional(),
  options: z.record(z.string(), z.unknown()).default({}),
})
const generateBody = z.looseObject({
  prompt: z.string().default(''),
  system: z.string().default(''),
})
const nameBody = z.looseObject({ name: z.string().optional(), model: z.string().optional() })

/** Makes the server; the caller listens and closes. */
export function createRehearsalServer(options: RehearsalOptions): Server {
  const scripts = createScripts(options.rules)
  const faults = createFaults()
  const turns = createTurns(options.parallel)
  const records: RehearsalRecord[] = []
  const held = new Set([rehearsalName])

  const routes: Readonly<
    Record<string, (request: IncomingMessage, response: ServerResponse) => Promise<void>>
  > = {
    'GET /': async (_, response) => void response.end('Ollama is running (rehearsal)'),
    'GET /api/version': async (_, response) => json(response, 200, { version: '0.17.4' }),
    'GET /api/tags': async (_, response) =>
      json(response, 200, { models: [...held].map(modelEntry) }),
    'GET /api/ps': async (_, response) =>
      json(response, 200, { models: [...held].map(modelEntry) }),
    'POST /api/show': show,
    'POST /api/chat': async (request, response) => {
      const body = chatBody.parse(await readJson(request))
      await answer(body, response, (text) => ({ message: { role: 'assistant', content: text } }))
    },
    'POST /api/generate': async (request, response) => {
      const raw = await readJson(request)
      const { prompt, system } = generateBody.parse(raw)
      const messages = [
        { role: 'system', content: system },
        { role: 'user', content: prompt },
      ]
      const body = chatBody.parse({
        ...z.looseObject({}).parse(raw),
        messages: prompt === '' ? [] : messages,
      })
      await answer(body, response, (text) => ({ response: text }))
    },
    'POST /api/pull': pull,
    'POST /api/create': pull,
    'POST /rehearsal/faults': async (request, response) => {
      faults.add(faultSchema.parse(await readJson(request)))
      json(response, 200, {})
    },
    'DELETE /rehearsal/faults': async (_, response) => {
      faults.clear()
      json(response, 200, {})
    },
    'GET /rehearsal/records': async (_, response) => json(response, 200, { records }),
    'DELETE /rehearsal/records': async (_, response) => {
      records.length = 0
      json(response, 200, {})
    },
  }

  async function show(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = nameBody.parse(await readJson(request))
    const name = plainName(body.model ?? body.name ?? '')
    if (!held.has(name)) return missing(response, name)
    json(response, 200, {
      license: 'Apache-2.0',
      details: { family: 'rehearsal', parameter_size: '0', quantization_level: 'none' },
      capabilities: ['completion'],
      model_info: {
        'general.architecture': 'rehearsal',
        'rehearsal.context_length': options.contextTokens ?? 32_768,
      },
    })
  }

  /** There is nothing to fetch or to build; the steps are shown so that progress can be shown. */
  async function pull(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = nameBody.parse(await readJson(request))
    const total = 1_000_000
    response.setHeader('content-type', 'application/x-ndjson')
    response.write(line({ status: 'pulling manifest' }))
    for (const completed of [0, total / 4, total / 2, total]) {
      response.write(line({ status: 'pulling rehearsal', total, completed }))
      await pause(options.rate === 0 ? 1 : 100)
    }
    held.add(plainName(body.model ?? body.name ?? ''))
    response.end(line({ status: 'success' }))
  }

  async function answer(
    body: z.infer<typeof chatBody>,
    response: ServerResponse,
    shape: (text: string) => object,
  ): Promise<void> {
    if (!held.has(plainName(body.model))) return missing(response, body.model)
    if (body.tools !== undefined) {
      return json(response, 400, { error: `"${body.model}" does not support tools` })
    }
    const base = { model: body.model, created_at: new Date().toISOString() }
    const question = questionOf(body.messages)
    if (body.messages.length === 0) {
      return json(response, 200, { ...base, ...shape(''), done: true, done_reason: 'load' })
    }
    const injected = faults.take(`${question.system}\n${question.user}`)
    const scripted = scripts.answer(question)
    const record: RehearsalRecord = {
      model: body.model,
      ...question,
      format: body.format,
      options: body.options,
      truncate: body['truncate'],
      shift: body['shift'],
      keepAlive: body['keep_alive'],
      think: body['think'],
      ...(injected === undefined ? {} : { fault: injected.kind }),
      answered: injected !== undefined ? 'fault' : scripted === undefined ? 'no script' : 'script',
      finished: false,
    }
    records.push(record)

    const gone = new AbortController()
    response.on('close', () => gone.abort())
    const release = await turns.take(gone.signal)
    if (release === undefined) return
    try {
      const refused = refusal(injected, body, question, options.contextTokens)
      if (refused !== undefined) return json(response, refused.status, { error: refused.error })
      if (injected?.kind === 'delay') await pause(injected.ms)
      const text = misspoken(injected, scripted ?? noScript, body.format)
      const limit = Number(body.options['num_predict'] ?? 4096)
      const tokens = tokensOf(text)
      const cut = injected?.kind === 'length' || tokens.length > limit
      const said = cut ? tokens.slice(0, Math.min(limit, Math.ceil(tokens.length / 2))) : tokens
      const last = {
        ...base,
        done: true,
        done_reason: cut ? 'length' : 'stop',
        total_duration: 1,
        load_duration: 1,
        prompt_eval_count: countTokens(question),
        prompt_eval_duration: 1,
        eval_count: said.length,
        eval_duration: 1,
      }
      if (!body.stream) {
        record.finished = true
        return json(response, 200, { ...last, ...shape(said.join('')) })
      }
      response.setHeader('content-type', 'application/x-ndjson')
      for (const [index, token] of said.entries()) {
        if (gone.signal.aborted) return
        if (index === Math.floor(said.length / 2) && !(await breakOff(injected, response))) return
        response.write(line({ ...base, ...shape(token), done: false }))
        if (options.rate > 0) await pause(1000 / options.rate)
        else if (index % 200 === 199) await pause(0)
      }
      record.finished = true
      response.end(line({ ...last, ...shape('') }))
    } finally {
      release()
    }
  }

  return createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/'
    const route = routes[`${request.method} ${path}`] ?? blobRoute(request.method, path)
    if (route === undefined) return json(response, 404, { error: 'page not found' })
    route(request, response).catch((error: unknown) => {
      if (response.headersSent) response.destroy()
      else json(response, error instanceof z.ZodError ? 400 : 500, { error: String(error) })
    })
  })
}

/** Blobs are taken and forgotten: there is no model to build from them. */
function blobRoute(method: string | undefined, path: string) {
  if (!path.startsWith('/api/blobs/')) return undefined
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    request.resume()
    response.statusCode = method === 'POST' ? 201 : 200
    response.end()
  }
}

/** What a fault, or a prompt that is too long, is refused with. */
function refusal(
  injected: Fault | undefined,
  body: z.infer<typeof chatBody>,
  question: Question,
  contextTokens: number | undefined,
): { readonly status: number; readonly error: string } | undefined {
  if (injected?.kind === '503') {
    return {
      status: 503,
      error: 'server busy, please try again. maximum pending requests exceeded',
    }
  }
  if (injected?.kind === '500') {
    return { status: 500, error: 'model runner has unexpectedly stopped' }
  }
  const context = Math.min(Number(body.options['num_ctx'] ?? 4096), contextTokens ?? Infinity)
  const tooLong = body.truncate === false && countTokens(question) > context
  if (tooLong || injected?.kind === '400') {
    return { status: 400, error: `the prompt is longer than the context length (${context})` }
  }
  return undefined
}

function questionOf(messages: readonly { role: string; content: string }[]): Question {
  const of = (role: string) =>
    messages
      .filter((message) => message.role === role)
      .map((message) => message.content)
      .join('\n')
  return { system: of('system'), user: of('user') }
}

/** Words with the blanks after them; long ones in pieces, as tokenizers do. */
function tokensOf(text: string): string[] {
  return text.match(/\S{1,5}\s?|\s{1,8}/g) ?? []
}

function countTokens(question: Question): number {
  return Math.ceil((question.system.length + question.user.length) / 4) + 12
}

function modelEntry(name: string) {
  const details = { format: 'script', family: 'rehearsal', parameter_size: '0' }
  const full = name.includes(':') ? name : `${name}:latest`
  return { name: full, model: full, size: 0, digest: 'rehearsal', details }
}

function plainName(name: string): string {
  return name.replace(/:latest$/, '')
}

function missing(response: ServerResponse, name: string): void {
  json(response, 404, { error: `model '${name}' not found, try pulling it first` })
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk))
  const text = Buffer.concat(chunks).toString('utf8')
  return text === '' ? {} : JSON.parse(text)
}
