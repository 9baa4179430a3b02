// A model server that gives the answers of a test, asked through the real gateway and the real
// client.
import { z } from 'zod'
import { createGateway, type Gateway } from '../../core/models/gateway.ts'
import { modelProfile, type ModelProfile } from '../../core/models/profile.ts'
import { systemClock } from '../../core/base/clock.ts'
import { type Ending, startScriptedModel, streams } from '../support/scripted-model.ts'

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

/** Starts the server, and a gateway that asks it. Nothing waits between tries. */
export async function startSpeakingModel(): Promise<SpeakingModel> {
  let saying: Saying = { answers: [''], ends: 'stop' }
  let said = 0
  const server = await startScriptedModel([
    (response, request) => {
      const decides = question.parse(JSON.parse(request.body)).format !== undefined
      const notes = decides ? undefined : saying.notes
      const answer = notes ?? saying.answers[Math.min(said++, saying.answers.length - 1)] ?? ''
      streams(answer, notes === undefined ? saying.ends : 'stop')(response, request)
    },
  ])
  const profile = modelProfile.parse({ name: 'm', endpoint: server.endpoint })
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
