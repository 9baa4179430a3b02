import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { withLock } from '../cluster/lock.ts'
import { type Log, timed } from '../cluster/log.ts'
import { ensurePackages, pipDownload } from '../native-cluster/packages.ts'
import { cacheDirectory } from '../cluster/paths.ts'
import { run, succeeds } from './command.ts'
import { contentHash } from './content-hash.ts'

/** The release of Ollama that the images hold. */
export const ollamaVersion = '0.17.4'

interface Options {
  readonly log: Log
  readonly signal?: AbortSignal
}

const downloaded = z.looseObject({ Dir: z.string() })
const goModule = 'github.com/ollama/ollama'
// What the makers' own builds set: the version, and no debugging output of the web framework.
const stamp = `-s -w -X=${goModule}/version.Version=${ollamaVersion} -X=${goModule}/server.mode=release`
const miniaudio = 'miniaudio==1.71'
const debianPackages = ['gcc', 'g++', 'libc6-dev', 'nlohmann-json3-dev', 'libstb-dev'] as const

/**
 * The instruction set that Ollama's arithmetic is compiled for, from the content of `/proc/cpuinfo`.
 *
 * The Go build has no variants to pick from at run time, and plain x86-64 is several times slower; so a machine with
 * AVX2 compiles for it. The image then runs on such machines only, which is fine for one that never leaves them.
 */
export function compilerFlags(architecture: string, cpuInfo: string): string {
  const words = new Set(/^flags\s*:(.*)$/m.exec(cpuInfo)?.[1]?.split(/\s+/))
  const level3 = ['avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'movbe'].every((flag) => words.has(flag))
  return architecture === 'x64' && level3 ? '-O3 -march=x86-64-v3' : '-O3'
}

/** What decides the content of the program that {@link ensureOllama} builds, as text. */
export async function ollamaRecipe(): Promise<string> {
  return [ollamaVersion, miniaudio, stamp, process.arch, await flags()].join('\n')
}

/**
 * Builds Ollama for the CPU from its Go module unless it is in the cache; returns the directory with `ollama` and
 * `LICENSE`.
 *
 * For machines that cannot pull the official image. Needs Go and a C++ compiler, and takes about 5 minutes of two
 * cores. The arithmetic library is linked in, so the program needs no files beside it. Three headers that the module
 * leaves out come from Debian and from the source package of `miniaudio` on PyPI.
 */
export async function ensureOllama({ log, signal }: Options): Promise<string> {
  const parent = cached()
  const target = await targetDirectory()
  if (existsSync(target)) return target
  return withLock(
    join(parent, 'lock'),
    async () => {
      if (!existsSync(target)) await build(parent, target, { log, ...(signal && { signal }) })
      return target
    },
    {
      ...(signal && { signal }),
      waiting: (pid) => log.line(`process ${pid} is building Ollama; waiting for it`),
    },
  )
}

function cached(): string {
  return join(cacheDirectory(), 'ollama')
}

async function targetDirectory(): Promise<string> {
  const key = contentHash([{ name: 'recipe', content: await ollamaRecipe() }]).slice(0, 10)
  return join(cached(), `${ollamaVersion}-${key}`)
}

async function build(parent: string, target: string, { log, signal }: Options): Promise<void> {
  const options = signal ? { signal } : {}
  if (!(await succeeds('go', ['version'], options))) {
    throw new Error(
      'Go is needed to build Ollama where no registry is reached; install Go 1.24 or newer, or use an Ollama outside the cluster',
    )
  }
  await ensurePackages(debianPackages, { log, ...options })
  // Always the same path: Go's cache goes by it for C sources, so an interrupted build continues where it was.
  const scratch = join(parent, 'build')
  const [source, result] = [join(scratch, 'source'), join(scratch, 'result')]
  await rm(scratch, { recursive: true, force: true })
  await mkdir(result, { recursive: true })
  try {
    await timed(log, `getting Ollama ${ollamaVersion}`, () =>
      prepareSource(scratch, source, signal),
    )
    await cp(join(source, 'LICENSE'), join(result, 'LICENSE'))
    const compiler = await flags()
    await timed(log, `building Ollama ${ollamaVersion} (usually 5 min on 2 cores)`, () =>
      run('building Ollama', 'nice', buildArguments(join(result, 'ollama')), {
        ...options,
        cwd: source,
        env: {
          CGO_ENABLED: '1',
          CGO_CFLAGS: compiler,
          CGO_CXXFLAGS: compiler,
        },
      }),
    )
    await rename(result, target)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

function buildArguments(output: string): readonly string[] {
  // Nice, and no wider than two: other things are being brought up on the same machine.
  return ['-n', '5', 'go', 'build', '-p', '2', '-trimpath', '-ldflags', stamp, '-o', output, '.']
}

async function prepareSource(
  scratch: string,
  source: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const options = { cwd: scratch, ...(signal && { signal }) }
  const answer = await run(
    'getting the Go module of Ollama',
    'go',
    ['mod', 'download', '-json', `${goModule}@v${ollamaVersion}`],
    options,
  )
  const module = downloaded.parse(JSON.parse(answer)).Dir
  // A copy, because the module cache is read-only and shared.
  await run('copying the Go module of Ollama', 'cp', ['-r', module, source], options)
  await run('making it writable', 'chmod', ['-R', 'u+w', source], options)
  const vendor = join(source, 'llama/llama.cpp/vendor')
  await cp('/usr/include/nlohmann', join(vendor, 'nlohmann'), {
    recursive: true,
  })
  await cp('/usr/include/stb', join(vendor, 'stb'), {
    recursive: true,
    dereference: true,
  })
  await run(
    'getting miniaudio.h',
    'python3',
    [...pipDownload, '--no-binary', ':all:', '--dest', scratch, miniaudio],
    options,
  )
  const archive = miniaudio.replace('==', '-')
  await run('unpacking miniaudio.h', 'tar', ['-xf', `${archive}.tar.gz`], options)
  await cp(join(scratch, archive, 'miniaudio/miniaudio.h'), join(vendor, 'miniaudio/miniaudio.h'))
}

async function flags(): Promise<string> {
  return compilerFlags(process.arch, await readFile('/proc/cpuinfo', 'utf8').catch(() => ''))
}
