import { expect, test } from 'vitest'
import type { DevRequestStatus } from '../../core/api/devrequest.ts'
import type { KubeClient } from '../../core/kube/client.ts'
import { condition, exampleRequest } from '../../test/support/example-objects.ts'
import { streamedApi } from '../../test/support/streamed-api.ts'
import { processTerminal } from '../terminal.ts'
import { watchRequest } from './watch.ts'

/** Watches a request of this status for a moment; nothing happens to it. */
async function watched(status: DevRequestStatus) {
  const request = exampleRequest(status)
  const { client } = streamedApi({ devrequests: [request] })
  const nobody = () => Promise.reject(new Error('may not be read'))
  const lines: string[] = []
  const { exitCode } = await watchRequest({
    connection: {
      client: { ...client, get: nobody } as unknown as KubeClient,
      namespace: 'guildhall',
      flags: {},
    },
    terminal: {
      ...processTerminal({}),
      live: false,
      out: (text) => lines.push(text),
      err: (text) => lines.push(text),
      next: (command) => lines.push(`next: ${command}`),
    },
    signal: new AbortController().signal,
    name: 'hello',
    timeoutMs: 150,
  })
  return { exitCode, text: lines.join('') }
}

const running = condition('Succeeded', 'Unknown', 'Running', '')

test.each<[string, DevRequestStatus, number, string]>([
  [
    'a person to resume it',
    { waitingReason: 'Resume', waitingFor: 'spec.suspend=false' },
    3,
    'next: guild resume hello',
  ],
  [
    'a person to correct it',
    { waitingReason: 'Correction', waitingFor: 'a person' },
    3,
    'next: guild tree hello',
  ],
  ['a model', { waitingReason: 'Model', waitingFor: 'the model' }, 124, 'next: guild watch hello'],
  ['an agent', { waitingReason: 'Agent', waitingFor: 'a person' }, 124, 'next: guild watch hello'],
  ['nothing', { conditions: [running] }, 124, 'next: guild watch hello'],
  [
    'a person, as an operator before this field says',
    { conditions: [condition('Succeeded', 'Unknown', 'Suspended', '')] },
    3,
    'next: guild resume hello',
  ],
])(
  'at its time limit a watch of a request that waits for %s',
  async (_what, status, code, next) => {
    const { exitCode, text } = await watched(status)
    expect(exitCode).toBe(code)
    expect(text).toContain(next)
    expect(text).toContain(code === 3 ? 'waits for a person' : 'the request goes on')
  },
)
