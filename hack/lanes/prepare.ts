// Builds in the background what lanes of `npm test` need. What cannot be had here is said; the lane that needs it then
// fails or is skipped with its own reason.
//
//   node hack/lanes/prepare.ts binaries     kube-apiserver, etcd, kubectl, helm; more for a native cluster
//   node hack/lanes/prepare.ts images       all images, and the real Ollama with its small model
import { chooseProvider, rememberedProvider } from '../cluster/choose.ts'
import { streamLog } from '../cluster/log.ts'
import { buildImages } from '../images/build.ts'
import { imageNames } from '../images/image-names.ts'
import { ensureOllama } from '../images/ollama-source.ts'
import { ensureSmolLM2 } from '../images/smollm2.ts'
import { ensureBinaries } from '../native-cluster/binaries.ts'

const log = streamLog()
const ended = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => ended.abort(new Error(`ended by ${signal}`)))
const options = { log, signal: ended.signal }

async function binaries(): Promise<void> {
  await ensureBinaries(['etcd', 'kube-apiserver', 'kubectl', 'helm'], options)
}

/** Builds the rest of the native cluster where that is the cluster of this machine, then the images. */
async function images(): Promise<void> {
  const { provider } = await chooseProvider(
    {
      flag: undefined,
      environment: process.env['GUILDHALL_CLUSTER'],
      remembered: await rememberedProvider(),
    },
    options,
  )
  if (provider.name === 'native') await ensureBinaries(undefined, options)
  await buildImages(imageNames, options)
  await ensureOllama(options)
  await ensureSmolLM2(options)
}

const [what] = process.argv.slice(2)
try {
  await (what === 'binaries' ? binaries() : images())
} catch (error) {
  log.line(`not prepared: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
