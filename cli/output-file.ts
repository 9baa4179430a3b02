// Files that a command writes at its end: whether they can be written is looked at before the work, which may take minutes.
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { fileProblem } from '../core/kube/file-problem.ts'
import { CliError, exitCodes } from './failure.ts'

/** What a file is for: the flag that names it, and the command whose help tells of it. */
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
