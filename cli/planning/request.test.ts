import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { parsePlan, planFile, readRequest } from './request.ts'
import type { GivenPlan } from '../../core/api/devrequest.ts'
import { CliError } from '../failure.ts'

async function fileWith(text: string, name = 'request.yaml'): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'guild-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, name), text)
  return join(folder, name)
}
const manifest = (spec: string, name = 'hello') =>
  `# about\n---\napiVersion: guildhall.dev/v1alpha1\nkind: DevRequest\nmetadata: {name: ${name}}\nspec: ${spec}\n`
const unit = '{name: one, goal: make one, files: [src/one.js], doneWhen: it works}'

test('a text is named after its words, the same every time', async () => {
  const text = 'Write a function that greets people, with tests'
  const { name, spec } = await readRequest({ request: text }, '.')
  expect(name).toBe('write-function-greets')
  expect(spec).toMatchObject({ request: text, priority: 'normal', limits: { maxTasks: 30 } })
})

test('a DevRequest in a file is taken whole', async () => {
  const file = await fileWith(
    manifest(`{request: x, priority: high, limits: {maxTasks: 5}, plan: {units: [${unit}]}}`),
  )
  const { name, spec } = await readRequest({ file }, '/')
  expect(name).toBe('hello')
  expect(spec).toMatchObject({
    request: 'x',
    priority: 'high',
    limits: { maxTasks: 5, maxParallel: 10 },
    plan: { units: [{ name: 'one' }] },
  })
})

test.each([
  ['request.txt', '# Title\n\nWrite slugify.\n'],
  ['request.md', 'Write a reader of manifests such as\n\nkind: DevRequest\n'],
])('%s holds plain text', async (name, text) => {
  const { spec } = await readRequest({ file: await fileWith(text, name) }, '/')
  expect(spec.request).toBe(text.trim())
})

test('a manifest is known by its first line, whatever the file is called', async () => {
  const file = await fileWith(manifest('{request: x}'), 'request.txt')
  expect((await readRequest({ file }, '/')).name).toBe('hello')
})

test.each([
  ['nothing to plan', {}, /needs either --request or --file/],
  ['both', { request: 'x', file: 'y' }, /only one of --request, --file/],
  ['a blank request', { request: ' \n' }, /^--request is empty: say what/],
  [
    'a request that is too long',
    { request: 'x'.repeat(16_385) },
    /spec.request: has more than 16384 characters/,
  ],
  ['a file that is not there', { file: 'no/such.yaml' }, /no\/such.yaml cannot be read/],
])('%s is a mistake of usage', async (_, flags, want) => {
  await expect(readRequest(flags, '/')).rejects.toThrow(want)
  await expect(readRequest(flags, '/')).rejects.toMatchObject({ exitCode: 2 })
})

test.each([
  ['two requests', manifest('{request: x}') + manifest('{request: y}', 'b'), /holds 2 DevRequests/],
  ['an empty file', '# nothing\n', /holds 0 DevRequests/],
  [
    'a limit out of bounds',
    manifest('{request: x, limits: {maxTasks: 0}}'),
    /spec.limits.maxTasks/,
  ],
  ['no request', manifest('{priority: high}'), /^spec.request of .* is empty: say what/],
  ['an unknown priority', manifest('{request: x, priority: soon}'), /spec.priority: /],
  ['a name that no object can have', manifest('{request: x}', 'A.b'), /metadata.name: /],
  [
    'one unit twice',
    manifest(`{request: x, plan: {units: [${unit}, ${unit}]}}`),
    /spec.plan.units: two are called one/,
  ],
])('%s in a file is said with its field', async (_, text, want) => {
  const file = await fileWith(text)
  await expect(readRequest({ file }, '/')).rejects.toThrow(want)
  await expect(readRequest({ file }, '/')).rejects.toMatchObject({ exitCode: 2 })
})

const cart = {
  name: 'cart',
  goal: 'A cart: it adds up',
  files: ['src/cart.js'],
  doneWhen: 'It "adds".',
}

test('what is written for a person is read again, word for word', () => {
  const plan: GivenPlan = { units: [cart, { ...cart, name: 'shop', after: ['cart'] }] }
  const text = planFile(plan, ['The plan of shop.'])
  expect(text).toMatch(/^# The plan of shop\.\n/)
  expect(parsePlan(text, 'plan.yaml')).toEqual(plan)
})

test.each([
  ['nothing', '', 'plan.yaml holds no plan: it is empty'],
  ['no YAML', 'units: [', 'plan.yaml is not valid YAML: line 1, column '],
  ['no units', 'units: []', 'plan.yaml holds no plan: units: '],
  ['a unit without a goal', 'units: [{name: a, files: [], doneWhen: x}]', 'units.0.goal: '],
  [
    'a misspelt field',
    `units: [${JSON.stringify({ ...cart, don: 'x' })}]`,
    'units.0: has the field don, which is not known',
  ],
  [
    'a path outside',
    `units: [${JSON.stringify({ ...cart, files: ['../x'] })}]`,
    'units.0.files.0: ',
  ],
  [
    'two of one name',
    `units: [${JSON.stringify(cart)}, ${JSON.stringify(cart)}]`,
    'two are called cart',
  ],
])('%s is refused with the field that is wrong', (_, text, want) => {
  expect(() => parsePlan(text, 'plan.yaml')).toThrow(want)
  expect(() => parsePlan(text, 'plan.yaml')).toThrow(CliError)
})
