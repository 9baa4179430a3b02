// Kind: a namespace that does not exist is named as that, with those that have Guildhall; nobody is
// sent to install it there.
import { expect, test } from 'vitest'
import { KubeError } from '../../core/kube/errors.ts'
import { type Manifest, createRequest } from '../commands/submit.ts'
import { type ClusterReader, noSuchRequest, resolveName, taskMeant } from './requests.ts'
import { condition, examplePlan, exampleRequest } from '../../test/support/example-objects.ts'

const { signal } = new AbortController()
const lost = (message: string, status = 404): KubeError =>
  new KubeError({ status, reason: 'NotFound', message })

/** A cluster whose operators are in `homes`, and that has no other namespace. */
function cluster(homes: readonly string[] | 'forbidden') {
  const client = {
    create: async (_: unknown, { metadata }: Manifest) => {
      throw lost(`POST x: namespaces "${metadata.namespace ?? ''}" not found`)
    },
    get: async (_: unknown, { name }: { readonly name: string }) => {
      throw lost(`${name} not found`)
    },
    list: async ({ plural }: { readonly plural: string }) => {
      if (homes === 'forbidden') throw lost('no', 403)
      const items = homes.map((namespace) => ({ metadata: { name: 'x', namespace } }))
      return { items: plural === 'leases' ? items : [], resourceVersion: '1' }
    },
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it answers as much as is asked
  return client as unknown as ClusterReader & Parameters<typeof createRequest>[0]['client']
}
const manifest: Manifest = {
  apiVersion: 'guildhall.dev/v1alpha1',
  kind: 'DevRequest',
  metadata: { name: 'hi' },
  spec: {},
}

test.each([
  [['guildhall'], /^there is no namespace nope; Guildhall is installed in guildhall$/, 'guildhall'],
  [['team-b', 'team-a'], /installed in team-a, team-b$/, 'team-a'],
] as const)('with operators in %j', async (homes, want, home) => {
  const client = cluster(homes)
  const made = createRequest({ client, namespace: 'nope', manifest, signal })
  await expect(made).rejects.toThrow(want)
  await expect(made).rejects.toMatchObject({ next: `guild submit … -n ${home}` })
  const where = { client, namespace: 'nope', signal }
  const error = await noSuchRequest(where, 'hi')
  expect(error).toMatchObject({ next: `guild list -n ${home}` })
  expect(error.message).toMatch(want)
  await expect(resolveName(where, '@latest')).rejects.toThrow(want)
})

test.each([[[]], ['forbidden' as const]])('with operators %j that can be seen', async (homes) => {
  const made = createRequest({ client: cluster(homes), namespace: 'nope', manifest, signal })
  await expect(made).rejects.toThrow(/^there is no namespace nope, and none in this cluster/)
  await expect(made).rejects.toMatchObject({
    next: expect.stringMatching(/^helm upgrade .* -n nope --create-namespace/) as string,
  })
})

const snapshot = { request: exampleRequest({ plan: examplePlan }), tasks: [], agents: [] }

test.each([
  ['hello-code-greet', 'hello-code-greet'],
  ['code-greet', 'hello-code-greet'],
  ['greet/code', 'hello-code-greet'],
  ['greet / code', 'hello-code-greet'],
  ['code greet', 'hello-code-greet'],
  ['spec parse', 'hello-spec-parse'],
  ['parse/spec', 'hello-spec-parse'],
  ['branch', 'hello-branch'],
  ['hello-finish', 'hello-finish'],
  ['finish ', 'hello-finish'],
])('a task that is called %s, as some view of it shows it, is %s', (typed, want) => {
  expect(taskMeant(snapshot, typed)).toBe(want)
})

test('a task that is not there is told with those that are', () => {
  expect(() => taskMeant(snapshot, 'greet')).toThrow(
    'hello has no task greet; it has: branch, greet/spec, greet/code, parse/spec, finish',
  )
  const early = {
    ...snapshot,
    request: exampleRequest({ conditions: [condition('Planned', 'Unknown', 'x')] }),
  }
  expect(() => taskMeant(early, 'code')).toThrow('hello has no tasks yet, and so no code')
})
