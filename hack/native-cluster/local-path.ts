// The provisioner of the StorageClass `local-path`: a directory on the node for every claim.
//
//   node local-path.ts KUBECONFIG DIRECTORY
//
// It looks once a second instead of watching: one node, few claims, and a look that fails is simply followed by another.
import { chmod, mkdir, rm } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { CoreV1Api, KubeConfig, StorageV1Api } from '@kubernetes/client-node'
import { decideStorage, type StorageAction } from './local-path-decide.ts'
import { nodeName } from './settings.ts'

const [kubeconfig, directory] = process.argv.slice(2)
if (!kubeconfig || !directory) {
  console.error('usage: node local-path.ts KUBECONFIG DIRECTORY')
  process.exit(2)
}
const config = new KubeConfig()
config.loadFromFile(kubeconfig)
const core = config.makeApiClient(CoreV1Api)
const storage = config.makeApiClient(StorageV1Api)
await run(directory)

async function run(root: string): Promise<never> {
  let failing = ''
  for (;;) {
    try {
      // Served from the API server's memory: an answer that is a moment old does no harm.
      const cached = { resourceVersion: '0' }
      const [classes, claims, volumes] = await Promise.all([
        storage.listStorageClass(cached),
        core.listPersistentVolumeClaimForAllNamespaces(cached),
        core.listPersistentVolume(cached),
      ])
      const view = { classes: classes.items, claims: claims.items, volumes: volumes.items }
      for (const action of decideStorage(view, root, nodeName)) await act(action)
      failing = ''
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (message !== failing) console.error(`${new Date().toISOString()} ${message}`)
      failing = message
    }
    await sleep(1_000)
  }
}

async function act(action: StorageAction): Promise<void> {
  switch (action.do) {
    case 'create':
      await mkdir(action.path, { recursive: true })
      // Pods without fsGroup run as any user; mkdir's mode would be narrowed by the umask.
      await chmod(action.path, 0o777)
      await unless(409, core.createPersistentVolume({ body: action.volume }))
      console.log(`${new Date().toISOString()} made ${action.volume.metadata?.name}`)
      return
    case 'delete':
      await rm(action.path, { recursive: true, force: true })
      await unless(404, core.deletePersistentVolume({ name: action.name }))
      console.log(`${new Date().toISOString()} removed ${action.name}`)
      return
    default:
      action satisfies never
  }
}

/** Waits for a call; an answer with this code means that it was done already. */
async function unless(code: number, call: Promise<unknown>): Promise<void> {
  await call.catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === code)) throw error
  })
}
