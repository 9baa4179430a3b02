import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../core/base/clock.ts'
import { createDiskGuard, whileThereIsRoom } from './disk.ts'
import {
  fromTemplate,
  heldTask,
  startForge,
  type ForgeFixture,
} from '../test/support/forge/forge.ts'
import { diskFull } from './problem.ts'

// Real git, many processes; the machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

const run = promisify(execFile)
const never = new AbortController().signal
const mebibyte = 1024 * 1024
const branch = 'guild-task/r1-code/1'
const own = `refs/heads/${branch}`

/** Whether this process may mount a file system of its own that can really be full. */
async function canMount(): Promise<boolean> {
  const directory = await mkdtemp(join(tmpdir(), 'guildhall-mount-'))
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory])
    await run('umount', [directory])
    return true
  } catch {
    return false
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
const mayMount = await canMount()
if (!mayMount) console.warn('a volume that is really full is not tested: mounting needs root')

describe('a reserve larger than the disk', () => {
  test('stops everything that writes, and nothing that reads', async () => {
    const fixture = await startForge()
    await fixture.call('PUT', '/api/repositories/shop', 'operator', fromTemplate('node'))
    fixture.tasks.set('r1-code', heldTask('r1-code'))
    const work = await fixture.clone('shop', 'agent-1', '--branch', 'guild/r1')
    const commit = await fixture.commit(work, { 'a.txt': 'a' })
    const before = await fixture.refs('shop')
    const data = fixture.data
    const full = await startForge({ data, reserveBytes: Number.MAX_SAFE_INTEGER })
    full.tasks.set('r1-code', heldTask('r1-code'))
    try {
      const made = await full.call('PUT', '/api/repositories/new', 'operator', fromTemplate('node'))
      expect(made).toMatchObject({ status: 507, body: { code: 'DiskFull' } })
      expect(made.body['message']).toContain('enlarge the PersistentVolumeClaim')
      const url = `${full.url}/shop.git`
      const push = await full.git(work, 'agent-1', 'push', url, `HEAD:${own}`)
      expect(push.output).toContain('507')
      // The greeting is refused; so is whoever skips it.
      const skipped = await fetch(`${url}/git-receive-pack`, {
        method: 'POST',
        headers: { authorization: 'Bearer agent-1' },
        body: pushHead(commit),
      })
      expect(await skipped.text()).toContain('The data volume of the forge is full')
      expect(await full.refs('shop')).toEqual(before)
      expect((await full.git(work, 'reader', 'fetch', url)).exitCode).toBe(0)
      expect((await full.call('GET', '/healthz', '')).status).toBe(200)
    } finally {
      await full.stop()
      await fixture.stop()
    }
  })
})

const pushHead = (commit: string) => {
  const line = `${'0'.repeat(40)} ${commit} ${own}\0report-status`
  return `${(line.length + 4).toString(16).padStart(4, '0')}${line}0000`
}

describe.runIf(mayMount)('a volume that is really full', () => {
  let fixture: ForgeFixture
  let volume = ''
  let work = ''
  beforeEach(async () => {
    volume = await mkdtemp(join(tmpdir(), 'guildhall-volume-'))
    await run('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', volume])
    fixture = await startForge({ data: volume, reserveBytes: mebibyte })
    await fixture.call('PUT', '/api/repositories/shop', 'operator', fromTemplate('node'))
    fixture.tasks.set('r1-code', heldTask('r1-code'))
    work = await fixture.clone('shop', 'agent-1', '--branch', 'guild/r1')
  })
  afterEach(async () => {
    await fixture.stop()
    await run('umount', [volume])
    await rm(volume, { recursive: true, force: true })
  })

  const push = () => fixture.git(work, 'agent-1', 'push', 'origin', `HEAD:${own}`)
  const isSound = async () => {
    const path = join(fixture.forge.root, 'shop.git')
    const { exitCode, output } = await fixture.git(path, '', 'fsck', '--strict', '--no-dangling')
    expect(exitCode, output).toBe(0)
    const objects = await readdir(join(path, 'objects'))
    expect(objects.filter((name) => name.startsWith('tmp_'))).toEqual([])
  }

  test('a push that would use up the reserve is refused, and the next one that fits gets in', async () => {
    await fixture.commit(work, { 'big.bin': randomBytes(7 * mebibyte) })
    const answer = await push()
    expect(answer.output).toContain('exceeds maximum allowed size')
    expect(await fixture.refs('shop')).not.toHaveProperty(own)
    await isSound()
    await fixture.git(work, '', 'reset', '--hard', 'origin/guild/r1')
    const commit = await fixture.commit(work, { 'small.bin': randomBytes(100_000) })
    expect((await push()).exitCode).toBe(0)
    expect((await fixture.refs('shop'))[own]).toBe(commit)
  })

  test('when the reserve is used up by others in the middle of a push, nothing is broken', async () => {
    const before = await fixture.refs('shop')
    // As if the space had gone after the forge had looked.
    vi.spyOn(fixture.forge.disk, 'room').mockResolvedValue(64 * mebibyte)
    const commit = await fixture.commit(work, { 'big.bin': randomBytes(9 * mebibyte) })
    const answer = await push()
    expect(answer.output).toMatch(/No space left on device/)
    expect(await fixture.refs('shop')).toEqual(before)
    await isSound()
    await run('mount', ['-o', 'remount,size=32m', volume])
    expect((await push()).exitCode).toBe(0)
    expect((await fixture.refs('shop'))[own]).toBe(commit)
  })

  test('making and merging say DiskFull, leave nothing, and work once there is room', async () => {
    const commit = await fixture.commit(work, { 'a.txt': 'a' })
    expect((await push()).exitCode).toBe(0)
    const before = await fixture.refs('shop')
    vi.spyOn(fixture.forge.disk, 'room').mockResolvedValue(64 * mebibyte)
    await writeFile(join(volume, 'filler'), randomBytes(9 * mebibyte)).catch(() => undefined)
    const make = () =>
      fixture.call('PUT', '/api/repositories/new', 'operator', fromTemplate('node'))
    const merge = () =>
      fixture.call('POST', '/api/repositories/shop/integrate', 'operator', {
        into: 'guild/r1',
        from: branch,
        commit,
        task: { action: 'code', files: ['a.txt'] },
        subject: 's',
        trailers: [],
      })
    expect(await make()).toMatchObject({ status: 507, body: { code: 'DiskFull' } })
    expect(await merge()).toMatchObject({ status: 507, body: { code: 'DiskFull' } })
    expect(await fixture.refs('shop')).toEqual(before)
    expect(await readdir(fixture.forge.root)).toEqual(['shop.git'])
    await isSound()
    await rm(join(volume, 'filler'))
    expect((await make()).status).toBe(200)
    expect((await merge()).body).toMatchObject({ outcome: 'merged' })
    await isSound()
  })
})

