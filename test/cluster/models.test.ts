// LanguageModels on the real Ollama: made from a file, asked three questions, refused, doubled, out of reach.
import { afterAll, expect, test } from 'vitest'
import { smallModel } from '../../hack/demo/planning-call-step.ts'
import { streamLog } from '../../hack/cluster/log.ts'
import { ensureSmolLM2 } from '../../hack/images/smollm2.ts'
import { conditionOf } from '../../core/api/condition-list.ts'
import type { LanguageModel } from '../../core/api/language-model.ts'
import { kubectl, namespace, tryKubectl, until } from './lab.ts'
import { stringify } from 'yaml'

const made = ['from-file', 'second', 'far-away']
afterAll(async () => {
  await kubectl(['delete', 'languagemodel', ...made, '--ignore-not-found'])
})

const manifest = (name: string, spec: Record<string, unknown>): string =>
  stringify({
    apiVersion: 'guildhall.dev/v1alpha1',
    kind: 'LanguageModel',
    metadata: { name, namespace },
    spec,
  })

const modelOf = async (name: string): Promise<LanguageModel> =>
  JSON.parse(await kubectl(['get', 'languagemodel', name, '-o', 'json'])) as LanguageModel

/** Waits until Ready has one of the reasons, and gives the model. */
const ready = async (name: string, ...reasons: readonly string[]): Promise<LanguageModel> =>
  until(
    `${name} to be ${reasons.join(' or ')}`,
    async () => {
      const model = await modelOf(name)
      return reasons.includes(conditionOf(model, 'Ready')?.reason ?? '') ? model : undefined
    },
    300,
  )

test('a model is made from an uploaded file, loaded, tested, and says in plain words that it is too weak', async () => {
  const { sha256 } = await ensureSmolLM2({ log: streamLog() })
  const spec = {
    model: 'from-file:135m',
    source: 'blob',
    blob: { digest: `sha256:${sha256}` },
    contextTokens: 2048,
    outputTokens: 512,
  }
  await kubectl(['apply', '-f', '-'], { input: manifest('from-file', spec) })
  const { status } = await ready('from-file', 'TooWeak', 'Ready')
  // 135 million parameters; should they ever do better, this test may be glad.
  expect(status?.tier).toBe('weak')
  expect(status?.contextTokens).toBe(2048)
  expect(status?.tokensPerSecond).toBeGreaterThan(0)
  expect(status?.digest).toMatch(/^[0-9a-f]{64}$/)
  expect(status?.capabilities).toContain('completion')
  expect(conditionOf({ status }, 'Ready')?.message).toMatch(
    /too weak to plan or to write code: .*qwen2\.5-coder:7b/,
  )
  const row = await kubectl(['get', 'languagemodel', 'from-file'])
  expect(row).toMatch(/MODEL +STATUS +PROGRESS +SIZE +CONTEXT +TIER +AGE/)
  expect(row).toMatch(/from-file:135m +TooWeak +0\.1 GiB +2048 +weak/)
})

test.each([
  ['a model of the cloud', { model: 'gpt-oss:120b-cloud' }, /send prompts out of the cluster/],
  ['the same in capitals', { model: 'gpt-oss:120b-Cloud' }, /send prompts out of the cluster/],
  ['a file without a digest', { model: 'm', source: 'blob' }, /spec\.blob and spec\.source: blob/],
  ['an answer that leaves no room', { model: 'm', outputTokens: 5000 }, /no room for the question/],
  [
    'an openai server without an address',
    { model: 'm', provider: 'openai' },
    /needs spec\.endpoint/,
  ],
])('%s is refused with a sentence', async (_, spec, want) => {
  const { code, text } = await tryKubectl(['create', '-f', '-'], { input: manifest('bad', spec) })
  expect(text).toMatch(want)
  expect(code).toBe(1)
})

test('a second LanguageModel of one model is told which comes first', async () => {
  await kubectl(['apply', '-f', '-'], { input: manifest('second', { model: smallModel }) })
  const model = await ready('second', 'Duplicate')
  expect(conditionOf(model, 'Stalled')?.message).toMatch(/smollm2-135m .*delete one of the two/)
})

test('a server that nobody runs is named, with what to look at', async () => {
  const spec = { model: 'm', endpoint: 'http://guildhall-nowhere:11434' }
  await kubectl(['apply', '-f', '-'], { input: manifest('far-away', spec) })
  const model = await ready('far-away', 'ServerUnreachable')
  expect(conditionOf(model, 'Ready')?.message).toMatch(/guildhall-nowhere.*tried again by itself/)
})

test('one of the settings that a person deletes comes back', async () => {
  const before = await modelOf('rehearsal')
  await kubectl(['delete', 'languagemodel', 'rehearsal'])
  const after = await ready('rehearsal', 'Ready')
  expect(after.metadata.uid).not.toBe(before.metadata.uid)
})
