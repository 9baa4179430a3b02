import { expect, test } from 'vitest'
import { ConfigError, loadConfig, parseConfig } from './config.ts'

const good = `
agents: { template: { image: guildhall.dev/agent:1 }, hubUrl: "http://guildhall-hub:8080" }
forge: { url: "http://guildhall-forge:8080" }
models: [{ name: m, endpoint: "http://ollama:11434" }]
`

test('what is left out gets the defaults people are promised: ten agents, gone after five minutes', () => {
  const config = parseConfig(good)
  expect(config.agents).toMatchObject({ maxAgents: 10, idleSeconds: 300, reuse: 'request' })
  expect(config.models[0]).toMatchObject({ parallel: 1, pull: false })
})

const wrong: readonly [string, string, RegExp][] = [
  ['no model', good.replace(/models: .*/, 'models: []'), /^models: /],
  [
    'an address that is none',
    good.replace('http://ollama:11434', 'ollama'),
    /^models\.0\.endpoint: /,
  ],
  [
    'a limit of no agents',
    good.replace('{ template', '{ maxAgents: 0, template'),
    /^agents\.maxAgents: /,
  ],
  [
    'agents that serve whom nobody knows',
    good.replace('{ template', '{ reuse: never, template'),
    /^agents\.reuse: /,
  ],
  [
    'a model twice',
    good.replace('[{ name: m,', '[{ name: m, endpoint: "http://other" }, { name: m,'),
    /^models\.1\.name: m is named twice/,
  ],
  [
    'two models whose objects would have one name',
    good.replace('[{ name: m,', '[{ name: "a-7b", endpoint: "http://other" }, { name: "a:7b",'),
    /^models\.1\.name: a:7b would be the LanguageModel a-7b, as a-7b is; leave one of them out/,
  ],
  ['no image', good.replace('image: guildhall.dev/agent:1', ''), /^agents\.template\.image: /],
  ['an empty file', '', /^config: /],
]
test.each(wrong)('%s is refused with the field’s name', (_what, text, want) => {
  expect(() => parseConfig(text)).toThrow(ConfigError)
  expect(() => parseConfig(text)).toThrow(want)
})

test('without a file the operator says how to name one', () => {
  expect(() => loadConfig(['node', 'main.js'], {})).toThrow(/--config FILE or set GUILDHALL_CONFIG/)
})
