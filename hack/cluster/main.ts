// npm run -s cluster -- up | down | status | kubeconfig | load | bin
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { Command, Option } from 'commander'
import { ensureBinDirectory } from './kubectl.ts'
import { currentProvider, rememberProvider } from './choose.ts'
import { streamLog } from './log.ts'
import { cacheDirectory } from './paths.ts'
import { type ProviderCall, type ClusterProvider, providerNames, statusTable } from './provider.ts'

const abort = new AbortController()
// Not `once`: Ctrl-C arrives twice, from the terminal and from hack/run.mjs that passes it on.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => abort.abort())
const options: ProviderCall = { log: streamLog(), signal: abort.signal }

const program = new Command('cluster')
  // Nothing is begun for a mistake on the command line.
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .showHelpAfterError()
  .description('A Kubernetes cluster for development: starts it, fills it, removes it.')
  .addHelpText(
    'after',
    `
Providers, in the order in which they are tried: k3d, kind (both need a container engine that runs privileged
containers), native (Linux as root without one: Kubernetes built from source, about 15 minutes the first time).
existing is the cluster of the current kubectl context; it has to be asked for.

  npm run -s cluster -- up
  export KUBECONFIG=$(npm run -s cluster -- kubeconfig) PATH=$(npm run -s cluster -- bin):$PATH
  kubectl get nodes`,
  )

provided('up', 'start the cluster and wait until it takes Pods; at once when it is up').action(
  async (flags: Flags) => {
    const provider = await provide(flags, 'say')
    await provider.up(options)
    await rememberProvider(provider.name)
  },
)

provided('down', 'remove the cluster and everything in it; what makes the next start faster stays')
  .option('--purge', 'also images, certificates and logs, about 1.3 GB')
  .option(
    '--purge-cache',
    'also everything that was built or downloaded: all of the cache, about 3.7 GB',
  )
  .action(async (flags: Flags & { purge?: true; purgeCache?: true }) => {
    const provider = await provide(flags, 'say')
    await provider.down({ ...options, purge: flags.purge ?? flags.purgeCache ?? false })
    await rememberProvider(undefined)
    if (flags.purgeCache) await rm(cacheDirectory(), { recursive: true, force: true })
  })

provided('status', 'show the state of every component; the exit code is 1 unless all work')
  .option('--json', 'for programs')
  .action(async (flags: Flags & { json?: true }) => {
    const provider = await provide(flags)
    const components = await provider.status(options)
    const report = { provider: provider.name, components }
    console.log(flags.json ? JSON.stringify(report, undefined, 2) : statusTable(components))
    const works = components.every(({ state }) => state === 'ready' || state === 'limited')
    process.exitCode = works ? 0 : 1
  })

provided('kubeconfig', 'print the path of a kubeconfig that leads to the cluster').action(
  async (flags: Flags) => {
    const provider = await provide(flags)
    console.log(await provider.kubeconfig(options))
  },
)

provided('load', 'make the images in archives (docker save format) available to Pods')
  .argument('<archives...>', 'tar files')
  .action(async (names: readonly string[], flags: Flags, command: Command) => {
    const archives = names.map((name) => resolve(process.env['INIT_CWD'] ?? '.', name))
    const missing = archives.find((path) => !existsSync(path))
    if (missing)
      command.error(`error: ${missing} does not exist; make it first: npm run -s images -- build`)
    const provider = await provide(flags)
    await provider.load(archives, options)
  })

provided('bin', 'print a directory with kubectl and helm, for PATH').action(
  async (flags: Flags) => {
    const provider = await provide(flags)
    console.log(await ensureBinDirectory(provider.name, options))
  },
)

try {
  await program.parseAsync()
} catch (error) {
  if (abort.signal.aborted) {
    options.log.line('interrupted; run the same command again to go on')
    process.exitCode = 130
  } else {
    options.log.line(error instanceof Error ? error.message : String(error))
    process.exitCode = 1
  }
}

interface Flags {
  readonly provider?: string
}

function provided(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .addOption(
      new Option(
        '--provider <name>',
        'the kind of cluster (GUILDHALL_CLUSTER; else what is up, else what this machine can do)',
      ).choices(providerNames),
    )
}

async function provide({ provider: flag }: Flags, say?: 'say'): Promise<ClusterProvider> {
  const { provider, why } = await currentProvider(flag, options)
  if (say) options.log.line(`using ${provider.name}: ${why}`)
  return provider
}
