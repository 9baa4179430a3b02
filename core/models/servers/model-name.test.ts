import { expect, test } from 'vitest'
import { languageModelSpec } from '../../api/language-model.ts'
import { isCloudName, sameModel } from './model.ts'

test.each([
  { held: 'llama2:latest', wanted: 'llama2', same: true },
  { held: 'qwen2.5-coder:7b', wanted: 'qwen2.5-coder:7b', same: true },
  { held: 'qwen2.5-coder:7b', wanted: 'Qwen2.5-Coder:7B', same: true },
  { held: 'llama2:latest', wanted: 'library/llama2', same: true },
  { held: 'llama2:latest', wanted: 'registry.ollama.ai/library/llama2:latest', same: true },
  {
    held: 'mirror.local:5000/library/llama2:latest',
    wanted: 'mirror.local:5000/library/llama2',
    same: true,
  },
  { held: 'mirror.local:5000/library/llama2:latest', wanted: 'llama2', same: false },
  { held: 'someone/llama2:latest', wanted: 'llama2', same: false },
  { held: 'qwen2.5-coder:7b', wanted: 'qwen2.5-coder', same: false },
  { held: 'qwen2.5-coder:7b', wanted: 'qwen2.5-coder:7b-instruct', same: false },
])('a server that holds $held answers for $wanted: $same', ({ held, wanted, same }) => {
  expect(sameModel(held, wanted)).toBe(same)
})

/** What the rule of the kind, which the API server evaluates, looks for in a name. */
const [, refusedName = ''] =
  /!self\.matches\('(.*?)'\)/.exec(JSON.stringify(languageModelSpec.shape.model.meta())) ?? []

test.each([
  { name: 'kimi-k2.5:cloud', cloud: true },
  { name: 'gpt-oss:120b-cloud', cloud: true },
  { name: 'gpt-oss:120b-Cloud', cloud: true },
  { name: 'registry.ollama.ai/library/glm-5:cloud', cloud: true },
  { name: 'my-cloud', cloud: true },
  { name: 'gpt-oss:20b', cloud: false },
  { name: 'cloud:7b', cloud: false },
  { name: 'someone/cloud', cloud: false },
  { name: 'x:soundcloud', cloud: false },
  { name: 'x:cloud-7b', cloud: false },
])('$name is a cloud model, for the API server too: $cloud', ({ name, cloud }) => {
  expect(isCloudName(name)).toBe(cloud)
  expect(new RegExp(refusedName).test(name)).toBe(cloud)
})
