import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { laneEngineState, removeLaneEngine } from './lane-engine.ts'

let root = ''
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'guildhall-lane-'))
})
afterEach(async () => rm(root, { recursive: true }))

/** What the machine looks like: the pid in the engine's file, what that process is, and whether the bridge is there. */
async function machine(pid: string | undefined, command: string, bridge: boolean) {
  const paths = { run: join(root, 'run'), proc: join(root, 'proc'), net: join(root, 'net') }
  await mkdir(paths.run)
  if (pid !== undefined) {
    await writeFile(join(paths.run, 'docker.pid'), pid)
    await mkdir(join(paths.proc, pid.trim()), { recursive: true })
    await writeFile(join(paths.proc, pid.trim(), 'cmdline'), command)
  }
  if (bridge) await mkdir(join(paths.net, 'guildhall0'), { recursive: true })
  return laneEngineState(paths)
}

test('a bridge without its engine is left over', async () => {
  expect(await machine(undefined, '', true)).toBe('left')
})
test('a pid that belongs to somebody else by now is no engine', async () => {
  expect(await machine('12\n', 'sleep\u0000600', true)).toBe('left')
})
test('an engine that runs is told from what it left', async () => {
  const command = `dockerd\u0000--pidfile=${join(root, 'run')}/docker.pid`
  expect(await machine('12', command, true)).toBe('running')
})
test('without a bridge there is nothing', async () => {
  expect(await machine(undefined, '', false)).toBe('absent')
})

test('removes only what nobody uses, and names the command for the rest', async () => {
  const removed: string[] = []
  const remove = async () => void removed.push('bridge')
  expect(await removeLaneEngine('absent', remove)).toBeUndefined()
  expect(await removeLaneEngine('running', remove)).toMatch(
    /still runs.*container-engine\.sh stop$/,
  )
  expect(removed).toEqual([])
  expect(await removeLaneEngine('left', remove)).toMatch(/^removed the network device guildhall0/)
  expect(removed).toEqual(['bridge'])
})
