import { describe, expect, test } from 'vitest'
import { titleOf } from './document.ts'

const titled = (path: string, files: Readonly<Record<string, string>>): Promise<string> =>
  titleOf(path, 'app', (name) => Promise.resolve(files[name]))

describe('a new README is called as the project calls itself', () => {
  test.each<[string, Record<string, string>, string]>([
    ['by package.json', { 'package.json': '{"name": "shop"}' }, 'shop'],
    ['by a name with a scope', { 'package.json': '{"name": "@a/b"}' }, '@a/b'],
    ['by package.json with a byte order mark', { 'package.json': '\uFEFF{"name":"shop"}' }, 'shop'],
    [
      'by pyproject.toml, and not by another table of it',
      {
        'pyproject.toml':
          '[tool.x]\nname = "no"\n\n[project] # ours\nversion = "1"\nname = \'py-shop\'\n[project.urls]\nname = "no"\n',
      },
      'py-shop',
    ],
    ['by Poetry', { 'pyproject.toml': '[tool.poetry]\r\nname = "poet"\r\n' }, 'poet'],
    [
      'by setup.cfg',
      { 'setup.cfg': '[options]\nname = no\n[metadata]\nname = cfg_shop\nversion = 1\n' },
      'cfg_shop',
    ],
    [
      'by setup.py',
      {
        'setup.py':
          "from setuptools import setup\nsetup(\n    version='1',\n    name='old-shop',\n)\n",
      },
      'old-shop',
    ],
    [
      'by Python where package.json has no name',
      { 'package.json': '{"private": true}', 'pyproject.toml': '[project]\nname = "py"\n' },
      'py',
    ],
  ])('%s', async (_, files, want) => {
    expect(await titled('README.md', files)).toBe(want)
  })

  test.each<[string, Record<string, string>]>([
    ['no manifest', {}],
    ['a manifest without a name', { 'package.json': '{}' }],
    ['a manifest that is broken', { 'package.json': '{"name": "shop"' }],
    ['a name that is no text', { 'package.json': '{"name": ["shop"]}' }],
    ['a name that is Markdown', { 'package.json': '{"name": "<b>[x](y)"}' }],
    ['a name that is computed', { 'setup.py': 'setup(name=NAME)' }],
    ['the name of a package elsewhere', { 'web/package.json': '{"name": "web"}' }],
  ])('and as the repository with %s', async (_, files) => {
    expect(await titled('README.md', files)).toBe('app')
  })

  test('deeper down as the package there, or as the folder', async () => {
    const files = { 'package.json': '{"name": "all"}', 'web/package.json': '{"name": "@a/web"}' }
    expect(await titled('web/README.md', files)).toBe('@a/web')
    expect(await titled('docs/readme.md', files)).toBe('docs')
  })

  test('other documents are called as their files', async () => {
    expect(await titled('docs/usage.md', { 'package.json': '{"name": "shop"}' })).toBe('usage')
  })
})
