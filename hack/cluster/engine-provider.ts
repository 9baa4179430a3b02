import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { statusThroughKubectl } from './kubectl.ts'
import { timed } from './log.ts'
import { cacheDirectory } from './paths.ts'
import type { ProviderCall, ClusterProvider, Detection } from './provider.ts'

/** A program that makes clusters of containers, with its command lines. */
interface EngineTool {
  readonly name: 'k3d' | 'kind'
  /** The next thing to type when it is not installed. */
  readonly install: string
  readonly version: readonly string[]
  /** Prints the names of its clusters, one a line, the name first. */
  readonly list: readonly string[]
  readonly create: (configuration: string) => readonly string[]
  readonly remove: readonly string[]
  /** Prints a kubeconfig. */
  readonly kubeconfig: readonly string[]
  readonly load: (archives: readonly string[]) => readonly (readonly string[])[]
}

const cluster = 'guildhall'

/** k3d: k3s in containers. Small, and it enforces NetworkPolicy. */
export const k3dTool: EngineTool = {
  name: 'k3d',
  install: 'https://k3d.io/stable/#installation',
  version: ['version'],
  list: ['cluster', 'list', '--no-headers'],
  create: (configuration) => ['cluster', 'create', '--config', configuration],
  remove: ['cluster', 'delete', cluster],
  kubeconfig: ['kubeconfig', 'get', cluster],
  load: (archives) => [['image', 'import', '--cluster', cluster, ...archives]],
}

/** kind: kubeadm in containers. */
export const kindTool: EngineTool = {
  name: 'kind',
  install: 'https://kind.sigs.k8s.io/docs/user/quick-start/#installation',
  version: ['version'],
  list: ['get', 'clusters'],
  create: (configuration) => ['create', 'cluster', '--config', configuration, '--wait', '180s'],
  remove: ['delete', 'cluster', '--name', cluster],
  kubeconfig: ['get', 'kubeconfig', '--name', cluster],
  load: (archives) =>
    archives.map((archive) => ['load', 'image-archive', archive, '--name', cluster]),
}

/**
 * The provider that drives such a program. Its kubeconfig goes to the cache; the user's own is left
 * alone.
 */
export function engineProvider(tool: EngineTool): ClusterProvider {
  const { name } = tool
  const file = join(cacheDirectory(), 'kubeconfig', `${name}.yaml`)

  const absent = `${name} is not installed; where to get it: ${tool.install}`

  const run = async (args: readonly string[], { signal }: ProviderCall): Promise<string> => {
    const result = await execa(name, args, {
      reject: false,
      // Both programs otherwise add the cluster to the user's kubeconfig.
      env: { KUBECONFIG: file },
      ...(signal && { cancelSignal: signal }),
    })
    if (!result.failed) return result.stdout
    if (result.code === 'ENOENT') throw new Error(`${absent}; then run this again`)
    throw new Error(`${name} ${args.join(' ')} failed: ${result.stderr || result.shortMessage}`)
  }
  const exists = async (options: ProviderCall): Promise<boolean> =>
    (await run(tool.list, options)).split('\n').some((line) => line.split(/\s+/)[0] === cluster)
  const requireCluster = async (options: ProviderCall): Promise<void> => {
    if (await exists(options)) return
    throw new Error(
      `there is no ${name} cluster named ${cluster}; start it: npm run -s cluster -- up`,
    )
  }
  const writeKubeconfig = async (options: ProviderCall): Promise<string> => {
    await requireCluster(options)
    await mkdir(dirname(file), { recursive: true })
    const content = await run(tool.kubeconfig, options)
    await writeFile(`${file}.part`, content, { mode: 0o600 })
    await rename(`${file}.part`, file)
    return file
  }

  return {
    name,
    async detect(options) {
      const version = await execa(name, tool.version, { reject: false })
      if (version.failed) {
        return {
          usable: false,
          reason:
            version.code === 'ENOENT'
              ? `${name} is not installed (${tool.install})`
              : `${name} ${tool.version.join(' ')} failed: ${version.stderr || version.shortMessage}`,
        }
      }
      return detectContainerEngine(options)
    },
    async up(options) {
      if (await exists(options)) {
        options.log.line('the cluster is up')
        return
      }
      await mkdir(dirname(file), { recursive: true })
      const here = dirname(fileURLToPath(import.meta.url))
      const create = tool.create(join(here, `${name}.yaml`))
      await timed(options.log, `making a ${name} cluster`, async () => run(create, options))
    },
    async down(options) {
      if (!(await exists(options))) {
        options.log.line(`there is no ${name} cluster named ${cluster} to remove`)
        return
      }
      await run(tool.remove, options)
      options.log.line('the cluster is gone')
    },
    async status(options) {
      if (!(await exists(options))) {
        return [{ component: name, state: 'stopped', detail: 'no cluster' }]
      }
      return statusThroughKubectl(await writeKubeconfig(options), options)
    },
    kubeconfig: writeKubeconfig,
    async load(archives, options) {
      await requireCluster(options)
      for (const args of tool.load(archives)) {
        await timed(options.log, `${name} ${args.slice(0, 2).join(' ')}`, async () =>
          run(args, options),
        )
      }
    },
  }
}

const probeImage = 'guildhall-probe:empty'

/**
 * Whether there is a container engine that can run privileged containers, which nodes in containers
 * need.
 */
export async function detectContainerEngine({ signal }: ProviderCall): Promise<Detection> {
  const options = { reject: false, timeout: 30_000, ...(signal && { cancelSignal: signal }) }
  const info = await execa('docker', ['info', '--format', '{{.ServerVersion}}'], options)
  if (info.code === 'ENOENT') return { usable: false, reason: 'there is no container engine' }
  if (info.failed || info.stdout.trim() === '') {
    return { usable: false, reason: 'the container engine does not answer (docker info)' }
  }
  // An image of nothing takes no download. Its program cannot be found, which the engine notices
  // only after it has set up a privileged container.
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

/** Reads the engine's error for a program that does not exist. */
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
