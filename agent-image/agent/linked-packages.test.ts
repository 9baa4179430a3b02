import { expect, it } from 'vitest'
import { linkedPackages } from './linked-packages.ts'

const b = { folder: 'packages/b', value: { name: '@x/b' } }
const c = { folder: 'tools/deep/c', value: { name: 'c' } }
const root = (value: Record<string, unknown>) => ({ folder: '', value: { name: 'root', ...value } })

it.each<[string, Record<string, unknown>, Record<string, string>, readonly string[]]>([
  ['npm', { workspaces: ['packages/*'] }, {}, ['@x/b']],
  [
    'npm with the folders themselves',
    { workspaces: ['packages/b/', './tools/deep/c'] },
    {},
    ['@x/b', 'c'],
  ],
  ['yarn', { workspaces: { packages: ['packages/**', '!packages/b'] } }, {}, ['@x/b']],
  [
    'pnpm',
    {},
    { 'pnpm-workspace.yaml': "packages:\n  - 'packages/*'\n  - tools/**\n" },
    ['@x/b', 'c'],
  ],
  ['lerna', {}, { 'lerna.json': '{"packages":["tools/*/*"]}' }, ['c']],
  ['a path', { dependencies: { c: 'file:./tools/deep/c' } }, {}, ['c']],
  ['nothing', { dependencies: { '@x/b': '1' } }, {}, []],
  [
    'what cannot be read',
    { workspaces: 7 },
    { 'pnpm-workspace.yaml': 'a: [', 'lerna.json': '[]' },
    [],
  ],
])('finds what %s links', (_what, value, texts, want) => {
  const linked = linkedPackages([c, b, root(value)], new Map(Object.entries(texts)))
  expect([...linked.keys()].toSorted()).toEqual(want)
  for (const [name, folder] of linked)
    expect({ '@x/b': 'packages/b', c: 'tools/deep/c' }).toHaveProperty([name], folder)
})
