// A model server that gives the answers of a test, asked through the real gateway and the real
// client.
import { z } from 'zod'
import { createGateway, type Gateway } from '../../core/models/gateway.ts'
import { modelProfile, type ModelProfile } from '../../core/models/profile.ts'
import { systemClock } from '../../core/base/clock.ts'
import { startScriptedServer } from '../support/scripted-server.ts'
import type { Ending } from './corpus.ts'

/** What the model says from now on. */
interface Saying {
  /** To questions with a schema, or to all when `notes` is missing; the last answer repeats. */
  readonly answers: readonly string[]
  /** To questions without a schema. */
  readonly notes?: string
  readonly ends: Ending
}

export interface SpeakingModel {
  readonly gateway: Gateway
  readonly profile: ModelProfile
  say(saying: Saying): void
  close(): Promise<void>
}

const question = z.object({ format: z.unknown().optional() })
const pieceLength = 24

/** Starts the server, and a gateway that asks it. Nothing waits between tries. */
export async function startSpeakingModel(): Promise<SpeakingModel> {
  let saying: Saying = { answers: [''], ends: 'stop' }
  let said = 0
  const server = await startScriptedServer(({ body }, response) => {
    const decides = question.parse(JSON.parse(body)).format !== undefined
    const notes = decides ? undefined : saying.notes
    const answer = notes ?? saying.answers[Math.min(said++, saying.answers.length - 1)] ?? ''
    // As Ollama says it, also before an answer without a word.
    response.setHeader('content-type', 'application/x-ndjson')
    // Pieces hold no half of a character, and long answers come in larger ones.
    const characters = Array.from(answer)
    const size = Math.max(pieceLength, Math.ceil(characters.length / 100))
    for (let at = 0; at < characters.length; at += size) {
      const content = characters.slice(at, at + size).join('')
      response.write(line({ message: { role: 'assistant', content }, done: false }))
    }
    const ends = notes === undefined ? saying.ends : 'stop'
    if (ends === 'error') response.write(line({ error: 'model runner has unexpectedly stopped' }))
    if (ends === 'stop' || ends === 'length') {
      const counts = { prompt_eval_count: 0, eval_count: 1 }
      const message = { role: 'assistant', content: '' }
      response.write(line({ message, done: true, done_reason: ends, ...counts }))
    }
    response.end()
  })
  const profile = modelProfile.parse({ name: 'm', endpoint: server.config.server })
  return {
    gateway: createGateway({
      profile: (name) => (name === profile.name ? profile : undefined),
      clock: { ...systemClock, sleep: async () => undefined },
      random: { next: () => 0.5 },
    }),
    profile,
    say(next) {
      saying = next
      said = 0
    },
    close: () => server.close(),
  }
}

function line(part: unknown): string {
  return `${JSON.stringify(part)}\n`
}
