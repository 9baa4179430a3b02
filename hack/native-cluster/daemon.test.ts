import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  type Daemon,
  daemonFiles,
  DaemonError,
  ensureDaemon,
  inspectDaemon,
  startDaemon,
  stopDaemon,
} from './daemon.ts'

const sleeper: Daemon = { name: 'sleeper', command: ['sleep', '600'] }

describe('a daemon', () => {
  let directory = ''
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'guildhall-daemon-'))
  })
  afterEach(async () => {
    await stopDaemon(directory, 'sleeper', 0)
    await rm(directory, { recursive: true })
  })

  test('is stopped, runs, and is stopped again', async () => {
    expect(await inspectDaemon(directory, 'sleeper')).toEqual({ state: 'stopped' })
    const pid = await startDaemon(directory, sleeper)
    expect(await inspectDaemon(directory, 'sleeper')).toMatchObject({ state: 'running', pid })
    expect(await stopDaemon(directory, 'sleeper')).toBe(true)
    expect(await inspectDaemon(directory, 'sleeper')).toEqual({ state: 'stopped' })
    expect(await stopDaemon(directory, 'sleeper')).toBe(false)
  })

  test('is known to be dead when it was killed', async () => {
    const pid = await startDaemon(directory, sleeper)
    process.kill(pid, 'SIGKILL')
    await expect
      .poll(async () => inspectDaemon(directory, 'sleeper'))
      .toEqual({
        state: 'dead',
        pid,
      })
  })

  test('is killed when it does not listen to SIGTERM', async () => {
    const stubborn = ['sh', '-c', "trap '' TERM; while :; do sleep 0.05; done"] as const
    await startDaemon(directory, { name: 'sleeper', command: stubborn })
    await sleep(100)
    await stopDaemon(directory, 'sleeper', 200)
    expect(await inspectDaemon(directory, 'sleeper')).toEqual({ state: 'stopped' })
  })

  test('is never taken for another process that got its pid', async () => {
    const other = spawn('sleep', ['600'])
    const { record } = daemonFiles(directory, 'sleeper')
    await mkdir(dirname(record), { recursive: true })
    const stale = { pid: other.pid, started: 'before', fingerprint: '' }
    await writeFile(record, JSON.stringify(stale))
    expect(await inspectDaemon(directory, 'sleeper')).toMatchObject({ state: 'dead' })
    await stopDaemon(directory, 'sleeper')
    await sleep(50)
    expect(other.signalCode).toBeNull()
    other.kill()
  })

  test.each([
    { title: 'left alone when it runs as it should', next: sleeper, want: 'running' },
    {
      title: 'started again for another command',
      next: { name: 'sleeper', command: ['sleep', '601'] } satisfies Daemon,
      want: 'changed',
    },
    {
      title: 'started again for another configuration',
      next: { ...sleeper, configuration: 'other' },
      want: 'changed',
    },
  ])('is $title', async ({ next, want }) => {
    const first = await startDaemon(directory, sleeper)
    expect(await ensureDaemon(directory, next)).toBe(want)
    const now = await inspectDaemon(directory, 'sleeper')
    expect(now.state === 'running' && now.pid === first).toBe(want === 'running')
  })

  test.runIf(process.platform === 'linux')('can end with its parent (Linux only)', async () => {
    const module = join(import.meta.dirname, 'daemon.ts')
    const daemon = { ...sleeper, withParent: true }
    const program = `
      const { startDaemon } = await import(${JSON.stringify(module)})
      console.log(await startDaemon(${JSON.stringify(directory)}, ${JSON.stringify(daemon)}))
      setInterval(() => undefined, 1000)`
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', program])
    await once(parent.stdout, 'data')
    expect(await inspectDaemon(directory, 'sleeper')).toMatchObject({ state: 'running' })
    parent.kill('SIGKILL')
    await expect
      .poll(async () => inspectDaemon(directory, 'sleeper'))
      .toMatchObject({ state: 'dead' })
  })

  test('leaves what it said in a log that an error quotes', async () => {
    await startDaemon(directory, {
      name: 'sleeper',
      command: ['sh', '-c', 'echo no flag -x; sleep 9'],
    })
    const { log } = daemonFiles(directory, 'sleeper')
    await expect.poll(async () => readFile(log, 'utf8')).toBe('no flag -x\n')
    const error = new DaemonError(directory, 'sleeper', 'ended')
    expect(await error.explain()).toBe(`sleeper ended. The end of ${log}:\nno flag -x`)
  })
})
