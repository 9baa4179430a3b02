import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { execa } from 'execa'
import { streamLog } from '../../hack/cluster/log.ts'
import { buildImages } from '../../hack/images/build.ts'
import type { ImageName } from '../../hack/images/image-names.ts'
import { removeLeftovers } from './leftovers.ts'

/** Whether a lane can run here, and why not. */
export type Readiness =
  | { readonly usable: true }
  | { readonly usable: false; readonly reason: string }

const probeImage = 'guildhall-lane-probe:empty'
const hardened = ['--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges']

// Its helper container comes from a registry, which is not everywhere; what this lane starts it stops by itself.
process.env['TESTCONTAINERS_RYUK_DISABLED'] ??= 'true'
// Testcontainers would take a file /.dockerenv for a sign that published ports are elsewhere; findEngine looks closer.
process.env['TESTCONTAINERS_HOST_OVERRIDE'] ??= '127.0.0.1'

/**
 * Whether a container engine answers and runs an ordinary container; tried with an image of nothing, without a download.
 * Also removes what a killed run of the lane left there.
 */
export async function findEngine(): Promise<Readiness> {
  const options = { reject: false, timeout: 60_000 } as const
  const info = await execa('docker', ['info', '--format', '{{.ServerVersion}}'], options)
  if (info.code === 'ENOENT') return no('there is no container engine (no docker command)')
  if (info.failed || info.stdout.trim() === '')
    return no(
      'no container engine answers `docker info`; start one: bash hack/ci/container-engine.sh',
    )
  const elsewhere = await engineElsewhere()
  if (elsewhere !== undefined) return no(elsewhere)
  const made = await execa('docker', ['import', '-', probeImage], {
    ...options,
    input: Buffer.alloc(1024),
  })
  if (made.failed) return no(`docker import failed: ${firstLine(made.stderr)}`)
  const run = await execa('docker', ['run', '--rm', ...hardened, probeImage, '/nothing'], options)
  await execa('docker', ['image', 'rm', '--force', probeImage], options)
  // The program is not there, which the engine notices only after it has set up the container.
  if (/no such file or directory|executable file not found/i.test(run.stderr)) {
    await removeLeftovers()
    return { usable: true }
  }
  return no(`the container engine cannot run an ordinary container: ${firstLine(run.stderr)}`)
}

/** Why containers of this engine and this process could not reach each other; undefined when they can. */
async function engineElsewhere(): Promise<string | undefined> {
  if (/^(tcp|http|https|ssh):/.test(process.env['DOCKER_HOST'] ?? ''))
    return 'DOCKER_HOST names another machine, and agents could not reach the hub on this one'
  if (!existsSync('/.dockerenv')) return undefined
  const format = '{{ range .IPAM.Config }}{{ .Gateway }} {{ end }}'
  const asked = ['network', 'inspect', 'bridge', '--format', format]
  const { stdout } = await execa('docker', asked, { reject: false })
  for (const address of stdout.split(' ').filter(Boolean))
    if (await isOurs(address)) return undefined
  return 'this is a container of that same engine, whose network is not this one'
}

/** Whether an address is of this machine; asked by listening, since interfaces without a cable are not listed. */
async function isOurs(address: string): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(0, address, () => server.close(() => resolve(true)))
  })
}

/** Says once, for people, why a part of the lane is left out; the tests themselves count as skipped. */
export function announce(part: string, readiness: Readiness): Readiness {
  if (!readiness.usable) process.stderr.write(`SKIPPED ${part}: ${readiness.reason}\n`)
  return readiness
}

/** Builds what changed and loads it into the engine; older builds of the same image leave it. Returns references by name. */
export async function loadImages<Name extends ImageName>(
  names: readonly Name[],
): Promise<Readonly<Record<Name, string>>> {
  const built = await buildImages(names, { log: streamLog() })
  const references: [string, string][] = []
  for (const { name, reference, archive } of built) {
    const held = await execa('docker', ['image', 'inspect', reference], { reject: false })
    if (held.failed) await execa('docker', ['load', '--quiet', '--input', archive])
    await dropOlder(reference)
    references.push([name, reference])
  }
  return Object.fromEntries(references) as Record<Name, string>
}

async function dropOlder(reference: string): Promise<void> {
  const name = reference.slice(0, reference.lastIndexOf(':'))
  const listed = await execa('docker', [
    'image',
    'ls',
    '--format',
    '{{.Repository}}:{{.Tag}}',
    name,
  ])
  const older = listed.stdout.split('\n').filter((line) => line !== '' && line !== reference)
  // One that a container still uses stays; that is no reason to fail.
  for (const old of older) await execa('docker', ['image', 'rm', old], { reject: false })
}

function no(reason: string): Readiness {
  return { usable: false, reason }
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0] ?? ''
}
