import { stringify } from 'yaml'
import type { Agent } from '../../core/api/agent.ts'
import { apiVersion, rehearsalModel } from '../../core/api/names.ts'
import { type AgentSettings, parseConfig } from '../../operator/settings/config.ts'

/** An Agent as the operator makes one for coding. */
export const exampleAgent: Agent = {
  apiVersion,
  kind: 'Agent',
  metadata: {
    name: 'otto',
    namespace: 'guildhall',
    uid: '6f1d0a52-8c2e-4e57-9d53-1f0a6c0f5a11',
    resourceVersion: '1',
    generation: 1,
    creationTimestamp: '2026-01-02T03:04:05Z',
  },
  spec: { type: 'coding', skills: [], model: rehearsalModel, maxTasks: 50 },
}

/** The operator's settings for agents, with the memory that the chart gives them by default. */
export function exampleSettings(given: {
  readonly image: string
  readonly hubUrl?: string
}): AgentSettings {
  const { image, hubUrl = 'http://guildhall-hub:8080' } = given
  const resources = {
    agent: { limits: { memory: '384Mi' } },
    sandbox: { limits: { memory: '1Gi' } },
  }
  return parseConfig(
    stringify({
      agents: { template: { image, resources }, hubUrl },
      forge: { url: 'http://guildhall-forge:8080' },
      models: [{ name: rehearsalModel, endpoint: 'http://guildhall-rehearsal:11434' }],
    }),
  ).agents
}
