import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Argument, Command, Option } from 'commander'
import { execa } from 'execa'
import { streamLog } from '../cluster/log.ts'
import { buildImages, currentReference } from './build.ts'
import type { EngineName } from './engine.ts'
import { imageNames, parseImageNames } from './image-names.ts'
import { loadModel } from './load-model.ts'
import { readManifest } from './manifest.ts'
import { repository } from './repository.ts'
import { ensureSmolLM2 } from './smollm2.ts'

const log = streamLog()
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // Not once: execa's own handler ends the process at once when it finds no other listener any more.
  process.on(signal, () => stop.abort(new Error('stopped')))
}
const { signal } = stop

const program = new Command('images')
  .description(
    'Container images of this project, built with Docker, or with buildah where there is none.',
  )
  // Nothing is begun for a mistake on the command line.
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .showHelpAfterError()

program
  .command('build')
  .description('build the images that changed')
  .addArgument(new Argument('[names...]', 'which; all by default').choices(imageNames))
  .addOption(
    new Option('--engine <engine>', 'what builds; by default what works here').choices([
      'docker',
      'buildah',
    ]),
  )
  .option('--load', 'load them into the running cluster as well')
  .option('--json', 'print what was built as JSON')
  .action(
    async (words: string[], options: { engine?: EngineName; load?: boolean; json?: boolean }) => {
      const images = await buildImages(parseImageNames(words), {
        log,
        signal,
        ...(options.engine && { engine: options.engine }),
      })
      if (options.load) await loadIntoCluster(images.map((image) => image.archive))
      if (options.json) {
        console.log(JSON.stringify(images, null, 2))
        return
      }
      for (const image of images) {
        const note = image.built ? 'built' : 'unchanged'
        console.log(`${image.reference}  ${megabytes(image.sizeBytes)}  ${note}`)
      }
    },
  )

program
  .command('list')
  .description('show the images in the cache, and whether they are what the sources say')
  .action(async () => {
    const manifest = await readManifest()
    for (const name of imageNames) {
      const entry = manifest[name]
      if (!entry || !existsSync(entry.archive)) {
        console.log(`${name.padEnd(10)} not built; run: npm run images -- build ${name}`)
        continue
      }
      const now = await currentReference(name, entry.engine).catch(() => undefined)
      const state = now === entry.reference ? 'current' : 'out of date'
      console.log(`${name.padEnd(10)} ${entry.reference}  ${megabytes(entry.sizeBytes)}  ${state}`)
      console.log(`${' '.repeat(10)} ${entry.archive}`)
    }
  })

program
  .command('reference')
  .description('print the reference that an image of these sources has, built or not')
  .addArgument(new Argument('<name>', 'which').choices(imageNames))
  .addOption(
    new Option('--engine <engine>', 'what builds it')
      .choices(['docker', 'buildah'])
      .makeOptionMandatory(),
  )
  .action(async (word: string, { engine }: { engine: EngineName }) => {
    for (const name of parseImageNames([word])) console.log(await currentReference(name, engine))
  })

program
  .command('model')
  .description(
    'get SmolLM2 135M: a real model, small enough for any machine, too weak to write software',
  )
  .option('--ollama <url>', 'load it into this Ollama as well, for example http://127.0.0.1:11434')
  .option('--name <name>', 'its name there', 'smollm2:135m')
  .action(async (options: { ollama?: string; name: string }) => {
    const model = await ensureSmolLM2({ log, signal })
    if (options.ollama) {
      await loadModel({
        ollamaUrl: options.ollama,
        path: model.path,
        name: options.name,
        log,
        signal,
      })
    }
    console.log(`${model.path}  ${megabytes(model.sizeBytes)}  sha256:${model.sha256}`)
  })

try {
  await program.parseAsync()
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}

async function loadIntoCluster(archives: readonly string[]): Promise<void> {
  const cluster = join(repository, 'hack/cluster/main.ts')
  await execa(process.execPath, [cluster, 'load', ...archives], {
    // Only results go to our stdout; what the cluster says about loading is progress.
    stdio: ['ignore', process.stderr, 'inherit'],
    cancelSignal: signal,
  })
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`
}
