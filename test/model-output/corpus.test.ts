// Every bad answer of the corpus through the real client, gateway, extraction, planner, pipelines
// and guards.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkCodeCase, checkDocumentCase, checkReviewCase, checkSpecCase } from './agent-case.ts'
import { readCorpus, type CorpusFile } from './corpus.ts'
import { startSpeakingModel, type SpeakingModel } from './model-server.ts'
import { checkPlanCase } from './plan-case.ts'

let model: SpeakingModel
beforeAll(async () => {
  model = await startSpeakingModel()
})
afterAll(() => model.close())

const corpus = readCorpus()

/** What checks each case of a file. */
function checksOf(file: CorpusFile): readonly { name: string; check: () => Promise<void> }[] {
  const { ask } = file
  switch (ask) {
    case 'plan':
      return file.cases.map((one) => ({ name: one.name, check: () => checkPlanCase(one, model) }))
    case 'code':
      return file.cases.map((one) => ({ name: one.name, check: () => checkCodeCase(one, model) }))
    case 'spec':
      return file.cases.map((one) => ({ name: one.name, check: () => checkSpecCase(one, model) }))
    case 'document':
      return file.cases.map((one) => ({
        name: one.name,
        check: () => checkDocumentCase(one, model),
      }))
    case 'review':
      return file.cases.map((one) => ({ name: one.name, check: () => checkReviewCase(one, model) }))
  }
}

const checked = new Set<string>()
describe.each(corpus.map((file) => ({ path: file.path, checks: checksOf(file) })))(
  '$path',
  ({ path, checks }) => {
    test.each(checks)('$name', async ({ name, check }) => {
      checked.add(`${path}: ${name}`)
      await check()
    })
  },
)

test('the corpus holds at least 150 cases of different names, and each was checked', () => {
  const names = corpus.flatMap((file) => file.cases.map((one) => `${file.path}: ${one.name}`))
  expect(names.length).toBeGreaterThanOrEqual(150)
  expect(new Set(corpus.flatMap((file) => file.cases.map((one) => one.name))).size).toBe(
    names.length,
  )
  expect([...checked].toSorted()).toEqual(names.toSorted())
})
