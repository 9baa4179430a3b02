// A hub for tests: speaks the protocol, hands out what a test gives it, answers models from a
// function.
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Model, ModelAnswer, ModelQuestion } from '../../../agent-image/agent/model.ts'
import {
  type Assignment,
  type FencedBlock,
  type Heartbeat,
  heartbeat,
  type HubMessage,
  logBatch,
  type ModelCall,
  modelCall,
  type ModelEvent,
  type Report,
  report,
} from '../../../core/api/agent-protocol.ts'

/** Answers a model call with events, or with the text of an answer. */
export type ScriptedModel = (call: ModelCall, number: number) => string | readonly ModelEvent[]

export interface ScriptedHub {
  readonly url: string
  readonly heartbeats: Heartbeat[]
  readonly calls: ModelCall[]
  readonly logLines: string[]
  /** Says something to the agent, now or when it connects. */
  say(message: HubMessage): void
  /** Assigns and waits for the report. */
  assign(assignment: Assignment, model: ScriptedModel): Promise<Report>
  /** Cuts every open stream. */
  cut(): void
  /** Answers the next reports with this status; 0 answers them properly. */
  refuseReports: number
  close(): void
}

/** Starts a hub that accepts `token`. */
export async function startHub(token: string): Promise<ScriptedHub> {
  const streams = new Set<ServerResponse>()
  const unsaid: HubMessage[] = []
  const waiting = new Map<string, (value: Report) => void>()
  let answer: ScriptedModel = () => ''
  const server = createServer((request, response) => {
    if (request.headers.authorization !== `Bearer ${token}`) {
      response.writeHead(401).end('{}')
      return
    }
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString()
      const body: unknown = text === '' ? undefined : JSON.parse(text)
      handle(request.url ?? '', body, response)
    })
  })

  function handle(path: string, body: unknown, response: ServerResponse): void {
    if (path === '/v1/assignments') {
      response.writeHead(200)
      streams.add(response)
      response.on('close', () => streams.delete(response))
      write(response, { kind: 'welcome', agent: 'otto', heartbeatSeconds: 1 })
      for (const message of unsaid.splice(0)) write(response, message)
    } else if (path === '/v1/heartbeat') {
      hub.heartbeats.push(heartbeat.parse(body))
      response.writeHead(204).end()
    } else if (path === '/v1/logs') {
      hub.logLines.push(...logBatch.parse(body).lines.map((line) => line.message))
      response.writeHead(204).end()
    } else if (path === '/v1/report') {
      if (hub.refuseReports !== 0) {
        response.writeHead(hub.refuseReports).end('{"code":"Busy","message":"later"}')
        return
      }
      const got = report.parse(body)
      response.end(JSON.stringify({ outcome: 'accepted', message: '' }))
      waiting.get(`${got.task}/${got.attempt}`)?.(got)
    } else if (path === '/v1/model') {
      const call = modelCall.parse(body)
      hub.calls.push(call)
      const events = answered(call)
      response.writeHead(200)
      write(response, { kind: 'started', model: 'rehearsal' })
      for (const event of typeof events === 'string' ? [resultOf(events)] : events)
        write(response, event)
      response.end()
    } else response.writeHead(404).end('{}')
  }

  /**
   * A script may hold assertions; one that fails must end the attempt, or its test would wait for
   * ever.
   */
  function answered(call: ModelCall): ReturnType<ScriptedModel> {
    try {
      return answer(call, hub.calls.length)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      return [{ kind: 'error', code: 'BudgetExhausted', message, retryable: false }]
    }
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const hub: ScriptedHub = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heartbeats: [],
    calls: [],
    logLines: [],
    refuseReports: 0,
    say(message) {
      if (streams.size === 0) unsaid.push(message)
      for (const stream of streams) write(stream, message)
    },
    assign(assignment, model) {
      answer = model
      hub.calls.length = 0
      const done = new Promise<Report>((resolve) =>
        waiting.set(`${assignment.task}/${assignment.attempt}`, resolve),
      )
      hub.say(assignment)
      return done
    },
    cut() {
      for (const stream of streams) stream.destroy()
    },
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
  return hub
}

function write(response: ServerResponse, value: HubMessage | ModelEvent): void {
  response.write(`${JSON.stringify(value)}\n`)
}

/**
 * The result that the operator would read from an answer: its fenced blocks and, when the text is
 * JSON, its value.
 */
function resultOf(text: string): ModelEvent {
  const blocks: FencedBlock[] = []
  for (const match of text.matchAll(/(?:^|\n)([^\n`]*)\n?```(\w*)\n([\s\S]*?)```/g))
    blocks.push({
      ...(match[1] === undefined || match[1] === '' ? {} : { path: match[1] }),
      ...(match[2] === '' ? {} : { language: match[2] ?? '' }),
      text: match[3] ?? '',
    })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = undefined
  }
  return {
    kind: 'result',
    model: 'rehearsal',
    text,
    blocks,
    value,
    inputTokens: 1,
    outputTokens: 1,
    trace: 't',
  }
}

/** A section of a prompt by its title; undefined when it is not there. */
export function sectionOf(call: ModelCall, title: string): string | undefined {
  return call.sections.find((section) => section.title === title)?.text
}

// A model for tests of pipelines, without a hub: answers from a list, the last one again and again.

export type ScriptedAnswer = string | undefined | Exclude<ModelAnswer, { kind: 'answer' }>

interface ScriptedAnswers extends Model {
  readonly questions: readonly ModelQuestion[]
}

/**
 * Answers with `answers` in order. `undefined` stands for an answer that the operator could not
 * use, any other `Answer` for itself. `blocksOf` finds the blocks of an answer, in the place of the
 * simple reader of these tests.
 */
export function scriptedModel(
  answers: readonly ScriptedAnswer[],
  blocksOf?: (text: string) => FencedBlock[],
): ScriptedAnswers {
  const questions: ModelQuestion[] = []
  return {
    questions,
    get asked() {
      return questions.length
    },
    name: 'rehearsal',
    waitsFor: undefined,
    ask(question) {
      const text = answers[Math.min(questions.length, answers.length - 1)]
      questions.push(question)
      if (typeof text === 'object') return Promise.resolve(text)
      const event = resultOf(text ?? '')
      return Promise.resolve(
        text === undefined || event.kind !== 'result'
          ? { kind: 'unusable', message: 'The answer was cut off.' }
          : {
              kind: 'answer',
              result: blocksOf === undefined ? event : { ...event, blocks: blocksOf(text) },
            },
      )
    },
  }
}
