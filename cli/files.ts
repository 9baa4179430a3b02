// Files and folders of a command. A file that it writes at its end is checked before the work,
// which may take minutes.
import { constants, rmSync } from 'node:fs'
import { access, lstat, mkdtemp, readdir, realpath, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { fileProblem } from '../core/base/file-problem.ts'
import { CliError, exitCodes } from './failure.ts'
import { tmpdir } from 'node:os'
import type { Clock } from '../core/base/clock.ts'

/** Which flag names the file, and which command's help explains the flag. */
export interface OutputUse {
  readonly cwd: string
  readonly flag: string
  readonly command: string
}

/** Writes nothing. Errors: `CliError` (usage) when `file` could not be written now. */
export async function refuseUnwritable(file: string, use: OutputUse): Promise<void> {
  const path = resolve(use.cwd, file)
  const folder = dirname(path)
  const refuse = (why: string, cause?: unknown): never => {
    throw unwritable(file, why, use, cause)
  }
  if (file.trim() === '') refuse('it has no name')
  const there = await stat(path).catch((cause: NodeJS.ErrnoException) =>
    cause.code === 'ENOENT' ? undefined : refuse(fileProblem(cause), cause),
  )
  if (there?.isDirectory() === true) refuse('it is a folder, not a file')
  if (there === undefined) {
    const parent = await stat(folder).catch(() => undefined)
    if (parent === undefined) refuse(`the folder ${folder} does not exist`)
    else if (!parent.isDirectory()) refuse(`${folder} is a file, not a folder`)
  }
  const place = there === undefined ? folder : path
  await access(place, constants.W_OK).catch((cause: unknown) => refuse(fileProblem(cause), cause))
}

/** The error for a file that could not be written after all. */
export function unwritable(file: string, why: string, use: OutputUse, cause?: unknown): CliError {
  return new CliError(`${file} cannot be written: ${why}`, {
    next: `guild ${use.command} --help   (${use.flag} takes the path of a file)`,
    exitCode: exitCodes.usage,
    cause,
  })
}

/** Temporary folders of this process: each is gone when the command has ended, in whatever way. */
const open = new Set<string>()
let isWatching = false

/** A second Ctrl-C ends the process at once; the folders that are left then are removed here. */
function sweep(): void {
  for (const folder of open) rmSync(folder, { recursive: true, force: true })
  open.clear()
}

/** Makes a fresh folder, without links in its path. Errors: `CliError` where none can be made. */
export async function openScratch(prefix: string): Promise<string> {
  if (!isWatching) process.on('exit', sweep)
  isWatching = true
  try {
    const folder = await realpath(await mkdtemp(join(tmpdir(), prefix)))
    open.add(folder)
    return folder
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CliError(`no folder can be made in ${tmpdir()}, where temporary files go: ${why}`, {
      next: 'TMPDIR=/var/tmp guild …   (or make room there)',
      cause,
    })
  }
}

/**
 * Removes a folder, unless it is kept. Never throws: a folder that cannot be removed now is tried
 * again when the process ends.
 */
export async function closeScratch(folder: string): Promise<void> {
  if (!open.has(folder)) return
  await rm(folder, { recursive: true, force: true, maxRetries: 3 }).then(
    () => open.delete(folder),
    () => undefined,
  )
}

/** Keeps a folder whose files a person was told of: closing it does nothing from now on. */
export function keepScratch(folder: string): void {
  open.delete(folder)
}

/** How long a folder that was kept for a person stays, in milliseconds. */
const keptMs = 7 * 24 * 3_600_000

/**
 * Removes folders of this user that are older than a week: kept ones, and those of killed commands.
 * Never throws.
 */
export async function removeOldScratch(
  prefixes: readonly string[],
  clock: Pick<Clock, 'now'>,
): Promise<void> {
  const names = await readdir(tmpdir()).catch(() => [])
  for (const name of names) {
    if (!prefixes.some((prefix) => name.startsWith(prefix))) continue
    const folder = join(tmpdir(), name)
    const found = await lstat(folder).catch(() => undefined)
    const isOurs = found?.isDirectory() === true && found.uid === process.getuid?.()
    if (isOurs && clock.now() - found.mtimeMs > keptMs && !open.has(folder))
      await rm(folder, { recursive: true, force: true }).catch(() => undefined)
  }
}
