import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { KubeError } from '../../core/kube/errors.ts'
import type { Connection } from '../cluster/connection.ts'
import { examplePlan, exampleRequest } from '../../test/support/example-objects.ts'
import type { Terminal } from '../terminal.ts'
import { showLogs, type LogsOptions } from './logs.ts'

/**
 * `guild logs` on a cluster with the request `hello` and a log of two lines about one of its tasks.
 */
async function logs(flags: Partial<LogsOptions>) {
  const said = { out: '', err: '' }
  const client = {
    get: async ({ plural }: { readonly plural: string }, { name }: { readonly name: string }) => {
      if (plural === 'namespaces') return { metadata: { name } }
      if (name === 'hello') return exampleRequest({ plan: examplePlan })
      throw new KubeError({ status: 404, reason: 'NotFound', message: 'no' })
    },
    list: async ({ plural }: { readonly plural: string }) => ({
      items:
        plural === 'pods'
          ? [{ metadata: { name: 'operator', uid: 'u' }, status: { phase: 'Running' } }]
          : [],
    }),
    rawStream: async () =>
      Readable.from([
        Buffer.from('{"level":30,"msg":"first","request":"hello","task":"hello-code-greet"}\n'),
        Buffer.from('{"level":30,"msg":"second","request":"hello","task":"hello-code-greet"}\n'),
      ]),
  }
  const terminal = {
    out: (text: string) => void (said.out += text),
    err: (text: string) => void (said.err += text),
    next: (command: string) => void (said.err += `next: ${command}\n`),
    screen: false,
    style: () => ({ color: false, ascii: false }),
  }
  const { signal } = new AbortController()
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it answers what `guild logs` asks
  const connection = { client, namespace: 'guildhall', flags: {} } as unknown as Connection
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it is written to, and not drawn on
  await showLogs({ connection, terminal: terminal as unknown as Terminal, signal, ...flags })
  return said
}

test.each([
  [
    'a request that is not there',
    { name: 'nosuch' },
    /there is no DevRequest nosuch in the namespace guildhall/,
  ],
  [
    'a task that is not there',
    { name: 'hello', task: 'nosuch' },
    /hello has no task nosuch; it has: branch/,
  ],
])('%s is told, not passed over in silence', async (_, flags, want) => {
  await expect(logs(flags)).rejects.toThrow(want)
})

test.each([
  [
    'a task',
    { name: 'hello', task: 'branch' },
    'the log of the operator has no line about the request hello and the task hello-branch\nnext: guild tree hello\n',
  ],
  [
    'an agent',
    { agent: 'coding-9' },
    'the log of the operator has no line about the agent coding-9\nnext: guild list\n',
  ],
])('%s without lines is told, not passed over in silence', async (_, flags, want) => {
  expect(await logs(flags)).toEqual({ out: '', err: want })
})

test.each(['hello-code-greet', 'code-greet', 'greet/code'])(
  'the lines of %s are found',
  async (task) => {
    const { out, err } = await logs({ name: 'hello', task })
    expect(out).toMatch(/first[^]*second/)
    expect(err).toBe('')
  },
)
