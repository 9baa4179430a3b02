import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { requireKubectl, statusThroughKubectl } from './kubectl.ts'
import { cacheDirectory } from './paths.ts'
import type { ProviderCall, ClusterProvider } from './provider.ts'

/**
 * The cluster of the current kubectl context. It was not started from here, and is not ended from
 * here.
 */
export const existingProvider: ClusterProvider = {
  name: 'existing',
  async detect() {
    const context = await currentContext()
    if (!context) return { usable: false, reason: 'kubectl has no current context' }
    return { usable: true, reason: `kubectl's current context is ${context}` }
  },
  async up(options) {
    const components = await this.status(options)
    const broken = components.find(({ state }) => state === 'failed')
    if (broken) {
      throw new Error(
        `the cluster of the context ${await currentContext()} does not answer: ${broken.detail}; ` +
          'choose another one: kubectl config use-context NAME',
      )
    }
    options.log.line(`the cluster of the context ${await currentContext()} is up`)
  },
  async down({ log }) {
    log.line('this cluster was not started from here; it stays as it is')
  },
  async status(options) {
    return statusThroughKubectl(await writeKubeconfig(options), options)
  },
  kubeconfig: writeKubeconfig,
  async load(archives) {
    throw new Error(
      `images (${archives.join(', ')}) cannot be put into a cluster that was not started from here; push them to a ` +
        'registry that it reaches, and name that registry when you install: --set image.repository=REGISTRY/guildhall',
    )
  },
}

async function currentContext(): Promise<string | undefined> {
  const result = await execa('kubectl', ['config', 'current-context'], { reject: false })
  return result.failed ? undefined : result.stdout.trim()
}

/**
 * Writes the current context alone to the cache, so that a later change of context changes nothing
 * for us meanwhile.
 */
async function writeKubeconfig({ signal }: ProviderCall): Promise<string> {
  const view = await execa(
    requireKubectl(),
    ['config', 'view', '--raw', '--minify', '--flatten', '--output=yaml'],
    { reject: false, ...(signal && { cancelSignal: signal }) },
  )
  if (view.failed) {
    throw new Error('kubectl has no current context; choose one: kubectl config use-context NAME')
  }
  const file = join(cacheDirectory(), 'kubeconfig/existing.yaml')
  await mkdir(dirname(file), { recursive: true })
  await writeFile(`${file}.part`, view.stdout, { mode: 0o600 })
  await rename(`${file}.part`, file)
  return file
}
