import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { run, succeeds } from './command.ts'
import { requestArguments, type BuildRequest, type Engine } from './engine.ts'

const pullTimeout = 15 * 60_000

/** The arguments of `docker` that build an image and write its id to a file. */
export function dockerBuildArguments(request: BuildRequest, idFile: string): readonly string[] {
  return ['build', ...requestArguments(request, idFile)]
}

/** Images through the Docker daemon that the `docker` command talks to. */
export function dockerEngine(): Engine {
  return {
    name: 'docker',
    async build(request, signal) {
      const idFile = join(request.context, '..', `id-${process.pid}`)
      await run(
        `building ${request.reference}`,
        'docker',
        dockerBuildArguments(request, idFile),
        options(signal),
      )
      const id = (await readFile(idFile, 'utf8')).trim()
      await rm(idFile, { force: true })
      return id
    },
    async save(reference, archive, signal) {
      await run(
        `saving ${reference}`,
        'docker',
        ['save', '--output', archive, reference],
        options(signal),
      )
    },
    async forget(reference, signal) {
      await succeeds('docker', ['image', 'rm', reference], options(signal))
    },
  }
}

/** Whether Docker holds an image or can pull it; pulls it then. */
export async function dockerObtains(reference: string, signal?: AbortSignal): Promise<boolean> {
  if (await succeeds('docker', ['image', 'inspect', reference], options(signal))) return true
  return succeeds('docker', ['pull', '--quiet', reference], {
    timeout: pullTimeout,
    ...options(signal),
  })
}

function options(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal ? { signal } : {}
}
