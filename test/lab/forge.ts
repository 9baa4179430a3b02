// The real forge as a process, with the rights of its ServiceAccount.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { trailers } from '../../core/api/names.ts'
import type { LabControlPlane } from './control-plane.ts'
import { namespace } from './paths.ts'
import { freePorts, startProgram, untilAnswers, type Program } from './programs.ts'

/** A running forge. */
export interface LabForge {
  readonly url: string
  /** The tasks whose work was merged into a branch, one entry for each merge, oldest first. */
  mergedInto(repository: string, branch: string): Promise<readonly string[]>
  /** The newest process. */
  readonly process: Program
  /** Starts it again after it ended. */
  start(): Promise<void>
}

/** Starts the forge and resolves when it answers. */
export async function startForge(options: {
  readonly controlPlane: LabControlPlane
  readonly directory: string
}): Promise<LabForge> {
  const { controlPlane } = options
  const directory = join(options.directory, 'forge')
  const account = join(directory, 'serviceaccount')
  const data = join(directory, 'data')
  await mkdir(account, { recursive: true })
  await mkdir(data)
  await Promise.all([
    writeFile(join(account, 'ca.crt'), controlPlane.ca),
    writeFile(join(account, 'namespace'), namespace),
    writeFile(join(account, 'token'), await controlPlane.token({ account: 'guildhall-forge' })),
  ])
  const [port = 0] = await freePorts(1)
  const url = `http://127.0.0.1:${port}`
  const server = new URL(controlPlane.server)
  const start = async (): Promise<Program> => {
    const program = await startProgram({
      name: 'forge',
      command: [process.execPath, fileURLToPath(new URL('../../forge/main.ts', import.meta.url))],
      env: {
        FORGE_DATA: data,
        PORT: String(port),
        POD_NAMESPACE: namespace,
        HOME: directory,
        FORGE_RESERVE_MIB: '1',
        KUBERNETES_SERVICE_HOST: server.hostname,
        KUBERNETES_SERVICE_PORT: server.port,
        KUBERNETES_SERVICE_ACCOUNT_DIRECTORY: account,
      },
      log: join(options.directory, 'forge.log'),
    })
    await untilAnswers(program, `${url}/healthz`)
    return program
  }
  let current = await start()
  return {
    url,
    async mergedInto(repository, branch) {
      const path = join(data, 'repositories', `${repository}.git`)
      const format = `--format=%(trailers:key=${trailers.task},valueonly,separator=%x2C)`
      const command = ['-C', path, 'log', '--reverse', '--merges', format, branch]
      const { stdout } = await execa('git', command)
      return stdout.split('\n').filter((line) => line !== '')
    },
    get process() {
      return current
    },
    async start() {
      if (current.running) throw new Error('the forge still runs')
      current = await start()
    },
  }
}
