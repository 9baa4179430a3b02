// The images of the two model servers answer as the operator expects, held as in the chart.
import { Ollama } from 'ollama'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { streamLog } from '../../hack/cluster/log.ts'
import { loadModel } from '../../hack/images/load-model.ts'
import { ensureSmolLM2 } from '../../hack/images/smollm2.ts'
import { rehearsalModel } from '../../core/api/names.ts'
import { createGateway } from '../../core/models/gateway.ts'
import { lintSchema, validateValue } from '../../core/models/answers/schema.ts'
import { systemClock as clock, systemRandom as random } from '../../core/base/clock.ts'
import { announce, findEngine, loadImages } from './engine.ts'
import {
  type ModelContainer,
  startOllamaContainer,
  startRehearsalContainer,
} from './model-container.ts'

const smallModel = 'smollm2:135m'
const engine = announce('the images of the model servers', await findEngine())

describe.skipIf(!engine.usable)('the rehearsal model’s image', () => {
  let server: ModelContainer
  beforeAll(async () => {
    server = await startRehearsalContainer((await loadImages(['rehearsal'])).rehearsal)
  })
  afterAll(async () => server?.[Symbol.asyncDispose]())

  test('speaks Ollama’s protocol and holds one model, by the name that tells what it is', async () => {
    const client = new Ollama({ host: server.url })
    expect((await client.version()).version).toMatch(/^\d+\.\d+\.\d+$/)
    const { models } = await client.list()
    expect(models.map(({ name }) => name)).toEqual([`${rehearsalModel}:latest`])
  })
})

describe.skipIf(!engine.usable)('Ollama’s image', () => {
  let server: ModelContainer
  beforeAll(async () => {
    const log = streamLog()
    const { ollama } = await loadImages(['ollama'])
    const weights = await ensureSmolLM2({ log })
    server = await startOllamaContainer(ollama, smallModel)
    await loadModel({ ollamaUrl: server.url, path: weights.path, name: smallModel, log })
  })
  afterAll(async () => server?.[Symbol.asyncDispose]())

  test('answers, and holds the model that was loaded through its API', async () => {
    const client = new Ollama({ host: server.url })
    expect((await client.version()).version).toMatch(/^\d+\.\d+\.\d+/)
    const { models } = await client.list()
    expect(models.map(({ name }) => name)).toEqual([smallModel])
  })

  test('makes a real model’s answer follow a schema', async () => {
    const schema = {
      type: 'object',
      properties: {
        a_language: { type: 'string', enum: ['python', 'javascript'] },
        b_files: { type: 'integer', minimum: 1, maximum: 9 },
      },
      required: ['a_language', 'b_files'],
    }
    expect(lintSchema(schema)).toEqual([])
    const gateway = createGateway({ profile: () => server.profile, clock, random })
    const result = await gateway.call({
      model: smallModel,
      request: 'lane',
      priority: 'normal',
      verb: 'decide',
      purpose: 'lane.choose',
      system: 'You choose how to build small programs.',
      sections: [{ title: 'Request', text: 'A function that adds two numbers.', must: true }],
      instruction: 'Answer with one JSON object: the language, and the number of files.',
      schema,
      temperature: 0,
      seed: 1,
      maxTokens: 60,
    })
    process.stderr.write(`${smallModel} in a container answered: ${result.text.trim()}\n`)
    expect(validateValue(schema, result.value)).toEqual([])
    expect(result.outputTokens).toBeGreaterThan(0)
  })
})
