import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { fromTemplate, heldTask, startForge } from '../test/support/forge/forge.ts'
import { directoriesUnder, recover } from './forge.ts'

// Real git; the machine may be busy.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

let data = ''
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'guildhall-data-'))
})
afterEach(() => rm(data, { recursive: true, force: true }))

test('an empty volume gets its directories', async () => {
  expect(await recover(directoriesUnder(data))).toEqual([])
  expect((await readdir(data)).toSorted()).toEqual(['home', 'repositories', 'staging'])
})

test('what a killed forge left is cleared away, and work goes on', async () => {
  const first = await startForge({ data })
  await first.call('PUT', '/api/repositories/shop', 'operator', fromTemplate('node'))
  const before = await first.refs('shop')
  await first.stop()
  const shop = join(data, 'repositories', 'shop.git')
  const files = [
    'refs/heads/guild/r1.lock',
    'refs/heads/guild-task/r1-code/1.lock',
    'packed-refs.lock',
    'HEAD.lock',
    'gc.pid',
    'objects/pack/tmp_pack_abc',
    'objects/tmp_objdir-incoming-abc/pack/x',
  ]
  for (const file of files) {
    await mkdir(join(shop, file, '..'), { recursive: true })
    await writeFile(join(shop, file), '')
  }
  await mkdir(join(data, 'staging', 'half-made'), { recursive: true })

  const second = await startForge({ data })
  try {
    expect(await second.refs('shop')).toEqual(before)
    expect(await readdir(join(data, 'staging'))).toEqual([])
    expect(await recover(directoriesUnder(data))).toEqual([])
    second.tasks.set('r1-code', heldTask('r1-code'))
    const work = await second.clone('shop', 'agent-1', '--branch', 'guild/r1')
    const commit = await second.commit(work, { 'a.txt': 'a' })
    const ref = 'refs/heads/guild-task/r1-code/1'
    const push = await second.git(work, 'agent-1', 'push', 'origin', `HEAD:${ref}`)
    expect(push.exitCode, push.output).toBe(0)
    const merged = await second.call('POST', '/api/repositories/shop/integrate', 'operator', {
      into: 'guild/r1',
      from: 'guild-task/r1-code/1',
      commit,
      task: { action: 'code', files: ['a.txt'] },
      subject: 's',
      trailers: [],
    })
    expect(merged.body).toMatchObject({ outcome: 'merged' })
  } finally {
    await second.stop()
  }
})
