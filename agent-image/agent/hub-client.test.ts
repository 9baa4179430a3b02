import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import type { HubMessage, Report } from '../../core/api/agent-protocol.ts'
import { assignmentFor } from '../../test/support/agent/assignment.ts'
import { connectHub, type HubClient } from './hub-client.ts'
import { modelOf } from './model.ts'

// Real processes on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 })

const servers: Server[] = []
const folders: string[] = []
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close()
    server.closeAllConnections()
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

async function hubWith(listener: RequestListener): Promise<{ hub: HubClient; tokenFile: string }> {
  const server = createServer(listener)
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const folder = mkdtempSync(join(tmpdir(), 'hub-'))
  folders.push(folder)
  const tokenFile = join(folder, 'token')
  writeFileSync(tokenFile, 'first')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { hub: connectHub({ url, tokenFile, random: () => 0, silenceMs: 200 }), tokenFile }
}

const welcome = `${JSON.stringify({ kind: 'welcome', agent: 'a', heartbeatSeconds: 5 })}\n`
const report: Report = {
  task: 't',
  uid: 'u',
  attempt: 1,
  verdict: 'Done',
  summary: '',
  files: [],
  evidence: [],
  tries: 0,
  durationSeconds: 0,
  notes: [],
}

/** Listens until `enough` messages came, and gives them and the problems. */
async function listen(hub: HubClient, enough: number) {
  const stop = new AbortController()
  const messages: HubMessage[] = []
  const problems: string[] = []
  await hub.listen(
    (message) => {
      messages.push(message)
      if (messages.length === enough) stop.abort()
    },
    (problem) => problems.push(problem),
    { signal: AbortSignal.any([stop.signal, AbortSignal.timeout(10_000)]) },
  )
  return { messages: messages.map((message) => message.kind), problems }
}

test('connects again when the stream is closed, broken or refused, with the token of that moment', async () => {
  const tokens: (string | undefined)[] = []
  const { hub, tokenFile } = await hubWith((request, response) => {
    tokens.push(request.headers.authorization)
    writeFileSync(tokenFile, 'second')
    if (tokens.length === 1) response.writeHead(503).end('starting')
    else if (tokens.length === 2) response.destroy()
    else if (tokens.length === 3) response.end(welcome)
    else response.write(welcome)
  })
  const { messages, problems } = await listen(hub, 2)
  expect(messages).toEqual(['welcome', 'welcome'])
  expect(problems).toHaveLength(3)
  expect(tokens).toEqual(['Bearer first', 'Bearer second', 'Bearer second', 'Bearer second'])
})

test('takes a silent stream for dead, and lets pings keep it alive', async () => {
  let connections = 0
  const { hub } = await hubWith((_request, response) => {
    connections++
    response.write(welcome)
    if (connections === 1) return
    const timer = setInterval(() => response.write('{"kind":"ping"}\n'), 100)
    response.on('close', () => clearInterval(timer))
  })
  const { messages, problems } = await listen(hub, 8)
  expect(problems).toEqual(['the assignment stream fell silent'])
  expect(messages.filter((kind) => kind === 'ping')).toHaveLength(6)
})

test('leaves lines out that it does not understand', async () => {
  const { hub } = await hubWith((_request, response) => {
    response.write(`not json\n{"kind":"newer"}\n${welcome}`)
  })
  expect(await listen(hub, 1)).toEqual({ messages: ['welcome'], problems: [] })
})

test('tells a report until it is answered', async () => {
  let asked = 0
  const { hub } = await hubWith((_request, response) => {
    asked++
    if (asked === 1) response.writeHead(500).end()
    else if (asked === 2) response.destroy()
    else if (asked === 3) response.end('not a receipt')
    else response.end(JSON.stringify({ outcome: 'accepted', message: '' }))
  })
  const receipt = await hub.report(report, { signal: AbortSignal.timeout(10_000) })
  expect(receipt.outcome).toBe('accepted')
  expect(asked).toBe(4)
})

test('does not tell a malformed report twice', async () => {
  let asked = 0
  const { hub } = await hubWith((_request, response) => {
    asked++
    response.writeHead(400).end('{"code":"BadRequest","message":"no"}')
  })
  await expect(hub.report(report, { signal: AbortSignal.timeout(5000) })).rejects.toThrow('400')
  expect(asked).toBe(1)
})

const result = {
  kind: 'result',
  model: 'm',
  text: 'x',
  blocks: [],
  inputTokens: 1,
  outputTokens: 1,
  trace: '',
}
const question = {
  verb: 'write' as const,
  purpose: 'p',
  system: '',
  sections: [],
  instruction: '',
  temperature: 0,
  seed: 1,
  maxTokens: 1,
}
const assignment = assignmentFor({ url: '', repository: 'r', base: '0' }, 'code')

async function ask(answers: readonly unknown[]) {
  let asked = 0
  const { hub } = await hubWith((_request, response) => {
    const answer = answers[Math.min(asked++, answers.length - 1)]
    if (answer === 'break') response.destroy()
    else if (answer === 'cut') response.end(`${JSON.stringify({ kind: 'progress', tokens: 3 })}\n`)
    else response.end(`${JSON.stringify(answer)}\n`)
  })
  const waits: string[] = []
  const model = modelOf(
    assignment,
    hub,
    () => 0,
    (why) => waits.push(why),
  )
  const answer = await model.ask(question, { signal: AbortSignal.timeout(20_000) })
  return { answer, asked, model, waits }
}
const error = (code: string, retryable: boolean) => ({
  kind: 'error',
  code,
  message: code,
  retryable,
})

test('waits out trouble of the surroundings without counting a try', async () => {
  const { answer, asked, model, waits } = await ask([
    error('ModelUnavailable', true),
    'break',
    'cut',
    result,
  ])
  expect(answer.kind).toBe('answer')
  expect(asked).toBe(4)
  expect(model.asked).toBe(1)
  expect(model.name).toBe('m')
  expect(waits).toHaveLength(3)
}, 20_000)

test('counts an unusable answer as a try', async () => {
  const { answer, model } = await ask([error('OutputUnusable', false)])
  expect(answer).toEqual({ kind: 'unusable', message: 'OutputUnusable' })
  expect(model.asked).toBe(1)
})

test('passes on how an unusable answer began', async () => {
  const { answer } = await ask([{ ...error('OutputUnusable', false), began: 'I am sorry.' }])
  expect(answer).toEqual({ kind: 'unusable', message: 'OutputUnusable', began: 'I am sorry.' })
})

test('tells a question that the server refuses from an answer that is of no use', async () => {
  const { answer, model } = await ask([error('QuestionRefused', false)])
  expect(answer).toEqual({ kind: 'refused', message: 'QuestionRefused' })
  expect(model.asked).toBe(1)
})

test.each([
  ['ContextTooSmall', { reason: 'ContextTooSmall' }],
  ['BudgetExhausted', { reason: 'BudgetExhausted' }],
  ['ModelMissing', { reason: 'ModelUnavailable' }],
  ['Fenced', { code: 'Taken' }],
  ['Cancelled', { code: 'Taken' }],
])('ends the attempt on %s', async (code, want) => {
  await expect(ask([error(code, false)])).rejects.toMatchObject(want)
})
