import { execa } from 'execa'
import type { CallOptions, Detection } from './provider.ts'

const probeImage = 'guildhall-probe:empty'

/** Whether there is a container engine that can run privileged containers, which nodes in containers need. */
export async function detectContainerEngine({ signal }: CallOptions): Promise<Detection> {
  const options = { reject: false, timeout: 30_000, ...(signal && { cancelSignal: signal }) }
  const info = await execa('docker', ['info', '--format', '{{.ServerVersion}}'], options)
  if (info.code === 'ENOENT') return { usable: false, reason: 'there is no container engine' }
  if (info.failed || info.stdout.trim() === '') {
    return { usable: false, reason: 'the container engine does not answer (docker info)' }
  }
  // An image of nothing takes no download. Its program cannot be found, which the engine notices only after it has
  // set up a privileged container.
  const emptyTar = Buffer.alloc(1024)
  const made = await execa('docker', ['import', '-', probeImage], { ...options, input: emptyTar })
  if (made.failed) return { usable: false, reason: `docker import failed: ${made.stderr}` }
  const run = await execa(
    'docker',
    ['run', '--rm', '--privileged', '--network=none', probeImage, '/nothing'],
    options,
  )
  await execa('docker', ['image', 'rm', '--force', probeImage], options)
  return judgeProbe(run.stderr)
}

/** Reads what the engine said when it was asked to run a program that does not exist. */
export function judgeProbe(stderr: string): Detection {
  if (/no such file or directory|executable file not found/i.test(stderr)) {
    return { usable: true, reason: 'the container engine runs privileged containers' }
  }
  const line = stderr.trim().split('\n')[0] ?? ''
  return {
    usable: false,
    reason: `the container engine cannot run privileged containers (${line})`,
  }
}
