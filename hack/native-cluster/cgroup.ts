import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** The cgroup that every process in a Pod lies in, so that all can be found and ended. */
export const rootCgroup = '/guildhall'

const hierarchies = '/sys/fs/cgroup'

/** Makes our cgroup: in every hierarchy of cgroup v1, or the one of v2. The kubelet wants to find it. */
export async function ensureCgroup(): Promise<void> {
  for (const parent of await parents()) {
    // A version 2 hierarchy beside those of version 1 has no controllers.
    if (parent.endsWith('/unified')) continue
    const group = join(parent, rootCgroup)
    await mkdir(group, { recursive: true })
    // Under v1 a fresh cpuset has no processors, and nothing can be put into it.
    for (const name of ['cpuset.cpus', 'cpuset.mems']) {
      const file = join(group, name)
      if (!existsSync(file) || (await readFile(file, 'utf8')).trim() !== '') continue
      await writeFile(file, await readFile(join(parent, name), 'utf8')).catch(() => undefined)
    }
  }
}

/** Kills every process in our cgroup, and waits until they are gone (5 s at most). */
export async function killCgroup(): Promise<void> {
  for (let round = 0; round < 100; round++) {
    const pids = new Set<number>()
    for (const directory of await groups()) {
      const list = await readFile(join(directory, 'cgroup.procs'), 'utf8').catch(() => '')
      for (const pid of list.split('\n').filter(Boolean)) pids.add(Number(pid))
    }
    if (pids.size === 0) return
    for (const pid of pids) kill(pid)
    await sleep(50)
  }
}

/** Removes our cgroup and all below it. What still has a process stays. */
export async function removeCgroup(): Promise<void> {
  for (const directory of await groups()) await rmdir(directory).catch(() => undefined)
}

/** Where our cgroup may be. */
async function parents(): Promise<readonly string[]> {
  if (existsSync(join(hierarchies, 'cgroup.controllers'))) return [hierarchies]
  const entries = await readdir(hierarchies, { withFileTypes: true }).catch(() => [])
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(hierarchies, name))
}

/** All our cgroups, a child before its parent. */
async function groups(): Promise<readonly string[]> {
  const found: string[] = []
  for (const parent of await parents()) {
    const root = join(parent, rootCgroup)
    if (!existsSync(root)) continue
    const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => [])
    const below = entries.filter((entry) => entry.isDirectory())
    found.push(root, ...below.map((entry) => join(entry.parentPath, entry.name)))
  }
  return found.toSorted((a, b) => b.length - a.length)
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself between the look and the signal.
  }
}
