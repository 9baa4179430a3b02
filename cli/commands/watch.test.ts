import { expect, test } from 'vitest'
import type { DevRequest, DevRequestStatus } from '../../core/api/devrequest.ts'
import type { KubeClient } from '../../core/kube/client.ts'
import { KubeError } from '../../core/kube/errors.ts'
import { condition, exampleRequest } from '../../test/support/example-objects.ts'
import { streamedApi } from '../../test/support/streamed-api.ts'
import { processTerminal } from '../terminal.ts'
import { watchRequest } from './watch.ts'

/** Watches a request of this status for a moment; nothing happens to it. */
async function watched(
  status: DevRequestStatus,
  { get = nobody, request = exampleRequest(status) }: Partial<Seen> = {},
) {
  const { client } = streamedApi({ devrequests: [request] })
  const lines: string[] = []
  const { exitCode } = await watchRequest({
    connection: {
      client: { ...client, get } as unknown as KubeClient,
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

interface Seen {
  readonly get: () => Promise<never>
  readonly request: DevRequest
}
const nobody = () => Promise.reject(new Error('may not be read'))
/** There is no Lease of an operator. */
const noLease = () =>
  Promise.reject(new KubeError({ status: 404, reason: 'NotFound', message: '"x" not found' }))

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

test.each<[string, DevRequestStatus]>([
  ['was never looked at', {}],
  ['runs', { conditions: [running] }],
  ['waits for a model', { waitingReason: 'Model', waitingFor: 'the model' }],
  ['is suspended', { waitingReason: 'Resume', waitingFor: 'spec.suspend=false' }],
])(
  'where no operator works, the last words say that, and not that it goes on: a request that %s',
  async (_, status) => {
    const { exitCode, text } = await watched(status, { get: noLease })
    const last = text.slice(text.indexOf('the time is over'))
    expect(exitCode).toBe(3)
    expect(last).toMatch(/waits for a person: no operator works in the namespace guildhall/)
    expect(last).toMatch(/next: helm upgrade --install guildhall .* -n guildhall/)
    expect(last).not.toMatch(/goes on/)
  },
)

const changed = (suspend: boolean, status: DevRequestStatus): DevRequest => {
  const request = exampleRequest({ ...status, observedGeneration: 1 })
  const { metadata, spec } = request
  return { ...request, metadata: { ...metadata, generation: 2 }, spec: { ...spec, suspend } }
}

test.each<[string, DevRequest, number, RegExp]>([
  [
    'suspended and not looked at since',
    changed(true, { conditions: [running, condition('Planned', 'True', 'Planned', '')] }),
    3,
    /next: guild resume hello/,
  ],
  [
    'resumed and not looked at since',
    changed(false, { waitingReason: 'Resume', waitingFor: 'spec.suspend=false' }),
    124,
    /next: guild watch hello/,
  ],
])('a request that was %s is told by its spec', async (_, request, code, next) => {
  const { exitCode, text } = await watched({}, { request })
  expect(exitCode).toBe(code)
  expect(text).toMatch(next)
})

test('nobody is said to work with a model that is not there', async () => {
  const missing = condition('Stalled', 'True', 'ModelMissing', 'spec.model gpt9 is not set up')
  const request = exampleRequest({
    model: 'gpt9',
    conditions: [missing],
    waitingReason: 'Correction',
  })
  const { exitCode, text } = await watched({}, { request })
  expect(text).not.toMatch(/works with the model/)
  expect(exitCode).toBe(3)
  expect((await watched({ model: 'coder:7b', conditions: [running] })).text).toMatch(
    /hello works with the model coder:7b/,
  )
})
