// The rehearsal model with a count of who is at work, asked bare and by way of the gateway.
import { fetch, Agent } from 'undici'
import { createRehearsalServer, rehearsalName } from '../../../rehearsal/server.ts'
import { createGateway, type Gateway, type GatewayCall } from '../../../core/models/gateway.ts'
import { fixedRequest, modelProfile, type ModelProfile } from '../../../core/models/profile.ts'
import { systemClock, systemRandom } from '../../../core/base/clock.ts'

const words = 'The function takes a list of users and gives back those that are active. '
/** About as long as the prompt of a small coding task. */
const request = words.repeat(40)

export interface Model {
  readonly gateway: Gateway
  readonly profile: ModelProfile
  /** Asks as a plain client would: the same question, no queue, no budget, no check of the answer. */
  readonly askBare: (question: GatewayCall) => Promise<void>
  readonly close: () => Promise<void>
}

/** Starts the model in this process. `rate` in tokens a second, 0 for as fast as it can. */
export async function startModel(options: {
  readonly rate: number
  readonly parallel: number
  /** Tokens of each answer, roughly. */
  readonly tokens: number
  readonly onWorking?: (count: number) => void
  readonly onWaiting?: (count: number) => void
}): Promise<Model> {
  const { rate, parallel, tokens, onWorking, onWaiting } = options
  const answer = Array.from({ length: tokens }, (_, n) => `w${n}`).join(' ')
  const server = createRehearsalServer({
    rules: [{ when: { request: /function/ }, answer }],
    rate,
    parallel,
  })
  let working = 0
  server.on('request', (_request, response) => {
    onWorking?.(++working)
    response.once('close', () => onWorking?.(--working))
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const profile = modelProfile.parse({
    name: rehearsalName,
    endpoint: `http://127.0.0.1:${port}`,
    parallel,
  })
  const gateway = createGateway({
    profile: () => profile,
    clock: systemClock,
    random: systemRandom,
    metrics: { called: () => undefined, queued: (_name, waiting) => onWaiting?.(waiting) },
  })
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0 })
  return {
    gateway,
    profile,
    async askBare({ system, instruction, sections, temperature, seed, maxTokens }) {
      const user = [...sections.map(({ title, text }) => `## ${title}\n${text}`), instruction]
      const fixed = fixedRequest(profile)
      const response = await fetch(`${profile.endpoint}/api/chat`, {
        method: 'POST',
        body: JSON.stringify({
          ...fixed,
          stream: true,
          messages: [
            { role: 'system', content: system },
            { role: 'user', content: user.join('\n\n') },
          ],
          options: { ...fixed.options, temperature, seed, num_predict: maxTokens },
        }),
        dispatcher,
      })
      const text = await response.text()
      if (!text.includes('"done":true')) throw new Error('the bare server gave half an answer')
    },
    async close() {
      await dispatcher.close()
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}

/** The same question each time, from one of ten requests. */
export function questionOf(number: number): GatewayCall {
  return {
    model: rehearsalName,
    request: `request-${number % 10}`,
    priority: 'normal',
    verb: 'write',
    purpose: 'bench',
    system: 'You write one file.',
    sections: [{ title: 'Request', text: request, must: true }],
    instruction: 'Answer with one block.',
    temperature: 0,
    seed: 1,
    maxTokens: 1024,
  }
}
