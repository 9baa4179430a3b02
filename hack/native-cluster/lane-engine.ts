import { existsSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { execa } from 'execa'

/** Where hack/ci/container-engine.sh keeps the engine of the container lane, and what its bridge is called. */
const laneEngine = {
  run: '/run/guildhall-docker',
  bridge: 'guildhall0',
  stop: 'bash hack/ci/container-engine.sh stop',
} as const

/** `left`: its process ended, or the machine was started anew, and its bridge stayed. */
type LaneEngineState = 'absent' | 'running' | 'left'

/** Whether the engine of the container lane is there. Paths are parameters for tests. */
export async function laneEngineState({
  run = laneEngine.run,
  proc = '/proc',
  net = '/sys/class/net',
}: {
  readonly run?: string
  readonly proc?: string
  readonly net?: string
} = {}): Promise<LaneEngineState> {
  const pid = (await readFile(join(run, 'docker.pid'), 'utf8').catch(() => '')).trim()
  const command =
    pid === '' ? '' : await readFile(join(proc, pid, 'cmdline'), 'utf8').catch(() => '')
  // A pid may belong to somebody else by now.
  if (command.includes(run)) return 'running'
  return existsSync(join(net, laneEngine.bridge)) ? 'left' : 'absent'
}

/**
 * Removes what an engine of the container lane left; one that runs may be in the middle of a test, and is only named.
 * Returns a sentence for the log; undefined when there was nothing.
 */
export async function removeLaneEngine(
  state: LaneEngineState,
  remove: () => Promise<void> = removeBridge,
): Promise<string | undefined> {
  if (state === 'absent') return undefined
  if (state === 'running')
    return `the Docker that npm test -- containers started still runs, with the network device ${laneEngine.bridge}; end it: ${laneEngine.stop}`
  await remove()
  return `removed the network device ${laneEngine.bridge}, which a Docker of npm test -- containers had left behind`
}

async function removeBridge(): Promise<void> {
  await execa('ip', ['link', 'delete', laneEngine.bridge], { reject: false })
  await rm(join(laneEngine.run, 'docker.pid'), { force: true })
}
