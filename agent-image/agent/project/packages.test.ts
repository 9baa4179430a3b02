import { expect, test } from 'vitest'
import { dependsOn, linkedPackages, pythonManifests, wordsOfManifests } from './packages.ts'

const project = (...texts: readonly string[]) => ({
  packages: [{ dependencies: ['express', '@scope/case'] }],
  linked: new Map([['@shop/text', 'packages/text']]),
  pythonWords: wordsOfManifests(texts),
})

test.each([
  ['express', true],
  ['@scope/case', true],
  ['expres', false],
  ['@shop/text', true],
  ['@shop/other', false],
  ['@/low', true],
  ['~/low', true],
  ['Express', false],
])('a package of package.json: %s %s', (name, want) => {
  expect(dependsOn(project(), name)).toBe(want)
})

test.each([
  ['Flask>=2,<3', 'flask', true],
  ['python-dateutil', 'dateutil', true],
  ['"ruamel.yaml~=0.18",', 'ruamel_yaml', true],
  ['typing-extensions = "^4"', 'typing_extensions', true],
  ['PyYAML==6', 'yaml', true],
  ['    - scikit-learn', 'sklearn', true],
  ['python-slugify', 'slugify', true],
  ['pyserial', 'serial', true],
  ['opencv-python', 'opencv', true],
  ['# flask', 'flask', false],
  ['requests  # not flask', 'flask', false],
  ['flasky', 'flask', false],
])('a package of Python: %s gives %s: %s', (line, module, want) => {
  expect(dependsOn(project(`name\n${line}\n`), module)).toBe(want)
})

test('files that name packages of Python', () => {
  const some = [
    'requirements.txt',
    'requirements-dev.txt',
    'dev-requirements.in',
    'requirements/test.txt',
  ]
  const others = ['pyproject.toml', 'setup.py', 'setup.cfg', 'Pipfile', 'environment.yml']
  const none = ['src/setup.py', 'docs/requirements.txt', 'notes.txt', 'requirements.txt.bak']
  expect(pythonManifests([...some, ...others, ...none])).toEqual([...some, ...others])
})

const b = { folder: 'packages/b', value: { name: '@x/b' } }
const c = { folder: 'tools/deep/c', value: { name: 'c' } }
const root = (value: Record<string, unknown>) => ({ folder: '', value: { name: 'root', ...value } })

test.each<[string, Record<string, unknown>, Record<string, string>, readonly string[]]>([
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
