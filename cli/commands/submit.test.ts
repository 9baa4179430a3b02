import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { devRequests } from '../../core/api/kinds.ts'
import { KubeError } from '../../core/kube/errors.ts'
import { start } from '../../test/support/simulated-server.ts'
import { readRequest } from '../planning/request.ts'
import type { Connection } from '../cluster/connection.ts'
import { CliError } from '../failure.ts'
import type { Terminal } from '../terminal.ts'
import {
  createRequest,
  manifestFor,
  manifestsIn,
  manifestsOf,
  nameFor,
  refuseFieldsOf,
  submit,
  type Manifest,
} from './submit.ts'

const random = { next: () => 0.5, uuid: () => '' }

test.each([
  ['Write a function that greets people, with tests', 'write-function-greets-i00'],
  ['Ein Größenvergleich', 'ein-gr-envergleich-i00'],
  ['!!!', 'request-i00'],
  ['internationalisation of everything everywhere', 'internationalisation-eve-i00'],
])('"%s" is named %s', (text, want) => {
  expect(nameFor(text, random)).toBe(want)
})

test('flags become fields, and what was not said is left to the API server', () => {
  const flags = { name: 'login', repo: 'shop', ref: 'main', priority: 'high', planOnly: true }
  expect(manifestFor('add a login', flags, random)).toEqual({
    apiVersion: 'guildhall.dev/v1alpha1',
    kind: 'DevRequest',
    metadata: { name: 'login' },
    spec: {
      request: 'add a login',
      priority: 'high',
      source: { repository: { name: 'shop', ref: 'main' } },
      planOnly: true,
    },
  })
  expect(manifestFor('x', { name: 'x' }, random).spec).toEqual({ request: 'x' })
})

test.each([{ template: 'node', repo: 'a' }, { ref: 'main' }])(
  'contradicting flags %o are a mistake of usage',
  (flags) => {
    const make = () => manifestFor('x', flags, random)
    expect(make).toThrow(CliError)
    expect(make).toThrow(/give only one of|--ref needs/)
  },
)

test('a plan of their own and a pause become fields, too', () => {
  const plan = { units: [{ name: 'a', goal: 'g', files: [], doneWhen: 'w' }] }
  const { spec } = manifestFor('x', { name: 'x', suspend: true }, random, plan)
  expect(spec).toEqual({ request: 'x', plan, suspend: true })
})

test.each([
  [{ planOnly: true }, '--plan-only goes with a text'],
  [{ plan: 'plan.yaml' }, '--plan goes with a text'],
])('%o beside a file is refused, not passed over', (flags, want) => {
  expect(() => refuseFieldsOf(flags)).toThrow(want)
  expect(() => refuseFieldsOf({})).not.toThrow()
})

async function fileWith(text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'guild-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'request.yaml')
  await writeFile(file, text)
  return file
}

const yaml = (name: string) =>
  `apiVersion: guildhall.dev/v1alpha1\nkind: DevRequest\nmetadata: {name: ${name}}\nspec: {request: x}\n`

test('a file may hold several requests', async () => {
  const manifests = await manifestsOf(await fileWith(`${yaml('a')}---\n${yaml('b')}---\n`))
  expect(manifests.map(({ metadata }) => metadata.name)).toEqual(['a', 'b'])
})

test.each([
  [
    'another kind',
    `${yaml('a')}---\n${yaml('b').replace('DevRequest', 'Pod')}`,
    /document 2 of .* kind/,
  ],
  ['broken YAML', 'a: [', /request\.yaml is not valid YAML: line 1, column \d+: /],
])('%s in a file is named', async (_, text, want) => {
  await expect(manifestsOf(await fileWith(text))).rejects.toThrow(want)
})

test('a file that is not there is a mistake of usage', async () => {
  await expect(manifestsOf('no/such.yaml')).rejects.toMatchObject({ exitCode: 2 })
})

const manifest: Manifest = {
  apiVersion: 'guildhall.dev/v1alpha1',
  kind: 'DevRequest',
  metadata: { name: 'hello' },
  spec: {},
}