test('the guard counts what is left beyond the reserve', async () => {
  const directory = tmpdir()
  const all = await createDiskGuard({ directory, reserveBytes: 0 }).room()
  expect(all).toBeGreaterThan(0)
  const guard = createDiskGuard({ directory, reserveBytes: Number.MAX_SAFE_INTEGER })
  await expect(guard.room()).rejects.toMatchObject({ code: 'DiskFull' })
})

test('work of unknown size is stopped when the volume gets full', async () => {
  let looks = 0
  const disk = {
    room: async () => {
      looks += 1
      if (looks > 3) throw diskFull()
      return 1
    },
  }
  const endless = (signal: AbortSignal) => systemClock.sleep(60_000, { signal })
  const options = { clock: systemClock, signal: never, everyMs: 1 }
  await expect(whileThereIsRoom(disk, endless, options)).rejects.toMatchObject({
    code: 'DiskFull',
  })
})

test('work that ends in time is not looked after any more', async () => {
  let looks = 0
  const disk = {
    room: async () => {
      looks += 1
      return 1
    },
  }
  const options = { clock: systemClock, signal: never, everyMs: 1 }
  expect(await whileThereIsRoom(disk, async () => 'done', options)).toBe('done')
  await systemClock.sleep(20, { signal: never })
  expect(looks).toBe(1)
})
