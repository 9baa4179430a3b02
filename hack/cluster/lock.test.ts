import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { withLock } from './lock.ts'

describe('withLock', () => {
  let directory = ''
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'guildhall-lock-'))
  })
  afterEach(async () => {
    await rm(directory, { recursive: true })
  })

  test('lets one in at a time', async () => {
    const path = join(directory, 'lock')
    let inside = 0
    let most = 0
    const work = async (): Promise<void> => {
      most = Math.max(most, ++inside)
      await sleep(20)
      inside--
    }
    await Promise.all([withLock(path, work), withLock(path, work), withLock(path, work)])
    expect({ most, left: existsSync(path) }).toEqual({ most: 1, left: false })
  })

  test('takes over from a holder whose pid now belongs to another process', async () => {
    const path = join(directory, 'lock')
    await writeFile(path, `${process.pid} long-ago\n`)
    await expect(withLock(path, async () => 'in')).resolves.toBe('in')
  })

  test('is taken over by one of many that find it left behind', async () => {
    const path = join(directory, 'lock')
    await writeFile(path, `${process.pid} long-ago\n`)
    let inside = 0
    let most = 0
    const work = async (): Promise<void> => {
      most = Math.max(most, ++inside)
      await sleep(5)
      inside--
    }
    await Promise.all(Array.from({ length: 8 }, async () => withLock(path, work)))
    expect(most).toBe(1)
  })

  test('frees the lock when the work fails', async () => {
    const path = join(directory, 'lock')
    const failing = withLock(path, async () => Promise.reject(new Error('broken')))
    await expect(failing).rejects.toThrow('broken')
    expect(existsSync(path)).toBe(false)
  })

  test('stops waiting when it is told to, and says whom it waited for', async () => {
    const path = join(directory, 'lock')
    const abort = new AbortController()
    const told: number[] = []
    await withLock(path, async () => {
      const second = withLock(path, async () => undefined, {
        signal: abort.signal,
        waiting: (pid) => {
          told.push(pid)
          abort.abort()
        },
      })
      await expect(second).rejects.toThrow('abort')
    })
    expect(told).toEqual([process.pid])
  })
})