test.each([
  [409, 'AlreadyExists', 1, /there is a DevRequest hello in guildhall already/],
  [422, 'Invalid', 2, /spec.source: spec.source needs exactly one of/],
  [404, 'NotFound', 1, /this cluster knows no DevRequest: Guildhall is not installed in it/],
])('a refusal with %i is said in one sentence', async (status, reason, exitCode, message) => {
  const causes = [{ field: 'spec.source', message: 'spec.source needs exactly one of' }]
  const client = {
    create: () => Promise.reject(new KubeError({ status, reason, message: 'no', causes })),
    list: () => Promise.reject(new Error('nothing is to be listed')),
  }
  const made = createRequest({
    client,
    manifest,
    namespace: 'guildhall',
    signal: new AbortController().signal,
  })
  await expect(made).rejects.toMatchObject({ exitCode })
  await expect(made).rejects.toThrow(message)
})

test.each(['My_Name', 'a.b', 'Größe', '-a', 'a'.repeat(64)])(
  'the name %s is refused in words, not in a pattern',
  async (name) => {
    const create = () => Promise.reject(new Error('nothing is to be sent'))
    const manifest = manifestFor('x', { name }, random)
    const { signal } = new AbortController()
    const made = createRequest({
      client: { create, list: create },
      namespace: 'n',
      manifest,
      signal,
    })
    await expect(made).rejects.toThrow(/^a DevRequest cannot be called .*: a name has /)
  },
)

test.each(['', ' \n', '\t'])('a text without a word (%j) is refused', (text) => {
  expect(() => manifestFor(text, { name: 'x' }, random)).toThrow(/^the text is empty: say what/)
})

test.each([
  ['that the person named', undefined, 'team'],
  ['that the file names', 'shop', 'shop'],
])('what was made is named with the namespace %s', async (_, namespace, want) => {
  const written: string[] = []
  const manifest: Manifest = {
    apiVersion: 'guildhall.dev/v1alpha1',
    kind: 'DevRequest',
    metadata: { name: 'login', namespace },
    spec: { request: 'x' },
  }
  const client = { create: async (_place: unknown, draft: Manifest) => draft }
  const connection = { client, namespace: 'team', flags: {} } as unknown as Connection
  const terminal = { out: (text: string) => void written.push(text) } as unknown as Terminal
  const { signal } = new AbortController()
  const made = await submit({ connection, terminal, signal, manifests: [manifest] })
  expect(written).toEqual([`devrequest/login created in the namespace ${want}\n`])
  expect(made).toEqual([{ name: 'login', namespace: want }])
})

test.each<[string, object, RegExp]>([
  ['a field of the spec', { spec: { request: 'x', wat: 3 } }, /no field spec\.wat in/],
  ['a field deep in it', { spec: { request: 'x', limits: { foo: 1 } } }, /spec\.limits\.foo/],
  ['a field beside the spec', { spec: { request: 'x' }, sepc: {} }, /no field sepc in/],
  [
    'a field of a unit',
    { spec: { request: 'x', plan: { units: [{ gaol: 'y' }] } } },
    /units\[0\]\.gaol/,
  ],
])('%s that no DevRequest has is refused and named', async (_, part, want) => {
  const { client } = start()
  const [sent] = manifestsIn(JSON.stringify({ ...manifest, ...part }), 'f.json')
  if (sent === undefined) throw new Error('it is a manifest')
  const { signal } = new AbortController()
  const made = createRequest({ client, namespace: 'default', manifest: sent, signal })
  await expect(made).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringMatching(want) as string,
  })
  await expect(client.list(devRequests, { signal })).resolves.toMatchObject({ items: [] })
})

test.each(['wat: 3', 'limits: {foo: 1}', 'source: {template: {name: node, x: 1}}'])(
  'a field that no DevRequest has is not passed over by plan: %s',
  async (field) => {
    const file = await fileWith(
      `${yaml('a').replace('{request: x}', '')}  request: x\n  ${field}\n`,
    )
    await expect(readRequest({ file }, '/')).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(
        /spec\.(wat|limits\.foo|source\.template\.x): there is no/,
      ) as string,
    })
  },
)
