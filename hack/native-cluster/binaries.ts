import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa, ExecaError } from 'execa'
import { withLock } from '../cluster/lock.ts'
import { duration, type Log } from '../cluster/log.ts'
import { cacheDirectory } from '../cluster/paths.ts'
import { ensurePackages } from './packages.ts'
import { type Part, parts, type Recipe } from './parts.ts'

const modules = join(dirname(fileURLToPath(import.meta.url)), 'go')

/** What a build says and when it has to stop. */
export interface BuildOptions {
  readonly log: Log
  readonly signal?: AbortSignal
}

/** The directory of a part's binaries, whether it is there yet or not. */
export function partDirectory(part: Part): string {
  return join(cacheDirectory(), 'bin', `${part.name}-${part.version}`)
}

/** The path of a binary that {@link ensureBinaries} made or will make. Throws for a name that no part has. */
export function binaryPath(name: string): string {
  return join(partDirectory(partOf(name)), name)
}

/** Whether every one of these binaries (all, when none is named) is in the cache. */
export function missingBinaries(names: readonly string[] = allBinaries()): readonly string[] {
  return names.filter((name) => !existsSync(binaryPath(name)))
}

/**
 * Builds what is missing of these binaries (all, when none is named) and returns where each one lies.
 *
 * Safe to call from several processes at once: a part is built by one of them, the others wait. A build that was
 * interrupted goes on where it stopped, because the Go build cache keeps what was compiled.
 */
export async function ensureBinaries(
  names: readonly string[] = allBinaries(),
  options: BuildOptions,
): Promise<Readonly<Record<string, string>>> {
  const wanted = parts.filter((part) => part.binaries.some((name) => names.includes(name)))
  for (const name of names) partOf(name)
  for (const [index, part] of wanted.entries()) {
    if (complete(part)) continue
    await withLock(
      join(cacheDirectory(), 'bin', `.lock-${part.name}`),
      async () => {
        if (complete(part)) return
        await build(part, `${index + 1} of ${wanted.length}`, options)
      },
      {
        ...(options.signal && { signal: options.signal }),
        waiting: (pid) =>
          options.log.line(`${part.name} is being built by process ${pid}; waiting for it`),
      },
    )
  }
  return Object.fromEntries(names.map((name) => [name, binaryPath(name)]))
}

function allBinaries(): readonly string[] {
  return parts.flatMap((part) => part.binaries)
}

function partOf(binary: string): Part {
  const part = parts.find((candidate) => candidate.binaries.includes(binary))
  if (!part) throw new Error(`no part of the cluster has a binary named ${binary}`)
  return part
}

function complete(part: Part): boolean {
  return part.binaries.every((name) => existsSync(join(partDirectory(part), name)))
}

async function build(part: Part, position: string, { log, signal }: BuildOptions): Promise<void> {
  await requireGo()
  if (part.packages) await ensurePackages(part.packages, { log, ...(signal && { signal }) })
  const target = partDirectory(part)
  const scratch = `${target}.part-${process.pid}`
  await removeLeftovers(target)
  await mkdir(scratch, { recursive: true })
  const label = `building ${part.name} ${part.version} (${position}, usually ${part.minutes} min on 2 cores)`
  const started = Date.now()
  log.line(`${label} …`)
  const timer = setInterval(() => log.update(`${label} … ${duration(Date.now() - started)}`), 1_000)
  try {
    await execa('go', goArguments(part.recipe, scratch), {
      cwd: part.recipe.kind === 'module' ? join(modules, part.recipe.module) : scratch,
      env: {
        CGO_ENABLED: part.recipe.kind === 'install' && part.recipe.cgo ? '1' : '0',
        GOBIN: scratch,
      },
      ...(signal && { cancelSignal: signal }),
    })
    await rm(target, { recursive: true, force: true })
    await rename(scratch, target)
  } catch (error) {
    await rm(scratch, { recursive: true, force: true })
    if (!(error instanceof ExecaError) || error.isCanceled) throw error
    const tail = String(error.stderr).trim().split('\n').slice(-15).join('\n')
    throw new Error(
      `building ${part.name} ${part.version} failed. See the lines below; then run the same command again, it goes on ` +
        `where it stopped.\n${tail}`,
      { cause: error },
    )
  } finally {
    clearInterval(timer)
  }
  log.line(`built ${part.name} ${part.version} in ${duration(Date.now() - started)}`)
}

/** The arguments of `go` that put a recipe's binaries into `target`. */
export function goArguments(recipe: Recipe, target: string): readonly string[] {
  const flags = [
    '-trimpath',
    '-buildvcs=false',
    '-ldflags',
    ['-s -w', recipe.ldflags].filter(Boolean).join(' '),
  ]
  switch (recipe.kind) {
    case 'module':
      return ['build', ...flags, '-o', `${target}/`, ...recipe.packages]
    case 'install':
      return ['install', ...flags, '-tags', recipe.tags ?? '', ...recipe.packages]
    default:
      return recipe satisfies never
  }
}

async function requireGo(): Promise<void> {
  const { exitCode, stdout } = await execa('go', ['env', 'GOVERSION'], { reject: false })
  const [major, minor] = stdout.replace('go', '').split('.').map(Number)
  if (exitCode === 0 && major === 1 && (minor ?? 0) >= 26) return
  throw new Error(
    `the native cluster is built with Go 1.26 or newer and ${exitCode === 0 ? `this is ${stdout}` : 'there is none'}; ` +
      'install it from https://go.dev/dl and run the same command again',
  )
}

/** Removes the scratch directories of builds whose process died. The caller holds the part's lock. */
async function removeLeftovers(target: string): Promise<void> {
  const siblings = await readdir(dirname(target)).catch(() => [])
  for (const name of siblings.filter((entry) => entry.startsWith(`${basename(target)}.part-`))) {
    await rm(join(dirname(target), name), { recursive: true, force: true })
  }
}
