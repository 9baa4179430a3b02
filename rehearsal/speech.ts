// An answer on its way: token by token, at the rate of the server, and broken in its middle where a
// fault says so.
import type { ServerResponse } from 'node:http'
import { sendJson, writePatiently } from '../core/base/http.ts'
import { jsonLine } from '../core/base/lines.ts'
import { aborted } from '../core/base/wait.ts'
import type { Strike } from './faults.ts'
import { type AskedQuestion, promptSections } from './script.ts'
import { pause } from './http.ts'

/** What is said, and how. */
interface Speech {
  readonly tokens: readonly string[]
  /** One piece as an object of the API. */
  readonly piece: (token: string) => object
  /** The closing object, without text. */
  readonly last: () => object
  readonly stream: boolean
  /** Tokens a second; 0 for as fast as possible. */
  readonly rate: number
  readonly strike: Strike | undefined
}

/** Says it. Resolves to why it was not said to its end, or undefined when it was. */
export async function speak(
  speech: Speech,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<'cancelled' | 'broken off' | undefined> {
  const { tokens, piece, strike } = speech
  if (!speech.stream) return await speakAtOnce(speech, response, signal)
  response.setHeader('content-type', 'application/x-ndjson')
  const middle = Math.floor(tokens.length / 2)
  for (let index = 0; index <= tokens.length; index++) {
    if (index === middle && (await breakOff(speech, response, signal))) {
      return strike?.kind === 'freeze' ? 'cancelled' : 'broken off'
    }
    if (signal.aborted) return 'cancelled'
    const token = tokens[index]
    if (token === undefined) break
    await writePatiently(response, jsonLine({ ...piece(token), done: false }), signal)
    if (speech.rate > 0) await pause(1000 / speech.rate, signal)
    else if (index % 200 === 199) await pause(0)
  }
  if (signal.aborted) return 'cancelled'
  response.end(jsonLine({ ...piece(''), ...speech.last() }))
  return undefined
}

async function speakAtOnce(
  speech: Speech,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<'cancelled' | 'broken off' | undefined> {
  const { tokens, rate, strike, piece } = speech
  if (rate > 0) await pause((1000 * tokens.length) / rate, signal)
  if (strike?.kind === 'stall') await pause(strike.ms, signal)
  if (strike?.kind === 'freeze') await aborted(signal)
  if (signal.aborted) return 'cancelled'
  switch (strike?.kind) {
    case 'reset':
    case 'half-line':
      response.destroy()
      return 'broken off'
    case 'error-midstream':
      sendJson(response, 500, { error: brokeDown })
      return 'broken off'
    case 'no-done':
      // What Ollama answers then: everything that was said, and that it is not done.
      sendJson(response, 200, { ...piece(tokens.join('')), done: false })
      return 'broken off'
    default:
      sendJson(response, 200, { ...piece(tokens.join('')), ...speech.last() })
      return undefined
  }
}

const brokeDown = 'an error was encountered while running the model: unexpected EOF'

/** Breaks the answer if the fault says so; true when there is nothing more to send. */
async function breakOff(
  { strike, piece }: Speech,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<boolean> {
  switch (strike?.kind) {
    case 'reset':
      response.flushHeaders()
      // What was written must reach the client first, or it sees a refused connection instead.
      await pause(20)
      response.destroy()
      return true
    case 'no-done':
      response.end()
      return true
    case 'half-line': {
      const whole = jsonLine({ ...piece('and'), done: false })
      response.end(whole.slice(0, Math.floor(whole.length / 2)))
      return true
    }
    case 'error-midstream':
      response.end(jsonLine({ error: brokeDown }))
      return true
    case 'stall':
      await pause(strike.ms, signal)
      return false
    case 'freeze':
      await aborted(signal)
      return true
    default:
      return false
  }
}

/**
 * The answer as a fault would have it. `limit`: the most tokens, for answers that would not end.
 */
export function spoilt(
  strike: Strike | undefined,
  text: string,
  asked: { readonly question: AskedQuestion; readonly format: unknown; readonly limit: number },
): string {
  switch (strike?.kind) {
    case 'whitespace':
      return `{${'\n'.repeat(asked.limit * 8)}`
    case 'repeat':
      return 'and then the same again, '.repeat(asked.limit)
    case 'schema-echo':
      return JSON.stringify(asked.format ?? { type: 'object', properties: {} })
    case 'sorted-keys':
      return sortedKeys(text)
    case 'fenced':
      return `\`\`\`json\n${text}\n\`\`\``
    case 'prose':
      return `Sure! Here is what you asked for:\n\n${text}`
    case 'chatty':
      return `Sure! Here is what you asked for:\n\n\`\`\`json\n${text}\n\`\`\`\n\nLet me know if you need more.`
    case 'example-leak':
      return exampleOf(asked.question)
    case 'tool-output':
      return 'I ran the tests:\n\n```console\n$ npm test\n# pass 12\n# fail 0\n```\n\nAll of them pass, so the task is done.'
    case 'wrong-path':
      return wrongPaths(text)
    case 'elided':
      return text.replaceAll(/(```[^\n]*\n)([\s\S]*?)(\n```)/g, (_, open, code, close) =>
        [open, elided(String(code), String(open)), close].join(''),
      )
    case 'edited-tests':
      return `${text.trimEnd()}\n\n${weakenedTest(text)}`
    default:
      return text
  }
}

function sortedKeys(text: string): string {
  try {
    return JSON.stringify(sorted(JSON.parse(text)), null, 2)
  } catch {
    return text
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1))
  return Object.fromEntries(entries.map(([key, part]) => [key, sorted(part)]))
}

/**
 * Where a prompt of ours has its example: a section of that title, else the end of the system
 * prompt.
 */
function exampleOf({ system, user }: AskedQuestion): string {
  const section = promptSections(user).get('example')
  if (section !== undefined) return section.trim()
  return /^Example.*:\n([\s\S]+)/m.exec(system)?.[1]?.trim() ?? 'Example'
}

const path = String.raw`(?:[\w.@-]+\/)*[\w.@-]+\.[A-Za-z0-9]{1,8}`

function wrongPaths(text: string): string {
  return text
    .replaceAll(new RegExp(String.raw`^(${path})(?=\n\`\`\`)`, 'gm'), 'path/to/$1')
    .replaceAll(new RegExp(`"(${path})"`, 'g'), '"path/to/$1"')
}

function elided(code: string, fence: string): string {
  const lines = code.split('\n')
  const mark = fence.includes('py') ? '#' : '//'
  const kept = lines.slice(0, Math.ceil(lines.length / 3))
  return [...kept, `${mark} ... rest of the code unchanged`].join('\n')
}

function weakenedTest(text: string): string {
  const named = new RegExp(String.raw`^(${path})(?=\n\`\`\`)`, 'm').exec(text)?.[1] ?? 'index.js'
  const name = named.replace(/^.*\//, '').replace(/(?:\.test)?\.\w+$/, '')
  return named.endsWith('.py')
    ? `test_${name}.py\n\`\`\`python\nimport unittest\n\n\nclass Passes(unittest.TestCase):\n    def test_passes(self):\n        self.assertTrue(True)\n\`\`\``
    : `test/${name}.test.js\n\`\`\`js\nimport { test } from 'node:test'\n\ntest('passes', () => {})\n\`\`\``
}
