import { existsSync } from 'node:fs'
import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { execa } from 'execa'
import { type Log, timed } from '../cluster/log.ts'
import { failureMessage, run } from './command.ts'
import { contentHash, fileInputs, type HashInput, listFiles } from './content-hash.ts'
import { imagesDirectory } from './manifest.ts'
import { repository } from './repository.ts'

interface StageOptions {
  readonly log: Log
  readonly signal?: AbortSignal
}

const compiled = ['core', 'operator', 'forge', 'cli'] as const
const settings = ['package.json', 'tsconfig.json', 'tsconfig.build.json'] as const
const lockFiles = ['package.json', 'package-lock.json'] as const

/** Whether a file of the sources is in the image: all but tests; a project's template keeps its own. */
export function isShipped(path: string): boolean {
  return path.includes('/templates/') || !/\.test\.ts$|(^|\/)Dockerfile$/.test(path)
}

const spareFiles = /\.(map|ts|cts|mts|tsbuildinfo)$/

/**
 * Whether a file of an installed dependency is needed to run it: maps and TypeScript are not.
 *
 * By the ending only. Folders named `doc` or `test` hold code that is loaded in some packages.
 */
export function isNeededAtRunTime(path: string): boolean {
  return !spareFiles.test(path)
}

function isCompiled(path: string): boolean {
  const source = compiled.some((part) => path.startsWith(`${part}/`))
  return source && path.endsWith('.ts') && !path.includes('/templates/')
}

/** Whether a line of tsc tells of a text that is no TypeScript: codes of four digits that begin with 1. */
export function isSyntaxError(line: string): boolean {
  return /error TS1\d{3}:/.test(line)
}

/** Everything that decides the content of the operator's image. */
export async function operatorInputs(): Promise<readonly HashInput[]> {
  const paths = await sourcePaths()
  return fileInputs(repository, [...paths, ...settings, 'package-lock.json'])
}

/**
 * Fills `directory` with what the operator's Dockerfile copies: `dist/`, `node_modules/`, `package.json`.
 *
 * Types that do not check are reported but do not stop it, as `npm run check` is there for them; sources that cannot
 * be compiled at all do, with an Error.
 */
export async function stageOperator(
  directory: string,
  { log, signal }: StageOptions,
): Promise<void> {
  const dist = join(directory, 'dist')
  await timed(log, 'compiling the operator', () => compile(dist, log, signal))
  for (const path of await sourcePaths()) {
    if (!isCompiled(path)) await copyInto(dist, path)
  }
  await copyInto(dist, 'package.json')
  await copyInto(directory, 'package.json')
  const modules = await productionModules({ log, ...(signal && { signal }) })
  await cp(modules, join(directory, 'node_modules'), { recursive: true, verbatimSymlinks: true })
}

async function compile(dist: string, log: Log, signal: AbortSignal | undefined): Promise<void> {
  // With sourceRoot the maps name sources relative to the repository, and no path of this machine.
  const args = ['-p', 'tsconfig.build.json', '--outDir', dist, '--sourceRoot', '/guildhall']
  const tsc = join(repository, 'node_modules/.bin/tsc')
  const result = await execa(tsc, args, {
    cwd: repository,
    all: true,
    reject: false,
    ...(signal && { cancelSignal: signal }),
  })
  signal?.throwIfAborted()
  if (!result.failed) return
  const errors = result.all.split('\n').filter((line) => line.includes('error TS'))
  // tsc ends with 2 when it reported errors and still wrote everything.
  if (result.exitCode !== 2 || errors.some(isSyntaxError)) {
    throw new Error(failureMessage('compiling the operator', ['npm', 'run', 'build'], result.all))
  }
  log.line(`warning: ${errors.length} type errors in what goes into the image; see: npm run check`)
  log.line(`  first: ${errors[0] ?? ''}`)
}

async function productionModules({ log, signal }: StageOptions): Promise<string> {
  const files = await fileInputs(repository, lockFiles)
  const key = contentHash([...files, { name: 'spare', content: spareFiles.source }]).slice(0, 16)
  const target = join(imagesDirectory(), 'node-modules', key, 'node_modules')
  if (existsSync(target)) return target
  const scratch = join(imagesDirectory(), 'node-modules', `part-${process.pid}`)
  await rm(join(imagesDirectory(), 'node-modules'), { recursive: true, force: true })
  await mkdir(scratch, { recursive: true })
  for (const file of lockFiles) await cp(join(repository, file), join(scratch, file))
  await timed(log, 'installing production dependencies', async () => {
    // Not ci, which refuses a lock file without the optional packages of other platforms, as one written behind a
    // registry that lacks them is. Install takes the locked versions and checks their integrity all the same.
    const args = [
      'install',
      '--omit=dev',
      '--no-save',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
    ]
    await run('npm install', 'npm', [...args, '--loglevel=error'], {
      cwd: scratch,
      ...(signal && { signal }),
    })
    const modules = join(scratch, 'node_modules')
    await rm(join(modules, '.bin'), { recursive: true, force: true })
    const spare = await listFiles(modules, (path) => !isNeededAtRunTime(path))
    await Promise.all(spare.map((path) => rm(join(modules, path))))
  })
  await mkdir(dirname(target), { recursive: true })
  await rename(join(scratch, 'node_modules'), target)
  await rm(scratch, { recursive: true, force: true })
  return target
}

async function sourcePaths(): Promise<readonly string[]> {
  const lists = await Promise.all(
    compiled.map(async (part) =>
      (await listFiles(join(repository, part))).map((path) => `${part}/${path}`),
    ),
  )
  return lists.flat().filter(isShipped)
}

async function copyInto(directory: string, path: string): Promise<void> {
  const target = join(directory, path)
  await mkdir(dirname(target), { recursive: true })
  await cp(join(repository, path), target)
}

/** Writes inputs as files below a directory. */
export async function writeInputs(directory: string, inputs: readonly HashInput[]): Promise<void> {
  for (const { name, content } of inputs) {
    const target = join(directory, name)
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, content)
  }
}
