import { expect, it } from 'vitest'
import { dependsOn, pythonManifests, wordsOfManifests } from './dependencies.ts'

const project = (...texts: readonly string[]) => ({
  packages: [{ dependencies: ['express', '@scope/case'] }],
  linked: new Map([['@shop/text', 'packages/text']]),
  pythonWords: wordsOfManifests(texts),
})

it.each([
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

it.each([
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

it('files that name packages of Python', () => {
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
