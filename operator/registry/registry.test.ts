import { expect, test } from 'vitest'
import { agent } from '../../test/support/objects.ts'
import { registryData } from './registry.ts'

const agents = [
  agent('testing-1', { state: 'starting' }),
  agent('coding-1', {
    state: 'busy',
    currentTask: 'hello-code-slug',
    performance: { completed: 2, failed: 1, meanSeconds: 9, tokens: 300 },
  }),
]

test('the registry lists everyone, the active list only who can work, with what was heard last', () => {
  const data = registryData(agents, () => ({
    lastHeard: '2026-11-23T12:00:00.000Z',
    activity: 'try 1: writing src/slug.js',
    memoryBytes: 1000,
  }))
  expect(JSON.parse(data['agents-registry.json'] ?? '')).toEqual([
    {
      id: 'coding-1',
      type: 'coding',
      skills: [],
      status: 'busy',
      performance: { completed: 2, failed: 1, meanSeconds: 9, tokens: 300 },
    },
    expect.objectContaining({ id: 'testing-1', status: 'starting' }),
  ])
  expect(JSON.parse(data['active-agents.json'] ?? '')).toEqual([
    {
      id: 'coding-1',
      heartbeat: '2026-11-23T12:00:00.000Z',
      currentTask: 'hello-code-slug',
      activity: 'try 1: writing src/slug.js',
      resources: { memoryBytes: 1000 },
    },
  ])
})

test('without live news the text is the same for the same agents, whatever order they come in', () => {
  const silent = (): undefined => undefined
  expect(registryData(agents.toReversed(), silent)).toEqual(registryData(agents, silent))
})
