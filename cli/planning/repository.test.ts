import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { openRepository, openTemplate } from './repository.ts'

const { signal } = new AbortController()
const run = promisify(execFile)

async function folderWith(files: Readonly<Record<string, string | Buffer>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'guild-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(folder, dirname(path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  return folder
}

async function pathsOf(folder: string): Promise<readonly string[]> {
  const { files } = await (await openRepository(folder, { signal })).readTree({ signal })
  return files.map((file) => file.path)
}

test('of a checkout it lists what is tracked and what is new, and not what is ignored or gone', async () => {
  const folder = await folderWith({
    '.gitignore': 'dist/\n',
    'src/old.js': 'old',
    'src/gone.js': 'gone',
    'dist/out.js': 'out',
  })
  await run('git', ['init', '-q'], { cwd: folder })
  await run('git', ['add', '.'], { cwd: folder })
  await writeFile(join(folder, 'new.js'), 'new')
  await rm(join(folder, 'src/gone.js'))
  expect(await pathsOf(folder)).toEqual(['.gitignore', 'new.js', 'src/old.js'])
  expect(await pathsOf(join(folder, 'src'))).toEqual(['old.js'])
  // Named outright, so meant, although the checkout around it ignores it.
  expect(await pathsOf(join(folder, 'dist'))).toEqual(['out.js'])
})

test('elsewhere it walks, and leaves packages and caches alone', async () => {
  const folder = await folderWith({
    'b.js': '',
    'a/c.js': '',
    'node_modules/x/index.js': '',
    'a/__pycache__/c.pyc': '',
  })
  expect(await pathsOf(folder)).toEqual(['a/c.js', 'b.js'])
})

test('no symbolic link is followed, neither to a file nor to a folder', async () => {
  const outside = await folderWith({ 'secret.js': 'secret' })
  const folder = await folderWith({ 'a.js': 'a' })
  await symlink(outside, join(folder, 'folder'))
  await symlink(join(outside, 'secret.js'), join(folder, 'link.js'))
  expect(await pathsOf(folder)).toEqual(['a.js'])
  const reader = await openRepository(folder, { signal })
  expect(await reader.readFile('link.js', { signal })).toBe('')
  await run('git', ['init', '-q'], { cwd: folder })
  expect(await pathsOf(folder)).toEqual(['a.js'])
})

test('a file that is huge or no text reads as empty', async () => {
  const folder = await folderWith({
    'text.js': 'export const a = 1\n',
    'huge.js': 'x'.repeat(256 * 1024 + 1),
    'binary.js': Buffer.from([0x65, 0, 0x66]),
  })
  const reader = await openRepository(folder, { signal })
  const texts = ['text.js', 'huge.js', 'binary.js'].map((path) => reader.readFile(path, { signal }))
  expect(await Promise.all(texts)).toEqual(['export const a = 1\n', '', ''])
})

test('more than 2,000 files are cut, and it says so', async () => {
  const names = Array.from({ length: 2001 }, (_, at) => `f${String(at).padStart(4, '0')}.js`)
  const folder = await folderWith(Object.fromEntries(names.map((name) => [name, ''])))
  const { files, truncated } = await (await openRepository(folder, { signal })).readTree({ signal })
  expect([files.length, files.at(-1)?.path, truncated]).toEqual([2000, 'f1999.js', true])
})

test.each([
  ['missing', /^there is no directory .*missing$/],
  ['a.js', /^this is not a directory: .*a\.js$/],
])('%s is a mistake of usage', async (name, want) => {
  const folder = await folderWith({ 'a.js': '' })
  const opened = openRepository(join(folder, name), { signal })
  await expect(opened).rejects.toThrow(want)
  await expect(opened).rejects.toMatchObject({ exitCode: 2 })
})

test('a template is read as the forge would start it', async () => {
  const reader = await openTemplate('node', 'hello')
  const { files } = await reader.readTree({ signal })
  expect(files.map((file) => file.path)).toEqual(['.gitignore', 'README.md', 'package.json'])
  expect(await reader.readFile('package.json', { signal })).toContain('"name": "hello"')
  expect(await reader.readFile('README.md', { signal })).toContain('# hello')
})
