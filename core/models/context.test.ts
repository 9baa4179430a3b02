// What is really sent, over many calls: it fits the context by the server's own count, and no
// option ever differs.
import {
  array,
  assert,
  asyncProperty,
  boolean,
  constantFrom,
  integer,
  record,
  string,
} from 'fast-check'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { says, startScriptedModel, type Step } from '../../test/support/scripted-model.ts'
import { systemClock } from '../base/clock.ts'
import { ModelError } from './errors.ts'
import { createGateway, type GatewayCall } from './gateway.ts'
import { modelProfile } from './profile.ts'

const body = z.looseObject({
  messages: z.array(z.object({ role: z.string(), content: z.string() })),
  format: z.unknown().optional(),
  options: z.looseObject({ num_ctx: z.number(), num_predict: z.number() }),
})
/** What the chat template adds to every prompt. */
const templateTokens = 24

const schema = {
  type: 'object',
  required: ['a_n'],
  properties: { a_n: { type: 'integer', minimum: 0, maximum: 9 } },
}

const sections = array(
  record({
    title: constantFrom('Request', 'Files', 'What failed'),
    text: integer({ min: 0, max: 9_000 }).map((length) =>
      'let x = 1; // why\n'.repeat(length / 18),
    ),
    must: boolean(),
  }),
  { maxLength: 6 },
)
const calls = array(
  record({
    sections,
    system: string({ maxLength: 300 }),
    maxTokens: integer({ min: 1, max: 5_000 }),
    temperature: constantFrom(0, 0.7),
    seed: integer({ min: 1, max: 99 }),
    decides: boolean(),
    model: constantFrom('small', 'large'),
  }),
  { minLength: 1, maxLength: 8 },
)

test.each([2, 2.7, 4])(
  'a server that has %f characters to a token is never sent more than fits, with the same options each time',
  async (charsPerToken) => {
    const count = (text: string) =>
      body
        .parse(JSON.parse(text))
        .messages.reduce((sum, { content }) => sum + content.length / charsPerToken, templateTokens)
    const counts: Step = (response, request) =>
      says('{"a_n": 1}', { input: Math.ceil(count(request.body)) })(response, request)
    let sent = 0
    const property = asyncProperty(calls, async (wishes) => {
      const server = await startScriptedModel([counts])
      const gateway = createGateway({
        profile: (name) =>
          modelProfile.parse({
            name,
            endpoint: server.endpoint,
            contextTokens: name === 'small' ? 4096 : 16_384,
            outputTokens: 2048,
          }),
        clock: systemClock,
        random: { next: () => 0.5 },
      })
      for (const { decides, ...wish } of wishes) {
        const call: GatewayCall = {
          ...wish,
          request: 'hello',
          priority: 'normal',
          verb: decides ? 'decide' : 'write',
          purpose: 'test',
          // The one prompt that is let through uncounted is one whose parts must all be there.
          sections: wish.sections.map((section, index) => ({
            ...section,
            must: section.must && index === 0 && section.text.length < 2_000,
          })),
          instruction: 'Answer.',
          ...(decides ? { schema } : {}),
        }
        await gateway.call(call).catch((error: unknown) => {
          if (!(error instanceof ModelError) || error.code !== 'ContextTooSmall') throw error
        })
      }
      await server.close()
      const fixed = new Map<unknown, object>()
      for (const { body: text } of server.asked) {
        sent++
        const { messages, format: _format, ...rest } = body.parse(JSON.parse(text))
        const { num_predict: longest, temperature: _t, seed: _s, ...options } = rest.options
        expect(Math.ceil(count(text)) + longest).toBeLessThanOrEqual(rest.options.num_ctx)
        expect(messages.map(({ role }) => role)).toEqual(['system', 'user'])
        const known = fixed.get(rest['model']) ?? { ...rest, options }
        expect({ ...rest, options }).toEqual(known)
        fixed.set(rest['model'], known)
      }
    })
    await assert(property, { numRuns: 40 })
    expect(sent).toBeGreaterThan(100)
  },
)
