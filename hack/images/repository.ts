import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

const described = z.looseObject({ version: z.string() })

/** Absolute path of this checkout. */
export const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** The version in `package.json`, which every image's tag begins with. */
export async function projectVersion(): Promise<string> {
  return packageVersion(join(repository, 'package.json'))
}

/** The version that a `package.json` names. */
export async function packageVersion(path: string): Promise<string> {
  return described.parse(JSON.parse(await readFile(path, 'utf8'))).version
}
