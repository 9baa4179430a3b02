// An Ollama for unit tests: it holds one model, and answers each question as the test says.
import { z } from 'zod'
import { says, type Step } from './scripted-model.ts'
import { reply, startScriptedServer } from './scripted-server.ts'

/** What is said to a question, by the words of its prompt; a step where more than words is needed. */
export type Answering = (prompt: string, number: number) => string | Step

export interface ScriptedOllama extends AsyncDisposable {
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
