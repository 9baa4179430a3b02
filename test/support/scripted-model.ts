// A model server for unit tests that misbehaves as the test says, answer by answer, and counts what
// it was asked.
import type { ServerResponse } from 'node:http'
import { z } from 'zod'
import { reply, type SeenRequest, startScriptedServer } from './scripted-server.ts'

/** The answer to one question. */
export type Step = (response: ServerResponse, request: SeenRequest) => void

export interface ScriptedModel {
  readonly endpoint: string
  /** The questions so far. */
  readonly asked: readonly SeenRequest[]
  /** How many connections the client closed before the answer was complete. */
  readonly left: () => number
  /** Whether the newest question gets no more bytes. */
  readonly isSilent: () => boolean
  readonly close: () => Promise<void>
}

const silent = new WeakSet<ServerResponse>()

/** Starts a server that takes the next step for each question, and repeats the last one. */
export async function startScriptedModel(
  steps: readonly Step[],
  port?: number,
): Promise<ScriptedModel> {
  let newest: ServerResponse | undefined
  let left = 0
  const server = await startScriptedServer((request, response) => {
    newest = response
    response.on('close', () => {
      if (!response.writableEnded && !response.destroyed) left++
      else if (silent.has(response)) left++
    })
    const step = steps[Math.min(server.requests.length, steps.length) - 1]
    step?.(response, request)
  }, port)
  return {
    endpoint: server.config.server,
    asked: server.requests,
    left: () => left,
    isSilent: () => newest !== undefined && silent.has(newest),
    close: async () => server.close(),
  }
}

const line = (value: object) => `${JSON.stringify(value)}\n`
const piece = (content: string) => line({ message: { role: 'assistant', content }, done: false })

/** The whole answer, with the server's counts. */
export const says =
  (text: string, counts: { readonly input?: number; readonly output?: number } = {}): Step =>
  (response) => {
    response.write(piece(text))
    response.end(
      line({
        message: { role: 'assistant', content: '' },
        done: true,
        done_reason: 'stop',
        prompt_eval_count: counts.input ?? 30,
        eval_count: counts.output ?? 5,
      }),
    )
  }

/** How a streamed answer ends: properly, at the limit of tokens, with an error, or without a word. */
export type Ending = 'stop' | 'length' | 'error' | 'nothing'

/** The answer in pieces, as a real server streams it, with this end. */
export const streams =
  (answer: string, ending: Ending): Step =>
  (response) => {
    // As Ollama says it, also before an answer without a word.
    response.setHeader('content-type', 'application/x-ndjson')
    // Pieces hold no half of a character, and long answers come in larger ones.
    const characters = Array.from(answer)
    const size = Math.max(pieceLength, Math.ceil(characters.length / 100))
    for (let at = 0; at < characters.length; at += size)
      response.write(piece(characters.slice(at, at + size).join('')))
    if (ending === 'error') response.write(line({ error: 'model runner has unexpectedly stopped' }))
    if (ending === 'stop' || ending === 'length') {
      const counts = { prompt_eval_count: 0, eval_count: 1 }
      const message = { role: 'assistant', content: '' }
      response.write(line({ message, done: true, done_reason: ending, ...counts }))
    }
    response.end()
  }
const pieceLength = 24

export const refuses =
  (status: number, error: string, headers: Readonly<Record<string, string>> = {}): Step =>
  (response) =>
    reply(response, status, { error }, headers)

/** Not a byte, not even headers. */
export const keepsSilent: Step = (response) => void silent.add(response)

/** Begins, and freezes. */
export const freezes: Step = (response) => {
  response.write(piece('half '))
  silent.add(response)
}

/** Begins, and says in the middle that it failed. */
export const failsMidway: Step = (response) => {
  response.write(piece('half '))
  response.end(line({ error: 'an error was encountered while running the model' }))
}

/** Begins, and ends as if that were all. */
export const endsHalf: Step = (response) => void response.end(piece('half '))

/** Begins, and the connection is cut, within a line. */
export const isCut: Step = (response) => {
  response.write(`${piece('half ')}{"message":{"con`, () => response.destroy())
}

/** The connection is closed without an answer. */
export const hangsUp: Step = (response) => void response.destroy()

/** Unloads the model instead of answering. */
export const unloads: Step = (response) =>
  void response.end(
    line({ message: { role: 'assistant', content: '' }, done: true, done_reason: 'unload' }),
  )

// An Ollama for unit tests: it holds one model, and answers each question as the test says.

/**
 * What is said to a question, by the words of its prompt; a step where more than words is needed.
 */
export type Answering = (prompt: string, number: number) => string | Step

interface ScriptedOllama extends AsyncDisposable {
  readonly endpoint: string
  readonly model: string
  /** Prompts of the questions so far. */
  readonly asked: readonly string[]
}

const question = z.object({ messages: z.array(z.object({ content: z.string() })) })

/** Starts it on a free port. */
export async function startScriptedOllama(answering: Answering): Promise<ScriptedOllama> {
  const model = 'coder:7b'
  const asked: string[] = []
  const server = await startScriptedServer((request, response) => {
    if (request.path.endsWith('/api/tags'))
      return reply(response, 200, { models: [{ name: model, digest: 'd', size: 1 }] })
    if (request.path.endsWith('/api/show'))
      return reply(response, 200, {
        capabilities: ['completion'],
        model_info: { 'general.architecture': 'x', 'x.context_length': 8192 },
      })
    const { messages } = question.parse(JSON.parse(request.body))
    const prompt = messages.map(({ content }) => content).join('\n')
    asked.push(prompt)
    const answer = answering(prompt, asked.length)
    const step = typeof answer === 'string' ? says(answer) : answer
    return step(response, request)
  })
  return {
    endpoint: server.config.server,
    model,
    asked,
    [Symbol.asyncDispose]: () => server.close(),
  }
}
