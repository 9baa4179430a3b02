// The words for people about an unusable answer: how it began, because a server or a model
// names the problem in it.
import { describe, expect, test, vi } from 'vitest'
import { code } from '../../agent-image/agent/pipelines/code.ts'
import { document } from '../../agent-image/agent/pipelines/document.ts'
import { review } from '../../agent-image/agent/pipelines/review.ts'
import { spec } from '../../agent-image/agent/pipelines/spec.ts'
import { fenced, goodCode, runPipeline, slugSpec } from '../support/agent/pipeline-fixture.ts'

vi.setConfig({ testTimeout: 60_000 })

const explained = 'The licence of this server\n ran out\u001B[0m on Monday. Ask Ada.'
const began = 'The licence of this server ran out on Monday. Ask Ada.'
const cutOff = { kind: 'unusable', message: 'it was cut off', began: 'Dear user' } as const
const refusal = {
  kind: 'refused',
  message: 'the model server refused the question: no licence.',
} as const

describe.each([
  ['tests', spec, 'spec', {}],
  ['code', code, 'code', { spec: slugSpec }],
] as const)('an answer that is no %s is told with how it began', (_, pipeline, action, options) => {
  test.each([
    ['words without a block', explained, began],
    [
      'an empty block with words before it',
      `Sorry!\n${fenced('src/slug.js', '')}`,
      'Sorry! src/slug.js',
    ],
    [
      'a block in another language',
      'Here you are:\n```python\nx = 1\n```\n',
      'Here you are: ```python x = 1 ```',
    ],
    ['one that the operator could not use', cutOff, 'Dear user'],
  ])('%s', async (_what, answer, want) => {
    const { outcome, model } = await runPipeline(pipeline, action, {}, [answer], options)
    expect(outcome).toMatchObject({
      verdict: 'ChecksFailed',
      failure: { reason: 'OutputUnusable' },
    })
    expect(outcome.failure?.message).toContain(`began: "${want}`)
    expect(outcome.evidence?.[0]?.digest).toContain(want)
    expect(model.asked).toBe(3)
  })

  test('does not take other words for progress', async () => {
    const answers = ['I am sorry.', 'I cannot.', 'As I said: no.', 'Never.']
    const { outcome, model } = await runPipeline(pipeline, action, {}, answers, options)
    expect(outcome.failure?.message).toContain('It began: "As I said: no."')
    expect(model.asked).toBe(3)
  })

  test('ends at the first refusal of the server, in its words', async () => {
    await expect(runPipeline(pipeline, action, {}, [refusal], options)).rejects.toMatchObject({
      reason: 'ModelRefused',
      message: 'The model server refused the question: no licence.',
    })
  })
})

describe('advice goes without an answer, and says why', () => {
  const later = { 'src/slug.js': goodCode, 'src/more.js': 'export const more = () => 1\n' }

  test('of a review', async () => {
    const { outcome, model } = await runPipeline(review, 'review', {}, [refusal], { later })
    expect(outcome.verdict).toBe('Done')
    expect(outcome.notes?.join()).toContain(`no usable answer for 1 file: ${refusal.message}`)
    expect(model.asked).toBe(1)
  })

  test('of a review whose answers are of no use', async () => {
    const { outcome } = await runPipeline(review, 'review', {}, [cutOff], { later })
    expect(outcome.notes?.join()).toContain('for 2 files: it was cut off; it began: "Dear user"')
  })

  test('of documentation', async () => {
    const { outcome, model } = await runPipeline(document, 'document', {}, [refusal], { later })
    expect(outcome).toMatchObject({ verdict: 'Done', files: ['README.md'] })
    expect(outcome.notes?.[0]).toBe(refusal.message)
    expect(model.asked).toBe(1)
  })
})
