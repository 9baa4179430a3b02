import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { writeImageArchive } from './system-images.ts'
import { parseImageList, qualifiedName, readArchive } from './images.ts'

describe('qualifiedName', () => {
  test.each([
    ['alpine:3', 'docker.io/library/alpine:3'],
    ['guildhall/operator:dev', 'docker.io/guildhall/operator:dev'],
    ['localhost/guildhall/pause:1', 'localhost/guildhall/pause:1'],
    ['example.org/a/b:1', 'example.org/a/b:1'],
    ['registry:5000/a:1', 'registry:5000/a:1'],
  ])('%s is %s', (name, want) => {
    expect(qualifiedName(name)).toBe(want)
  })
})

describe('parseImageList', () => {
  test('finds the configuration of each name by the manifest that both point to', () => {
    const table = [
      'REF                   TYPE       DIGEST      SIZE    PLATFORMS   LABELS',
      'docker.io/a/b:1       docker/v2  sha256:m1   1 MiB   linux/amd64 managed',
      'sha256:c1             docker/v2  sha256:m1   1 MiB   linux/amd64 managed',
      'localhost/lonely:1    docker/v2  sha256:m2   1 MiB   linux/amd64 -',
    ].join('\n')
    expect(Object.fromEntries(parseImageList(table))).toEqual({
      'docker.io/a/b:1': 'sha256:c1',
      'localhost/lonely:1': '',
    })
  })
})

// Archives are written with options that only GNU tar has; the native cluster, which needs them, is Linux only too.
describe.runIf(process.platform === 'linux')('an image archive (Linux only)', () => {
  let directory = ''
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'guildhall-image-'))
  })
  afterEach(async () => {
    await rm(directory, { recursive: true })
  })

  test('says what it holds, and the same again for the same files', async () => {
    const first = await write('first.tar', 'hello')
    const again = await write('again.tar', 'hello')
    const changed = await write('changed.tar', 'hello, world')
    const [held] = await readArchive(first)
    expect(held?.name).toBe('docker.io/test/tiny:1')
    expect(await readArchive(again)).toEqual([held])
    expect(await readArchive(changed)).not.toEqual([held])
  })

  test('is refused when it is none', async () => {
    const path = join(directory, 'text.tar')
    await writeFile(path, 'no archive')
    await expect(readArchive(path)).rejects.toThrow('is not an image archive')
  })

  async function write(name: string, content: string): Promise<string> {
    const program = join(directory, 'program')
    await writeFile(program, content)
    const path = join(directory, name)
    const files = { '/program': program }
    await writeImageArchive({ name: 'test/tiny:1', files, entrypoint: ['/program'] }, path)
    return path
  }
})
